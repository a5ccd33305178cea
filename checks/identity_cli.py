#!/usr/bin/env python3
"""Administers a cloud with every identity command that the openstack client has, and looks at what each answers.
A command of the client that is not driven here fails the check."""

import json

from client_shell import Shell
from cloud import expect, run_check, run_parts


def lowered(text):
    """An answer's members by names in small letters: the client writes some of them large."""
    return {name.lower(): value for name, value in json.loads(text).items()}


class IdentityCommands:
    def __init__(self, shell, program):
        self.shell = shell
        self.program = program
        self.run, self.json, self.names = shell.run, shell.json, shell.names

    def file(self, name, content):
        path = self.program.directory / name
        path.write_text(content if isinstance(content, str) else json.dumps(content))
        return str(path)

    def as_user(self, *arguments, name="alice", password="alice-secret", project="web"):
        """Options that make the client another user."""
        return (*arguments, "--os-cloud", "", "--os-auth-url", f"{self.program.url}/identity/v3", "--os-username", name,
                "--os-password", password, "--os-user-domain-name", "shop", "--os-project-name", project,
                "--os-project-domain-name", "shop", "--os-identity-api-version", "3")

    def domains_and_projects(self):
        self.run("domain", "create", "shop", "--description", "The shop")
        self.run("domain", "set", "shop", "--description", "A shop")
        expect(self.json("domain", "show", "shop")["description"] == "A shop", "the domain's description stayed")
        expect("shop" in self.names("domain", "list"), "the domain is not listed")
        self.run("project", "create", "web", "--domain", "shop", "--tag", "blue", "--property", "team=one")
        self.run("project", "create", "web-test", "--domain", "shop", "--parent", "web")
        self.run("project", "set", "web", "--domain", "shop", "--description", "The web shop", "--tag", "green")
        shown = self.json("project", "show", "web", "--domain", "shop", "--children")
        expect(shown["description"] == "The web shop" and set(shown["tags"]) == {"blue", "green"}, f"project: {shown}")
        expect(len(shown["subtree"]) == 1, f"children: {shown['subtree']}")
        expect(self.names("project", "list", "--domain", "shop") == {"web", "web-test"}, "projects of the domain")
        expect(self.names("project", "list", "--tags", "blue") == {"web"}, "projects by tag")
        self.run("project", "delete", "web-test", "--domain", "shop")
        self.run("project", "create", "web", "--domain", "shop", fails="Conflict")

    def users_and_groups(self):
        self.run("user", "create", "alice", "--domain", "shop", "--password", "alice-first", "--email", "alice@example.org")
        self.run("user", "create", "bob", "--domain", "shop", "--password", "bob-secret", "--project", "web",
                 "--project-domain", "shop", "--enable-multi-factor-auth", "--multi-factor-auth-rule", "password")
        self.run("user", "set", "alice", "--domain", "shop", "--password", "alice-start", "--description", "A buyer")
        expect(self.json("user", "show", "alice", "--domain", "shop")["email"] == "alice@example.org", "the user's email")
        expect(self.names("user", "list", "--domain", "shop") == {"alice", "bob"}, "users of the domain")
        self.run("group", "create", "buyers", "--domain", "shop")
        self.run("group", "set", "buyers", "--domain", "shop", "--description", "Who buys")
        expect(self.json("group", "show", "buyers", "--domain", "shop")["description"] == "Who buys", "the group's description")
        expect("buyers" in self.names("group", "list", "--domain", "shop"), "groups of the domain")
        inside = ("--group-domain", "shop", "--user-domain", "shop")
        self.run("group", "add", "user", *inside, "buyers", "alice")
        expect("alice in group buyers" in self.run("group", "contains", "user", *inside, "buyers", "alice"), "membership")
        # The client takes the domain of --group for an id.
        domain = self.json("domain", "show", "shop")["id"]
        expect(self.names("user", "list", "--group", "buyers", "--domain", domain) == {"alice"}, "members")
        self.run("group", "remove", "user", *inside, "buyers", "alice")
        self.run("group", "contains", "user", *inside, "buyers", "alice")
        expect("not in group" in self.shell.said, f"membership after its end: {self.shell.said}")

    def roles(self):
        self.run("role", "create", "buyer", "--description", "May buy")
        self.run("role", "create", "cashier", "--domain", "shop")
        self.run("role", "set", "buyer", "--description", "Buys")
        expect(self.json("role", "show", "buyer")["description"] == "Buys", "the role's description")
        expect({"admin", "buyer"} <= self.names("role", "list"), "roles")
        expect(self.names("role", "list", "--domain", "shop") == {"cashier"}, "the domain's roles")
        self.run("implied", "role", "create", "buyer", "--implied-role", "reader")
        expect(any(row["Prior Role Name"] == "buyer" for row in self.json("implied", "role", "list")), "implied roles")
        on_web = ("--project", "web", "--project-domain", "shop")
        self.run("role", "add", *on_web, "--user", "alice", "--user-domain", "shop", "buyer")
        self.run("role", "add", *on_web, "--user", "alice", "--user-domain", "shop", "member")
        self.run("role", "add", "--domain", "shop", "--group", "buyers", "--group-domain", "shop", "--inherited", "reader")
        self.run("role", "add", "--system", "all", "--user", "bob", "--user-domain", "shop", "reader")
        rows = self.json("role", "assignment", "list", "--user", "alice", "--user-domain", "shop", "--names", "--effective")
        expect({row["Role"] for row in rows} == {"buyer", "member", "reader"}, f"effective roles: {rows}")
        self.run("role", "remove", "--system", "all", "--user", "bob", "--user-domain", "shop", "reader")
        self.run("role", "remove", "--domain", "shop", "--group", "buyers", "--group-domain", "shop", "--inherited", "reader")
        self.run("implied", "role", "delete", "buyer", "--implied-role", "reader")

    def tokens(self):
        self.run(*self.as_user("user", "password", "set", "--original-password", "alice-start", "--password",
                               "alice-secret", password="alice-start"))
        issued = json.loads(self.run(*self.as_user("token", "issue", "-f", "json")))
        expect(issued["project_id"], f"token: {issued}")
        self.run("token", "revoke", issued["id"])
        self.run("token", "issue", "--os-cloud", "", "--os-auth-type", "token", "--os-auth-url",
                 f"{self.program.url}/identity/v3", "--os-token", issued["id"], fails="")
        self.run(*self.as_user("token", "issue", password="wrong"), fails="401")
        expect("keystone" in self.names("catalog", "list"), "the catalog lacks keystone")
        expect(self.json("catalog", "show", "keystone")["type"] == "identity", "the catalog's keystone")
        self.run(*self.as_user("user", "list"), fails="403")

    def catalog(self):
        self.run("region", "create", "south")
        self.run("region", "create", "south-1", "--parent-region", "south", "--description", "A hall")
        self.run("region", "set", "south-1", "--description", "The hall")
        expect(self.json("region", "show", "south-1")["description"] == "The hall", "the region's description")
        expect({"south", "south-1"} <= self.names("region", "list", column="Region"), "regions")
        self.run("service", "create", "--name", "till", "payment", "--description", "Takes money")
        self.run("service", "set", "till", "--description", "Takes the money")
        expect(self.json("service", "show", "till")["description"] == "Takes the money", "the service's description")
        expect("till" in self.names("service", "list"), "services")
        endpoint = self.json("endpoint", "create", "till", "public", "http://till.example.org/%(project_id)s", "--region", "south")["id"]
        self.run("endpoint", "set", endpoint, "--url", "http://till.example.org/v2/%(project_id)s")
        expect(self.json("endpoint", "show", endpoint)["url"].endswith("/v2/%(project_id)s"), "the endpoint's URL")
        expect(self.json("endpoint", "list", "--service", "till")[0]["ID"] == endpoint, "endpoints")
        self.run("endpoint", "add", "project", endpoint, "web", "--project-domain", "shop")
        expect(self.json("endpoint", "list", "--project", "web", "--project-domain", "shop")[0]["ID"] == endpoint, "the project's endpoints")
        self.run("endpoint", "remove", "project", endpoint, "web", "--project-domain", "shop")
        filters = self.file("filters.json", {"interface": "public"})
        self.run("endpoint", "group", "create", "outside", filters, "--description", "What all may see")
        self.run("endpoint", "group", "set", "outside", "--name", "open")
        expect(self.json("endpoint", "group", "show", "open")["filters"] == {"interface": "public"}, "the group's filters")
        # The client looks for the project's name in no domain, whatever it is told.
        project = self.json("project", "show", "web", "--domain", "shop")["id"]
        self.run("endpoint", "group", "add", "project", "open", project)
        expect(self.names("endpoint", "group", "list", "--project", project) == {"open"}, "the project's groups")
        self.run("endpoint", "group", "remove", "project", "open", project)
        self.run("endpoint", "group", "delete", "open")
        self.limits()
        self.run("endpoint", "delete", endpoint)
        self.run("service", "delete", "till")
        self.run("region", "delete", "south-1")
        self.run("region", "delete", "south")

    def limits(self):
        registered = self.json("registered", "limit", "create", "coins", "--service", "till", "--region", "south",
                               "--default-limit", "10", "--description", "Coins in the till")["id"]
        self.run("registered", "limit", "set", registered, "--default-limit", "20")
        expect(self.json("registered", "limit", "show", registered)["default_limit"] == 20, "the registered limit")
        expect(self.json("registered", "limit", "list")[0]["Default Limit"] == 20, "registered limits")
        limit = self.json("limit", "create", "coins", "--service", "till", "--region", "south", "--project", "web",
                          "--project-domain", "shop", "--resource-limit", "5")["id"]
        self.run("limit", "set", limit, "--resource-limit", "6")
        expect(self.json("limit", "show", limit)["resource_limit"] == 6, "the limit")
        expect(self.json("limit", "list", "--service", "till", "--region", "south", "--project", "web", "--project-domain",
                         "shop")[0]["ID"] == limit, "limits")
        self.run("registered", "limit", "delete", registered, fails="")
        self.run("limit", "delete", limit)
        self.run("registered", "limit", "delete", registered)

    def credentials(self):
        made = self.json("credential", "create", "--type", "cert", "admin", "a certificate")["id"]
        self.run("credential", "set", made, "--user", "admin", "--type", "cert", "--data", "another certificate")
        expect(self.json("credential", "show", made)["blob"] == "another certificate", "the credential")
        expect(made in self.names("credential", "list", column="ID"), "credentials")
        self.run("credential", "delete", made)
        keys = self.json("ec2", "credentials", "create")
        expect(self.json("ec2", "credentials", "show", keys["access"])["secret"] == keys["secret"], "EC2 credentials")
        expect(keys["access"] in self.names("ec2", "credentials", "list", column="Access"), "EC2 credentials")
        self.run("ec2", "credentials", "delete", keys["access"])

    def application_credentials(self):
        rules = json.dumps([{"service": "compute", "method": "GET", "path": "/v2.1/servers"}])
        made = lowered(self.run(*self.as_user(
            "application", "credential", "create", "robot", "--role", "member", "--secret", "robot-secret", "--access-rules",
            rules, "-f", "json")))
        shown = lowered(self.run(*self.as_user("application", "credential", "show", "robot", "-f", "json")))
        expect(shown["id"] == made["id"], f"application credential: {shown}")
        listed = json.loads(self.run(*self.as_user("application", "credential", "list", "-f", "json")))
        expect([row["Name"] for row in listed] == ["robot"], f"application credentials: {listed}")
        self.run("token", "issue", "--os-cloud", "", "--os-auth-type", "v3applicationcredential", "--os-auth-url",
                 f"{self.program.url}/identity/v3", "--os-application-credential-id", made["id"],
                 "--os-application-credential-secret", "robot-secret")
        rule = json.loads(self.run(*self.as_user("access", "rule", "list", "-f", "json")))[0]["ID"]
        self.run(*self.as_user("access", "rule", "show", rule))
        self.run(*self.as_user("access", "rule", "delete", rule), fails="403")
        self.run(*self.as_user("application", "credential", "delete", "robot"))
        self.run(*self.as_user("access", "rule", "delete", rule))

    def trusts(self):
        # Alice may not look others up by name, so she names all by id.
        project = self.json("project", "show", "web", "--domain", "shop")["id"]
        member = self.json("role", "show", "member")["id"]
        made = json.loads(self.run(*self.as_user(
            "trust", "create", "--project", project, "--role", member, self.user_id("alice"), self.user_id("bob"), "-f",
            "json")))["id"]
        expect(json.loads(self.run(*self.as_user("trust", "show", made, "-f", "json")))["id"] == made, "trust")
        rows = json.loads(self.run(*self.as_user("trust", "list", "--trustor", self.user_id("alice"), "-f", "json")))
        expect([row["ID"] for row in rows] == [made], f"trusts: {rows}")
        self.run("token", "issue", "--os-cloud", "", "--os-auth-url", f"{self.program.url}/identity/v3", "--os-username", "bob",
                 "--os-user-domain-name", "shop", "--os-password", "bob-secret", "--os-trust-id", made,
                 "--os-identity-api-version", "3")
        self.run(*self.as_user("trust", "delete", made))

    def user_id(self, name):
        return self.json("user", "show", name, "--domain", "shop")["id"]

    def oauth(self):
        consumer = self.json("consumer", "create", "--description", "A reader")
        self.run("consumer", "set", consumer["id"], "--description", "The reader")
        expect(self.json("consumer", "show", consumer["id"])["description"] == "The reader", "the consumer")
        expect(consumer["id"] in self.names("consumer", "list", column="ID"), "consumers")
        project = self.json("project", "show", "admin")["id"]
        key = ("--consumer-key", consumer["id"], "--consumer-secret", consumer["secret"])
        request = self.json("request", "token", "create", *key, "--project", project)
        verifier = self.json("request", "token", "authorize", "--request-key", request["id"], "--role",
                             self.json("role", "show", "member")["id"])["oauth_verifier"]
        access = self.json("access", "token", "create", *key, "--request-key", request["id"], "--request-secret",
                           request["secret"], "--verifier", verifier)
        expect(access["id"] and access["secret"], f"access token: {access}")
        self.run("consumer", "delete", consumer["id"])

    def policies(self):
        rules = self.file("rules.json", {"shop:sell": "role:cashier"})
        made = self.json("policy", "create", rules, "--type", "application/json")["id"]
        self.run("policy", "set", made, "--type", "application/x-rules")
        expect(self.json("policy", "show", made)["type"] == "application/x-rules", "the policy")
        expect(made in self.names("policy", "list", column="ID"), "policies")
        self.run("policy", "delete", made)

    def federation(self):
        rules = self.file("mapping.json", [{
            "local": [{"user": {"name": "{0}"}}, {"group": {"id": self.json("group", "show", "buyers", "--domain", "shop")["id"]}}],
            "remote": [{"type": "REMOTE_USER"}]}])
        self.run("mapping", "create", "visitors", "--rules", rules)
        self.run("mapping", "set", "visitors", "--rules", rules)
        expect(self.json("mapping", "show", "visitors")["id"] == "visitors", "the mapping")
        expect("visitors" in self.names("mapping", "list", column="ID"), "mappings")
        self.run("identity", "provider", "create", "partner", "--remote-id", "https://idp.example.org")
        self.run("identity", "provider", "set", "partner", "--description", "A partner")
        expect(self.json("identity", "provider", "show", "partner")["description"] == "A partner", "the identity provider")
        expect("partner" in self.names("identity", "provider", "list", column="ID"), "identity providers")
        of_partner = ("--identity-provider", "partner")
        self.run("federation", "protocol", "create", "openid", *of_partner, "--mapping", "visitors")
        self.run("federation", "protocol", "set", "openid", *of_partner, "--mapping", "visitors")
        self.run("federation", "protocol", "show", "openid", *of_partner)
        expect(self.json("federation", "protocol", "list", *of_partner)[0]["id"] == "openid", "protocols")
        self.run("federation", "protocol", "delete", "openid", *of_partner)
        self.run("identity", "provider", "delete", "partner")
        self.run("mapping", "delete", "visitors")
        self.run("federation", "domain", "list")
        self.run("federation", "project", "list")
        self.run("service", "provider", "create", "sister", "--auth-url", "https://sister.example.org/v3/auth",
                 "--service-provider-url", "https://sister.example.org/sp")
        self.run("service", "provider", "set", "sister", "--description", "A sister cloud")
        expect(self.json("service", "provider", "show", "sister")["description"] == "A sister cloud", "the service provider")
        expect("sister" in self.names("service", "provider", "list", column="ID"), "service providers")
        self.run("service", "provider", "delete", "sister")

    def clean(self):
        self.run("role", "delete", "buyer")
        self.run("role", "delete", "cashier", "--domain", "shop")
        self.run("group", "delete", "buyers", "--domain", "shop")
        self.run("user", "delete", "alice", "bob", "--domain", "shop")
        self.run("project", "delete", "web", "--domain", "shop")
        self.run("domain", "delete", "shop", fails="403")
        self.run("domain", "set", "shop", "--disable")
        self.run("domain", "delete", "shop")


def check(program, options):
    shell = Shell(program, options.venv, "openstack.identity.v3")
    flow = IdentityCommands(shell, program)
    run_parts([flow.domains_and_projects, flow.users_and_groups, flow.roles, flow.tokens, flow.catalog, flow.credentials,
               flow.application_credentials, flow.trusts, flow.oauth, flow.policies, flow.federation, flow.clean])
    shell.conclude()


if __name__ == "__main__":
    run_check(check)
