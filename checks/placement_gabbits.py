"""Runs placement's own gabbi files against a running cloud, and prints one JSON object a test. Upstream's fixtures write
to placement's database; here the same fixture classes run on stand-ins that use the API. To be run by the Python of
the test tools' environment; the placement named must be one that may be emptied."""

import argparse
import json
import os
import pathlib
import re
import sys
import tempfile
import types
import unittest
import urllib.parse
import uuid
import warnings

import os_resource_classes
import os_traits
import requests
import yaml
from gabbi import driver, fixture
from oslo_utils import uuidutils
from oslo_utils.fixture import uuidsentinel

# Files with these fixtures need a server with another policy.
POLICIES = {"open": "OpenPolicyFixture", "legacy": "LegacyRBACPolicyFixture"}
# Files with these fixtures need a server that is set up in a way that this one can't be.
OTHER_SERVER = {"CORSFixture"}
PROJECT = "gabbi"


class Api:
    """Placement as its administrator uses it."""

    def __init__(self, url, token):
        self.url = url
        self.session = requests.Session()
        self.session.headers.update({"X-Auth-Token": token, "OpenStack-API-Version": "placement 1.39"})

    def call(self, method, path, ok=(200, 201, 204), **options):
        answer = self.session.request(method, self.url + path, timeout=60, **options)
        if answer.status_code not in ok:
            raise RuntimeError(f"{method} {path}: {answer.status_code} {answer.text[:300]}")
        return answer

    def wipe(self):
        """Deletes everything. Parents go after their children, so it takes several rounds."""
        for _ in range(12):
            providers = self.call("GET", "/resource_providers").json()["resource_providers"]
            if not providers:
                break
            for provider in providers:
                given = self.call("GET", f"/resource_providers/{provider['uuid']}/allocations").json()["allocations"]
                for consumer in given:
                    self.call("DELETE", f"/allocations/{consumer}", ok=(204, 404))
            for provider in providers:
                self.call("DELETE", f"/resource_providers/{provider['uuid']}", ok=(204, 404, 409))
        for row in self.call("GET", "/resource_classes").json()["resource_classes"]:
            if row["name"].startswith("CUSTOM_"):
                self.call("DELETE", f"/resource_classes/{row['name']}")
        for trait in self.call("GET", "/traits?name=startswith:CUSTOM_").json()["traits"]:
            self.call("DELETE", f"/traits/{trait}")


class Identity:
    """Tokens for what the files say of their callers, which upstream believes without any token."""

    def __init__(self, url, password):
        self.url = url
        self.headers = {}
        self.tokens = {}
        self.projects = {}
        self.headers = {"X-Auth-Token": self.login("admin", password, {"project": {"name": "admin", "domain": {"id": "default"}}})}
        self.roles = {role["name"]: role["id"] for role in self.call("GET", "/v3/roles")["roles"]}

    def call(self, method, path, body=None):
        answer = requests.request(method, self.url + path, json=body, headers=self.headers, timeout=60)
        answer.raise_for_status()
        return answer.json() if answer.content else None

    def login(self, name, password, scope):
        user = {"name": name, "domain": {"id": "default"}, "password": password}
        body = {"auth": {"identity": {"methods": ["password"], "password": {"user": user}}, "scope": scope}}
        answer = requests.post(f"{self.url}/v3/auth/tokens", json=body, timeout=60)
        answer.raise_for_status()
        return answer.headers["X-Subject-Token"]

    def project(self, name):
        if name not in self.projects:
            found = self.call("GET", f"/v3/projects?name={name}")["projects"]
            body = {"project": {"name": name, "domain_id": "default"}}
            self.projects[name] = (found[0] if found else self.call("POST", "/v3/projects", body)["project"])["id"]
        return self.projects[name]

    def token(self, roles, project, system):
        """A token with these roles; one without roles cannot be had, and a member is as good as that."""
        roles = tuple(sorted(roles)) or ("member",)
        key = (roles, project, system)
        if key not in self.tokens:
            name = f"gabbi-{os.getpid()}-{len(self.tokens)}"
            user = self.call("POST", "/v3/users", {"user": {"name": name, "password": "gabbi", "domain_id": "default"}})["user"]["id"]
            place = "/v3/system" if system else f"/v3/projects/{self.project(project)}"
            for role in roles:
                self.call("PUT", f"{place}/users/{user}/roles/{self.roles[role]}")
            scope = {"system": {"all": True}} if system else {"project": {"id": self.project(project)}}
            self.tokens[key] = self.login(name, "gabbi", scope)
        return self.tokens[key]

    def headers_for(self, headers):
        """Replaces what a file says of its caller by a real token."""
        said = {name.lower(): value for name, value in headers.items()}
        token = said.get("x-auth-token")
        if token is None:
            return headers
        roles = [role for role in str(said.pop("x-roles", "")).split(",") if role]
        named = str(said.pop("x-project-id", ""))
        project = {"admin_project_id": "admin", "service_project_id": "service"}.get(named, PROJECT)
        # A project that is given by its own id, and not as the fixtures' project, is not that one.
        if "PROJECT_ID_ALT" in named or re.fullmatch("[0-9a-f]{32}", named):
            project = f"{PROJECT}-other"
        system = said.pop("openstack-system-scope", None) == "all"
        # The reshaper is for services alone, by the defaults that upstream will enforce.
        if token.startswith("admin"):
            roles = ["admin", "service"]
        said["x-auth-token"] = self.token(roles, project, system)
        return said


