"""A cloud's Identity as its checks see it: people to try things with, and short ways to ask."""

from cloud import expect

PASSWORD = "correct-horse-7"


class Site:
    """The cloud with its administrator, and a project in which everybody here is a member."""

    def __init__(self, program):
        self.program = program
        self.auth_url = f"{program.url}/identity/v3"
        self.log_in_admin()
        self.roles = {role["name"]: role["id"] for role in self.ok("GET", "/roles")["roles"]}
        self.admin_project = self.shown(self.admin)["project"]["id"]
        self.project = self.ok("POST", "/projects", {"project": {"name": "work"}}, status=201)["project"]["id"]

    def log_in_admin(self):
        user = {"name": "admin", "domain": {"id": "default"}, "password": self.program.admin_password}
        status, headers, answer = self.log_in({"password": {"user": user}}, {"project": {"name": "admin", "domain": {"id": "default"}}})
        expect(status == 201, f"the administrator's login: {status} {answer}")
        self.admin = headers["X-Subject-Token"]

    def http(self, method, path, body=None, token=None, headers=None):
        """A request to version 3, as the administrator unless there is another token; `""` for none."""
        return self.program.http(method, "/identity/v3" + path, body, self.admin if token is None else token, headers)

    def ok(self, method, path, body=None, token=None, status=200):
        """The JSON of a request that must answer so; any status for None."""
        code, _, answer = self.http(method, path, body, token)
        expect(status is None or code == status, f"{method} {path}: {code} {answer}")
        return answer

    def user(self, name, password=PASSWORD, role="member", **fields):
        """Makes a user with a role in the project."""
        body = {"user": {"name": name, "domain_id": "default", "password": password, **fields}}
        user = self.ok("POST", "/users", body, status=201)["user"]
        self.ok("PUT", f"/projects/{self.project}/users/{user['id']}/roles/{self.roles[role]}", status=204)
        return user

    @staticmethod
    def identity(methods):
        """`auth.identity` of a login: methods by name with what each says."""
        return {"methods": list(methods), **methods}

    def password(self, user, password=PASSWORD):
        return self.identity({"password": {"user": {"id": user, "password": password}}})

    def log_in(self, methods, scope=None, headers=None):
        """Asks for a token; returns status, headers and body."""
        identity = methods if "methods" in methods else self.identity(methods)
        auth = {"identity": identity} | ({"scope": scope} if scope else {})
        return self.program.http("POST", "/identity/v3/auth/tokens", {"auth": auth}, headers=headers)

    def token(self, user, password=PASSWORD):
        """The text of a user's token for the project."""
        status, headers, answer = self.log_in(self.password(user, password), {"project": {"id": self.project}})
        expect(status == 201, f"a login with a password: {status} {answer}")
        return headers["X-Subject-Token"]

    def refused(self, status, identity, what, receipt=None):
        """A login that must fail; returns the message."""
        code, _, answer = self.log_in(identity, headers={"Openstack-Auth-Receipt": receipt} if receipt else None)
        expect(code == status, f"{what}: {code} and not {status}: {answer}")
        return answer["error"]["message"] if "error" in answer else ""

    def shown(self, token):
        """What the cloud says about a token."""
        status, _, answer = self.http("GET", "/auth/tokens", headers={"X-Subject-Token": token})
        expect(status == 200, f"a token that should hold: {status} {answer}")
        return answer["token"]

    def holds(self, token):
        """The status with which the cloud answers about a token."""
        return self.http("GET", "/auth/tokens", headers={"X-Subject-Token": token})[0]

    @staticmethod
    def session(auth, **options):
        import keystoneauth1.session

        return keystoneauth1.session.Session(auth=auth, **options)

    def raises(self, error, auth, what):
        """A login of keystoneauth's that must fail in this way."""
        try:
            self.session(auth).get_token()
        except error:
            return
        expect(False, f"{what} is let in")
