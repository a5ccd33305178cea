#!/usr/bin/env python3
"""Logs in to a cloud in every way there is but a plain password, from outside and with real signatures and codes; then
what narrows or ends a login: access rules, trusts, limits, key rotations, the rules about passwords. What must be
refused is tried as well."""

import base64
import json
import secrets
import time

from cloud import expect, run_check, run_parts, wait_for
from identity_passwords import PasswordRules
from identity_site import PASSWORD, Site

SETTINGS = ["identity.totp_included_previous_windows=10", "identity.federation.trusted_proxies=127.0.0.1",
            "identity.federation.assertion_prefix=OIDC-", "identity.enforcement_model=strict_two_level",
            "identity.max_active_keys=3", "log.access=false"]


class Logins:
    """Ways to log in without a password, or with more than that."""

    def __init__(self, site):
        import identity_signatures
        import keystoneauth1.exceptions
        import keystoneauth1.extras.oauth1
        import keystoneauth1.identity.v3

        self.site, self.program = site, site.program
        self.signatures = identity_signatures
        self.v3 = keystoneauth1.identity.v3
        self.oauth1 = keystoneauth1.extras.oauth1.v3
        self.exceptions = keystoneauth1.exceptions
        self.step = identity_signatures.step_now() - 8

    def totp(self):
        """One-time passwords alone, and as the second factor with a receipt in between."""
        site, user = self.site, self.site.user("tina")
        self.seed = base64.b32encode(secrets.token_bytes(20)).decode()
        site.ok("POST", "/credentials", {"credential": {"type": "totp", "blob": self.seed, "user_id": user["id"]}}, status=201)
        code = self.next_code()
        auth = self.v3.TOTP(site.auth_url, code, user_id=user["id"], project_id=site.project)
        token = site.session(auth).get_token()
        expect(site.shown(token)["methods"] == ["totp"], "the methods of a token by a one-time password")
        site.refused(401, site.identity({"totp": {"user": {"id": user["id"], "passcode": code}}}), "a used one-time password")
        wrong = f"{(int(code) + 1) % 1_000_000:06d}"
        site.refused(401, site.identity({"totp": {"user": {"id": user["id"], "passcode": wrong}}}), "a wrong one-time password")
        rules = {"multi_factor_auth_enabled": True, "multi_factor_auth_rules": [["password", "totp"]]}
        site.ok("PATCH", f"/users/{user['id']}", {"user": {"options": rules}})
        self.receipts(user)

    def next_code(self):
        self.step += 1
        return self.signatures.passcode(self.seed, self.step)

    def receipts(self, user):
        site, ask = self.site, self.site.password(user["id"])
        status, headers, answer = site.log_in(ask, {"project": {"id": site.project}})
        receipt = headers["Openstack-Auth-Receipt"]
        expect(status == 401 and receipt, f"a password where two methods are needed: {status} {answer}")
        expect(answer["receipt"]["methods"] == ["password"] and answer["required_auth_methods"] == [["password", "totp"]],
               f"the receipt: {answer}")
        try:
            site.session(self.v3.Password(site.auth_url, user_id=user["id"], password=PASSWORD)).get_token()
            expect(False, "keystoneauth got a token for one method of two")
        except self.exceptions.MissingAuthMethods as missing:
            expect(missing.receipt and missing.methods == ["password"], f"keystoneauth understands the receipt: {missing}")
        code = {"totp": {"user": {"id": user["id"], "passcode": self.next_code()}}}
        for strange in ["nonsense", receipt[:-8] + "AAAAAAAA"]:
            site.refused(401, site.identity({"totp": {"user": {"id": user["id"], "passcode": self.next_code()}}}),
                         "a receipt that is none", receipt=strange)
        other = site.user("tom")
        site.ok("PATCH", f"/users/{other['id']}", {"user": {"options": {"multi_factor_auth_rules": [["password", "totp"]]}}})
        site.refused(401, site.password(other["id"]), "somebody else's receipt", receipt=receipt)
        status, headers, answer = site.log_in(code, {"project": {"id": site.project}}, {"Openstack-Auth-Receipt": receipt})
        expect(status == 201 and set(answer["token"]["methods"]) == {"password", "totp"}, f"with the receipt: {status} {answer}")
        both = self.v3.Auth(site.auth_url, [self.v3.PasswordMethod(user_id=user["id"], password=PASSWORD),
                                            self.v3.TOTPMethod(user_id=user["id"], passcode=self.next_code())])
        expect(site.session(both).get_token(), "both methods at once")

    def ec2_and_s3(self):
        """Requests signed with EC2 keys, as the services in front pass them on."""
        site, user = self.site, self.site.user("eve")
        access, secret = self.ec2_keys(user)
        sign = self.signatures
        for path, make in [("/ec2tokens", sign.signed_version_2), ("/ec2tokens", sign.signed_version_4), ("/s3tokens", sign.signed_text)]:
            name = f"{path} {make.__name__}"
            status, headers, answer = site.http("POST", path, make(access, secret))
            expect(status == 200 and answer["token"]["user"]["id"] == user["id"], f"{name}: {status} {answer}")
            expect(answer["token"]["project"]["id"] == site.project and answer["token"]["methods"] == ["ec2credential"], f"{name}: {answer}")
            expect(("X-Subject-Token" in headers) == (path == "/ec2tokens"), f"{name}: the token itself in the answer")
            if path == "/ec2tokens":
                expect(site.shown(headers["X-Subject-Token"])["project"]["id"] == site.project, f"{name}: the token")
            for what, asked, code in [("a wrong secret", make(access, "0" * 32), 401), ("a signature of an hour ago", make(access, secret, age=3600), 401),
                                      ("unknown keys", make("0" * 32, secret), 404)]:
                status, _, answer = site.http("POST", path, asked)
                expect(status == code, f"{name} with {what}: {status} {answer}")
            member = site.token(user["id"])
            expect(site.http("POST", path, make(access, secret), member)[0] == 403, f"{name} asked by no service")
        changed = sign.signed_version_4(access, secret)
        changed["credentials"]["params"]["Action"] = "TerminateInstances"
        expect(site.http("POST", "/ec2tokens", changed)[0] == 401, "a signature of another request")
        expect(site.http("POST", "/s3tokens", sign.signed_text(access, secret, service="ec2"))[0] == 401, "another service's signature")

    def ec2_keys(self, user, token=None):
        path = f"/users/{user['id']}/credentials/OS-EC2"
        keys = self.site.ok("POST", path, {"tenant_id": self.site.project}, token, 201)["credential"]
        return keys["access"], keys["secret"]

    def oauth(self):
        """The whole of OAuth 1.0a: a request, its authorisation, the access token, the login with it."""
        site = self.site
        made = site.ok("POST", "/OS-OAUTH1/consumers", {"consumer": {"description": "A reader"}}, status=201)["consumer"]
        consumer = self.signatures.Consumer(self.program, made["id"], made["secret"])
        stranger = self.signatures.Consumer(self.program, made["id"], "not the secret")
        expect(stranger.request_token(site.project)[0] == 401, "a request signed with a wrong secret")
        status, _ = consumer.request_token(site.project, timestamp=str(int(time.time()) - 7200))
        expect(status == 400, f"a request signed two hours ago: {status}")
        status, request = consumer.request_token(site.admin_project)
        expect(status == 201 and request["oauth_token_secret"], f"request token: {status} {request}")
        expect(consumer.access_token(request, "ABCDEFGH")[0] == 401, "an access token before the authorisation")
        verifier = site.ok("PUT", f"/OS-OAUTH1/authorize/{request['oauth_token']}", {"roles": [{"id": site.roles["reader"]}]})["token"]["oauth_verifier"]
        # No verifier has a zero.
        expect(consumer.access_token(request, "0" + verifier[1:])[0] == 401, "a wrong verifier")
        expect(stranger.access_token(request, verifier)[0] == 401, "an access token under a wrong secret")
        status, access = consumer.access_token(request, verifier)
        expect(status == 201 and access["oauth_token_secret"], f"access token: {status} {access}")
        expect(consumer.access_token(request, verifier)[0] in (401, 404), "a request token used twice")
        auth = self.oauth1.OAuth1(site.auth_url, made["id"], made["secret"], access["oauth_token"], access["oauth_token_secret"])
        token = site.session(auth).get_token()
        shown = site.shown(token)
        expect(shown["methods"] == ["oauth1"] and {role["name"] for role in shown["roles"]} == {"reader"}, f"what was lent: {shown}")
        expect(shown["OS-OAUTH1"]["consumer_id"] == made["id"], f"who it was lent to: {shown}")
        expect(site.http("POST", "/projects", {"project": {"name": "stolen"}}, token)[0] == 403, "more than was lent")
        wrong = self.oauth1.OAuth1(site.auth_url, made["id"], made["secret"], access["oauth_token"], "not the secret")
        site.raises(self.exceptions.Unauthorized, wrong, "a login signed with a wrong secret")
        site.ok("DELETE", f"/OS-OAUTH1/consumers/{made['id']}", status=204)
        expect(site.holds(token) == 404, "a token outlived what was lent")

    def application_credentials(self):
        """Access rules, enforced in front of the other services."""
        site, user = self.site, self.site.user("anna")
        own = site.token(user["id"])
        rules = [{"service": "compute", "method": "GET", "path": "/v2.1/servers"}, {"service": "image", "method": "GET", "path": "/v2/images/**"},
                 {"service": "image", "method": "GET", "path": "/v2/images"}]
        body = {"application_credential": {"name": "robot", "roles": [{"name": "member"}], "access_rules": rules}}
        made = site.ok("POST", f"/users/{user['id']}/application_credentials", body, own, 201)["application_credential"]
        auth = self.v3.ApplicationCredential(site.auth_url, application_credential_id=made["id"], application_credential_secret=made["secret"])
        token = site.session(auth).get_token()
        for method, path, expected in [
                ("GET", "/compute/v2.1/servers", 200), ("GET", "/compute/v2.1/servers?limit=1", 200), ("GET", "/image/v2/images", 200),
                ("GET", "/image/v2/images/nothing", 404), ("GET", "/compute/v2.1/servers/detail", 401), ("GET", "/compute/v2.1/flavors", 401),
                ("POST", "/compute/v2.1/servers", 401), ("POST", "/image/v2/images", 401), ("GET", "/network/v2.0/networks", 401),
                ("GET", "/identity/v3/auth/projects", 401)]:
            status = self.program.http(method, path, {} if method == "POST" else None, token)[0]
            expect(status == expected, f"{method} {path} with access rules: {status} and not {expected}")
        expect(site.holds(token) == 404, "a service that knows no access rules is told of the token")
        status = site.http("GET", "/auth/tokens", headers={"X-Subject-Token": token, "OpenStack-Identity-Access-Rules": "1.0"})[0]
        expect(status == 200, f"a service that knows access rules: {status}")
        wrong = self.v3.ApplicationCredential(site.auth_url, application_credential_id=made["id"], application_credential_secret="x" + made["secret"])
        site.raises(self.exceptions.Unauthorized, wrong, "an application credential with a wrong secret")
        body["application_credential"].update(name="plain", access_rules=[])
        plain = site.ok("POST", f"/users/{user['id']}/application_credentials", body, own, 201)["application_credential"]
        named = self.v3.ApplicationCredential(site.auth_url, application_credential_name="plain", username="anna", user_domain_id="default",
                                              application_credential_secret=plain["secret"])
        token = site.session(named).get_token()
        body["application_credential"]["name"] = "another"
        status = site.http("POST", f"/users/{user['id']}/application_credentials", body, token)[0]
        expect(status == 403, f"an application credential made with a restricted one: {status}")
        site.ok("DELETE", f"/users/{user['id']}/application_credentials/{plain['id']}", None, own, 204)
        expect(site.holds(token) == 404, "a token outlived its application credential")

    def federation(self):
        """A login by the word of a trusted proxy, to a token of a project."""
        site = self.site
        group = site.ok("POST", "/groups", {"group": {"name": "guests", "domain_id": "default"}}, status=201)["group"]["id"]
        site.ok("PUT", f"/projects/{site.project}/groups/{group}/roles/{site.roles['member']}", status=204)
        rules = [{"local": [{"user": {"name": "{0}", "email": "{1}"}}, {"group": {"id": group}}],
                  "remote": [{"type": "HTTP_OIDC_SUB"}, {"type": "HTTP_OIDC_EMAIL"}, {"type": "HTTP_OIDC_TEAM", "any_one_of": ["blue"]}]}]
        site.ok("PUT", "/OS-FEDERATION/mappings/people", {"mapping": {"rules": rules}}, status=201)
        provider = "/OS-FEDERATION/identity_providers/acme"
        site.ok("PUT", provider, {"identity_provider": {"enabled": True, "remote_ids": ["https://acme.example.org"]}}, status=201)
        body = {"protocol": {"mapping_id": "people", "remote_id_attribute": "HTTP_OIDC_ISS"}}
        site.ok("PUT", provider + "/protocols/openid", body, status=201)
        self.word = {"OIDC-sub": "grace", "OIDC-email": "grace@acme.example.org", "OIDC-team": "red;blue", "OIDC-iss": "https://acme.example.org"}
        self.door = provider + "/protocols/openid/auth"
        # keystoneauth's own flow; the proxy in front would add the headers.
        auth = self.v3.OidcAccessToken(site.auth_url, identity_provider="acme", protocol="openid", access_token="checked by the proxy",
                                       project_id=site.project)
        session = site.session(auth, additional_headers=self.word)
        shown = site.shown(session.get_token())
        expect(shown["user"]["name"] == "grace" and shown["project"]["id"] == site.project, f"the federated token: {shown}")
        expect({role["name"] for role in shown["roles"]} == {"member", "reader"}, f"the roles of the group: {shown['roles']}")
        expect(shown["user"]["OS-FEDERATION"]["identity_provider"]["id"] == "acme", f"who vouched: {shown['user']}")
        for what, change in [("another team", {"OIDC-team": "red"}), ("another issuer", {"OIDC-iss": "https://evil.example.org"})]:
            status = self.assert_word(self.word | change)[0]
            expect(status in (401, 403), f"an assertion with {what}: {status}")
        expect(self.assert_word({name.replace("OIDC", "OTHER"): value for name, value in self.word.items()})[0] == 401, "headers of another name")

    def assert_word(self, headers):
        return self.site.http("POST", self.door, token="", headers=headers)

    def limits(self):
        """The strict model of two levels: no project has more than its domain."""
        site = self.site
        expect(site.ok("GET", "/limits/model")["model"]["name"] == "strict_two_level", "the enforcement model")
        service = next(row["id"] for row in site.ok("GET", "/services")["services"] if row["type"] == "compute")
        domain = site.ok("POST", "/domains", {"domain": {"name": "limited"}}, status=201)["domain"]["id"]
        project = site.ok("POST", "/projects", {"project": {"name": "small", "domain_id": domain}}, status=201)["project"]["id"]
        resource = {"service_id": service, "region_id": "RegionOne", "resource_name": "cores"}

        def limit(value, **owner):
            return site.http("POST", "/limits", {"limits": [resource | owner | {"resource_limit": value}]})

        expect(limit(1, project_id=project)[0] == 403, "a limit of what is not registered")
        site.ok("POST", "/registered_limits", {"registered_limits": [resource | {"default_limit": 10}]}, status=201)
        expect(limit(11, project_id=project)[0] == 403, "a child's limit over what everyone has")
        status, _, answer = limit(8, domain_id=domain)
        expect(status == 201, f"a domain's limit: {answer}")
        above = answer["limits"][0]["id"]
        expect(limit(9, project_id=project)[0] == 403, "a child's limit over its parent's")
        status, _, answer = limit(5, project_id=project)
        expect(status == 201, f"a child's limit: {answer}")
        below = answer["limits"][0]["id"]
        for identifier, value, expected in [(above, 4, 403), (below, 9, 403), (above, 6, 200), (below, 6, 200)]:
            status = site.http("PATCH", f"/limits/{identifier}", {"limit": {"resource_limit": value}})[0]
            expect(status == expected, f"a limit of {value}: {status} and not {expected}")
        child = site.ok("POST", "/projects", {"project": {"name": "child", "parent_id": project, "domain_id": domain}}, status=201)
        deeper = {"project": {"name": "grandchild", "parent_id": child["project"]["id"], "domain_id": domain}}
        expect(site.http("POST", "/projects", deeper)[0] == 403, "projects nest deeper than the model allows")

    def trusts(self):
        """Lending with counted uses, and handing on what was lent."""
        site = self.site
        lender, agent, helper = (site.user(name) for name in ["lena", "alan", "hugo"])
        own = site.token(lender["id"])
        body = {"trustor_user_id": lender["id"], "trustee_user_id": agent["id"], "project_id": site.project, "impersonation": False,
                "roles": [{"name": "member"}], "remaining_uses": 2}
        trust = site.ok("POST", "/OS-TRUST/trusts", {"trust": body}, own, 201)["trust"]["id"]
        site.raises(self.exceptions.Forbidden, self.by_trust(helper, trust), "a trust used by somebody else")
        for left in [1, 0]:
            token = site.session(self.by_trust(agent, trust)).get_token()
            expect(site.shown(token)["OS-TRUST:trust"]["id"] == trust, "the token of a trust")
            status, _, answer = site.http("GET", f"/OS-TRUST/trusts/{trust}", None, own)
            expect(status == (200 if left else 404), f"a trust with {left} uses left: {status}")
        site.raises(self.exceptions.Unauthorized, self.by_trust(agent, trust), "a trust that is used up")
        del body["remaining_uses"]
        body.update(allow_redelegation=True, redelegation_count=1)
        trust = site.ok("POST", "/OS-TRUST/trusts", {"trust": body}, own, 201)["trust"]["id"]
        token = site.session(self.by_trust(agent, trust)).get_token()
        onward = dict(body, trustor_user_id=agent["id"], trustee_user_id=helper["id"], redelegation_count=0, allow_redelegation=False)
        status, _, answer = site.http("POST", "/OS-TRUST/trusts", {"trust": dict(onward, redelegation_count=2, allow_redelegation=True)}, token)
        expect(status == 403, f"a trust handed on more often than allowed: {status} {answer}")
        handed = site.ok("POST", "/OS-TRUST/trusts", {"trust": onward}, token, 201)["trust"]
        expect(handed["redelegated_trust_id"] == trust, f"a trust that was handed on: {handed}")
        last = site.session(self.by_trust(helper, handed["id"])).get_token()
        further = dict(onward, trustor_user_id=helper["id"], trustee_user_id=lender["id"])
        expect(site.http("POST", "/OS-TRUST/trusts", {"trust": further}, last)[0] == 403, "a trust handed on once too often")
        site.ok("DELETE", f"/OS-TRUST/trusts/{trust}", None, own, 204)
        expect(site.holds(last) == 404, "a token outlived the trust it was handed on from")

    def keys_of_trusts(self):
        """EC2 keys whose user bound them to a trust lend what the trust does, and no stranger's keys do."""
        site, sign = self.site, self.signatures.signed_version_4
        lender, agent, stranger = (site.user(name) for name in ["lars", "amy", "sam"])
        own = site.token(lender["id"])
        for impersonates in [True, False]:
            body = {"trustor_user_id": lender["id"], "trustee_user_id": agent["id"], "project_id": site.project,
                    "impersonation": impersonates, "roles": [{"name": "reader"}]}
            trust = site.ok("POST", "/OS-TRUST/trusts", {"trust": body}, own, 201)["trust"]["id"]
            speaker = lender if impersonates else agent
            for user, expected in [(agent, 200), (lender, 200 if impersonates else 401), (stranger, 401)]:
                access, secret = secrets.token_hex(16), secrets.token_hex(16)
                blob = json.dumps({"access": access, "secret": secret, "trust_id": trust})
                made = {"type": "ec2", "blob": blob, "user_id": user["id"], "project_id": site.project}
                site.ok("POST", "/credentials", {"credential": made}, status=201)
                status, headers, answer = site.http("POST", "/ec2tokens", sign(access, secret))
                expect(status == expected, f"keys of {user['name']} bound to a trust: {status} {answer}")
                if status == 200:
                    lent, token = headers["X-Subject-Token"], answer["token"]
                    expect(token["user"]["id"] == speaker["id"] and token["OS-TRUST:trust"]["id"] == trust, f"whose token: {token}")
                    expect([role["name"] for role in token["roles"]] == ["reader"], f"what was lent: {token['roles']}")
            site.ok("DELETE", f"/OS-TRUST/trusts/{trust}", None, own, 204)
            expect(site.holds(lent) == 404, "a token outlived the trust its keys were bound to")

    def by_trust(self, user, trust):
        return self.v3.Password(self.site.auth_url, user_id=user["id"], password=PASSWORD, trust_id=trust)

    def key_rotation(self):
        """Keys rotated by the program's command under a running program."""
        site, user = self.site, self.site.user("rosa")
        old, keys = site.token(user["id"]), self.ec2_keys(user)
        self.program.command("identity", "rotate-keys", "--credentials")
        status, _, answer = site.http("POST", "/ec2tokens", self.signatures.signed_version_4(*keys))
        expect(status == 200, f"EC2 keys after a rotation of the credentials' keys: {status} {answer}")
        self.program.command("identity", "rotate-keys")
        # The program looks at the keys once a second; until then tokens are made under the older one.
        time.sleep(1.2)
        middle = site.token(site.user("ruth")["id"])
        expect(site.holds(old) == 200, "a token whose key is still there")
        self.program.command("identity", "rotate-keys")
        wait_for("the end of a token whose key is gone", lambda: self.ended(old), 5)
        site.log_in_admin()
        expect(site.holds(middle) == 200, "a token whose key became an older one")

    def ended(self, token):
        """Whether a token does not hold, by itself: the administrator's may have ended with it."""
        return self.program.http("GET", "/identity/v3/auth/projects", token=token)[0] == 401

    def allow_expired(self):
        """A token that is over can still be looked at by services, for a while."""
        site, user = self.site, self.site.user("otto")
        service = site.user("nova-service", role="service")
        own = site.token(user["id"])
        end = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(time.time() + 2))
        body = {"application_credential": {"name": "short", "expires_at": end}}
        made = site.ok("POST", f"/users/{user['id']}/application_credentials", body, own, 201)["application_credential"]
        auth = self.v3.ApplicationCredential(site.auth_url, application_credential_id=made["id"], application_credential_secret=made["secret"])
        token, asker = site.session(auth).get_token(), site.token(service["id"])
        subject = {"X-Subject-Token": token}
        expect(site.http("GET", "/auth/tokens", None, asker, subject)[0] == 200, "a token before its end")
        wait_for("the end of a token", lambda: site.http("GET", "/auth/tokens", None, asker, subject)[0] == 404, 10)
        status, _, answer = site.http("GET", "/auth/tokens?allow_expired=1", None, asker, subject)
        expect(status == 200 and answer["token"]["user"]["id"] == user["id"], f"allow_expired: {status} {answer}")
        other = site.http("GET", "/auth/tokens?allow_expired=1", None, site.token(site.user("olga")["id"]), subject)[0]
        expect(other == 403, f"allow_expired asked by no service: {other}")
        expect(self.program.http("GET", "/identity/v3/auth/projects", token=token)[0] == 401, "a token used after its end")

    def version_2(self):
        """Version 2.0 is gone; discovery names version 3 only."""
        for method, path in [("GET", "/identity/v2.0"), ("GET", "/identity/v2.0/"), ("POST", "/identity/v2.0/tokens"), ("GET", "/identity/v2.0/tenants"),
                             ("POST", "/identity/v2.0/ec2tokens")]:
            status, _, answer = self.program.http(method, path, {} if method == "POST" else None, self.site.admin)
            expect(status == 404 and answer["error"]["code"] == 404, f"{method} {path}: {status} {answer}")
        status, _, answer = self.program.http("GET", "/identity/")
        versions = [version["id"] for version in answer["versions"]["values"]]
        expect(status == 300 and all(version.startswith("v3") for version in versions), f"the versions: {status} {answer}")

    def signed_tokens(self):
        """Tokens as JSON Web Signatures, with those made before still good; and no assertions from strangers."""
        site = self.site
        before, others = site.token(site.user("jana")["id"]), [setting for setting in SETTINGS if "trusted_proxies" not in setting]
        self.program.restart([*others, "identity.federation.trusted_proxies=192.0.2.0/24", "identity.token_provider=jws"])
        status = self.assert_word(self.word)[0]
        expect(status == 401, f"an assertion from a proxy that is not trusted: {status}")
        site.log_in_admin()
        token = site.admin
        parts = token.split(".")
        expect(len(parts) == 3, f"a signed token has {len(parts)} parts")
        header, claims = (json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))) for part in parts[:2])
        expect(header == {"alg": "ES256", "typ": "JWT"} and claims["openstack_project_id"] == site.admin_project, f"{header} {claims}")
        expect(site.holds(token) == 200 and site.holds(before) == 200, "signed and encrypted tokens side by side")
        claims["openstack_project_id"] = site.project
        forged = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
        expect(site.holds(".".join([parts[0], forged, parts[2]])) == 404, "a forged token")
        self.program.command("identity", "rotate-keys")
        time.sleep(1.2)
        site.log_in_admin()
        expect(site.holds(token) == 200 and site.holds(site.admin) == 200, "signed tokens over a rotation")


def add_options(parser):
    parser.add_argument("--only", help="the one part to run")


def check(program, options):
    site = Site(program)
    logins = Logins(site)
    passwords = PasswordRules(site)
    run_parts([logins.totp, logins.ec2_and_s3, logins.oauth, logins.application_credentials, logins.federation, logins.limits,
               logins.trusts, logins.keys_of_trusts, logins.allow_expired, logins.version_2, logins.key_rotation, logins.signed_tokens,
               *passwords.parts], options.only)


if __name__ == "__main__":
    run_check(check, settings=SETTINGS, add_options=add_options, needs_tools=True)