def stand_ins(api, identity):
    """What upstream's fixture classes are made of, over the API: their base class, and the helpers of their tests."""

    class Record:
        def __init__(self, *_, **values):
            self.__dict__.update(values)

        def create(self):
            """Users and projects are made where they are named first."""

    class ResourceClass(Record):
        def create(self):
            api.call("PUT", f"/resource_classes/{self.name}")

    class Provider(Record):
        @property
        def generation(self):
            return api.call("GET", f"/resource_providers/{self.uuid}").json()["generation"]

        def set_aggregates(self, aggregates):
            body = {"aggregates": list(aggregates), "resource_provider_generation": self.generation}
            api.call("PUT", f"/resource_providers/{self.uuid}/aggregates", json=body)

    class Helpers:
        @staticmethod
        def create_provider(_, name, *aggregates, **options):
            body = {"name": name, "uuid": options.get("uuid") or getattr(uuidsentinel, name)}
            if options.get("parent"):
                body["parent_provider_uuid"] = options["parent"]
            api.call("POST", "/resource_providers", json=body)
            provider = Provider(name=name, uuid=body["uuid"])
            if aggregates:
                provider.set_aggregates(aggregates)
            return provider

        @staticmethod
        def add_inventory(provider, name, total, **inventory):
            if name.startswith("CUSTOM_"):
                api.call("PUT", f"/resource_classes/{name}")
            path = f"/resource_providers/{provider.uuid}/inventories"
            body = api.call("GET", path).json()
            body["inventories"][name] = {"total": total, "max_unit": total, **inventory}
            api.call("PUT", path, json=body)

        @staticmethod
        def set_traits(provider, *traits):
            for trait in traits:
                if trait.startswith("CUSTOM_"):
                    api.call("PUT", f"/traits/{trait}")
            body = {"traits": list(traits), "resource_provider_generation": provider.generation}
            api.call("PUT", f"/resource_providers/{provider.uuid}/traits", json=body)

        @staticmethod
        def ensure_consumer(_, user, project, consumer_id=None):
            return Record(uuid=consumer_id or str(uuid.uuid4()), user=user, project=project)

        @staticmethod
        def create_user_and_project(_, prefix="fake"):
            return Record(external_id=f"{prefix}-user"), Record(external_id=f"{prefix}-project")

        @staticmethod
        def set_allocation(_, provider, consumer, used):
            # Upstream's consumers have no type, as those made before 1.38.
            api.call("PUT", f"/allocations/{consumer.uuid}", headers={"OpenStack-API-Version": "placement 1.27"}, json={
                "allocations": {provider.uuid: {"resources": used}}, "project_id": consumer.project.external_id,
                "user_id": consumer.user.external_id})

    class APIFixture(fixture.GabbiFixture):
        context = None

        def start_fixture(self):
            api.wipe()
            for name in ("RP", "RP1", "RP2"):
                number = name[2:]
                os.environ[f"RP_UUID{number}"], os.environ[f"RP_NAME{number}"] = str(uuid.uuid4()), str(uuid.uuid4())
                os.environ[f"CUSTOM_RES_CLASS{number}"] = f"CUSTOM_IRON_NFV{number}"
            for name in ("USER_ID", "PROJECT_ID_ALT", "USER_ID_ALT", "INSTANCE_UUID", "MIGRATION_UUID", "CONSUMER_UUID",
                         "PARENT_PROVIDER_UUID", "ALT_PARENT_PROVIDER_UUID"):
                os.environ[name] = str(uuid.uuid4())
            for name, project in (("PROJECT_ID", PROJECT), ("ADMIN_PROJECT_ID", "admin"), ("SERVICE_PROJECT_ID", "service")):
                os.environ[name] = identity.project(project)

    names = {
        "APIFixture": APIFixture, "tb": Helpers, "os": os, "orc": os_resource_classes, "ot": os_traits, "uuids": uuidsentinel,
        "uuidutils": uuidutils, "fixture": fixture, "user_obj": types.SimpleNamespace(User=Record),
        "project_obj": types.SimpleNamespace(Project=Record), "rc_obj": types.SimpleNamespace(ResourceClass=ResourceClass)}
    return names


def fixtures(folder, names):
    """Upstream's fixture classes over other helpers: everything in their file that follows the base class."""
    text = (folder.parent / "fixtures" / "gabbits.py").read_text()
    module = types.ModuleType("live_fixtures")
    module.__dict__.update(names)
    exec(compile(text[text.index("class AllocationFixture"):], "gabbits.py", "exec"), module.__dict__)
    for name in ("OpenPolicyFixture", "LegacyRBACPolicyFixture", "SecureRBACPolicyFixture"):
        setattr(module, name, type(name, (names["APIFixture"],), {}))
    return module


def rewritten(document, identity, prefix):
    """A file for a cloud with real tokens, where placement does not live at the root of its address."""
    common = document.get("defaults", {}).pop("request_headers", None) or {}
    for test in document["tests"]:
        test["request_headers"] = identity.headers_for({**common, **(test.get("request_headers") or {})})
        expected = test.get("response_json_paths") or {}
        for path, value in expected.items():
            if path.endswith(".href") and str(value).startswith("/"):
                expected[path] = prefix + value
    return document


def is_for(fixtures, policy):
    """Whether a file with these fixtures is for a server with that policy; without one for the default."""
    needed = [name for name, fixture in POLICIES.items() if fixture in fixtures]
    return not OTHER_SERVER & fixtures and needed == ([policy] if policy else [])


def prepare(folder, selection, policy, identity, prefix):
    """The chosen files, rewritten, in a folder of their own."""
    place = pathlib.Path(tempfile.mkdtemp(prefix="gabbits-"))
    for path in sorted(folder.iterdir()):
        if path.suffix != ".yaml":
            (place / path.name).symlink_to(path.resolve())
            continue
        document = yaml.safe_load(path.read_text())
        if re.search(selection, path.name) and is_for(set(document.get("fixtures", [])), policy):
            (place / path.name).write_text(yaml.safe_dump(rewritten(document, identity, prefix), sort_keys=False))
    return place


class Report(unittest.TestResult):
    """Prints what becomes of each test."""

    def say(self, test, state, reason=""):
        # The class of a test is named `placement_FILE_NAME_OF_THE_TEST`.
        name = type(test).__name__.removeprefix("placement_")
        lines = str(reason).strip().splitlines() or [""]
        print(json.dumps({"name": name, "state": state, "reason": lines[0][:400]}), flush=True)

    def addSuccess(self, test):
        self.say(test, "passed")

    def addFailure(self, test, err):
        self.say(test, "failed", err[1])

    def addError(self, test, err):
        self.say(test, "failed", f"{err[0].__name__}: {err[1]}")

    def addSkip(self, test, reason):
        self.say(test, "failed" if reason == "fixture failure" else "skipped", reason)

    def addExpectedFailure(self, test, err):
        self.say(test, "passed")

    def addUnexpectedSuccess(self, test):
        self.say(test, "passed", "upstream expects this to fail")

    def stop(self):
        """A failed fixture ends its own file only."""


def run(suite, report):
    if isinstance(suite, unittest.TestSuite) and not type(suite).__name__.startswith("Gabbi"):
        for part in suite:
            run(part, report)
        return
    try:
        suite.run(report)
    except Exception as error:
        for test in suite:
            report.addSkip(test, "fixture failure")
        print(f"{suite}: {error}", file=sys.stderr)


def main():
    warnings.filterwarnings("ignore")
    parser = argparse.ArgumentParser()
    parser.add_argument("--url", required=True, help="the cloud's address")
    parser.add_argument("--password", required=True, help="the administrator's")
    parser.add_argument("--gabbits", required=True, type=pathlib.Path, help="the folder of the files")
    parser.add_argument("--select", default=".", help="a regular expression over the files' names")
    parser.add_argument("--policy", choices=sorted(POLICIES), help="what the server's policy is, other than the default")
    options = parser.parse_args()
    identity = Identity(f"{options.url}/identity", options.password)
    address = urllib.parse.urlsplit(f"{options.url}/placement")
    api = Api(address.geturl(), identity.headers["X-Auth-Token"])
    present = api.call("GET", "/resource_providers").json()["resource_providers"]
    if present:
        sys.exit(f"{address.geturl()} holds {len(present)} resource providers, which this would delete")
    module = fixtures(options.gabbits, stand_ins(api, identity))
    place = prepare(options.gabbits, options.select, options.policy, identity, address.path)
    suite = driver.build_tests(str(place), unittest.TestLoader(), host=address.hostname, port=address.port,
                               prefix=address.path, fixture_module=module, test_loader_name="placement")
    run(suite, Report())
    api.wipe()


main()
