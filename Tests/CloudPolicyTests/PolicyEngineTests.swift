import CloudCore
import CloudPolicy
import Testing

/// A member of project p1 in domain d1, with some nested attributes as a federated token may carry.
let member = PolicyCredentials(
    attributes: [
        "user_id": "u1", "user_domain_id": "d1", "project_id": "p1", "is_admin": false, "number": 7, "domain_id": .null,
        "token": ["roles": [["name": "reader"], ["name": "Member"]], "user": ["domain": ["id": "d1"]], "groups": ["g1", "g2"]],
    ],
    roles: ["Member", "reader"], scope: .project)

let admin = PolicyCredentials(
    attributes: ["user_id": "a", "system_scope": "all", "is_admin": true], roles: ["admin"], scope: .system)

private func engine(_ check: String, _ others: [String: String] = [:]) throws -> PolicyEngine {
    try PolicyEngine(
        rules: others.map { PolicyRule($0.key, $0.value, "") } + [PolicyRule("it", check, "under test")])
}

@Suite struct PolicyEngineTests {
    @Test(arguments: [
        ("", true), ("@", true), ("!", false), ("not @", false), ("not !", true),
        ("role:member", true), ("role:MEMBER", true), ("role:admin", false), ("role:", false),
        ("role:%(wanted_role)s", true), ("role:%(absent)s", false), ("not role:%(absent)s", true),
        ("role:member and role:reader", true), ("role:member and role:admin", false),
        ("role:admin or role:reader", true), ("role:admin or role:other", false),
        ("role:admin and role:admin or role:member", true), ("role:admin and (role:admin or role:member)", false),
        ("user_id:u1", true), ("user_id:u2", false), ("user_id:%(user_id)s", true), ("user_id:%(owner)s", false),
        ("project_id:%(target.project.id)s", true), ("project_id:%(absent)s", false), ("absent:%(user_id)s", false),
        ("user_id:u%(one)s", true), ("number:7", true), ("number:%(seven)s", true), ("number:%(one)s", false),
        ("is_admin:True", false), ("is_admin:False", true), ("is_admin:false", false), ("system_scope:all", false),
        ("'public':%(visibility)s", true), ("\"public\":%(visibility)s", true), ("'private':%(visibility)s", false),
        ("True:%(is_public)s", true), ("False:%(is_public)s", false), ("None:%(nothing)s", true),
        ("None:%(visibility)s", false), ("None:%(absent)s", false), ("1:%(one)s", true), ("2:%(one)s", false),
        ("1.5:%(half)s", true), ("'a':a", true),
        ("token.user.domain.id:d1", true), ("token.user.domain.id:%(domain)s", true), ("token.user.domain:d1", false),
        ("token.user.domain.id.more:d1", false), ("token.user.missing.id:d1", false), ("user_id.more:u1", false),
        ("token.roles.name:reader", true), ("token.roles.name:Member", true), ("token.roles.name:admin", false),
        ("token.groups:g2", true), ("token.groups:g3", false), ("token.groups.name:g1", false),
        ("roles:reader", true), ("roles:admin", false),
        ("domain_id:%(nothing)s", false), ("domain_id:None", false),
    ])
    func `a check decides as upstream's does`(check: String, allowed: Bool) throws {
        let target: PolicyTarget = [
            "user_id": "u1", "owner": "u9", "target.project.id": "p1", "wanted_role": "Reader", "visibility": "public",
            "is_public": true, "nothing": .null, "one": 1, "seven": 7, "half": 1.5, "domain": "d1",
        ]
        let engine = try engine(check)
        #expect(engine.allows("it", member, target) == allowed)
        let explanation = engine.explain("it", member, target)
        #expect(explanation.isAllowed == allowed)
        #expect(!explanation.decisive.isEmpty)
    }

    @Test func `rules refer to rules`() throws {
        let engine = try engine(
            "rule:owner or rule:admin", ["owner": "user_id:%(user_id)s", "admin": "rule:is_admin", "is_admin": "role:admin"])
        #expect(engine.allows("it", member, ["user_id": "u1"]))
        #expect(!engine.allows("it", member, ["user_id": "u2"]))
        #expect(engine.allows("it", admin, ["user_id": "u2"]))
    }

    @Test(arguments: [
        ("rule:nobody", [:], "rule \"it\": refers to the rule \"nobody\", which does not exist"),
        ("rule:helpr", ["helper": "@"], "is \"helper\" meant?"),
        ("rule:it", [:], "rule \"it\": refers to itself in a circle: it -> it"),
        ("rule:b", ["b": "role:x or rule:c", "c": "not rule:it"], "refers to itself in a circle"),
        ("rule:b", ["b": "role:x or"], "rule \"b\": a check expected at the end"),
        ("role:%(x", [:], "rule \"it\": \"%(x\": a percent sign must begin"),
        ("http://policy.example/%(x)s", [:], "rule \"it\": http://policy.example/%(x)s: checks that ask a remote server"),
        ("https://policy.example/", [:], "checks that ask a remote server are not supported"),
        ("a..b:1", [:], "is not a path of names"),
        ("'open:%(x)s", [:], "'open is not a quoted text"),
    ] as [(String, [String: String], String)])
    func `what does not compile is refused by name`(check: String, others: [String: String], message: String) {
        let error = #expect(throws: PolicyError.self) { try engine(check, others) }
        #expect(error?.description.contains(message) == true, "\(error?.description ?? "")")
    }

    @Test func `an error is labelled with the rule that holds it, once`() {
        let error = #expect(throws: PolicyError.self) { try engine("rule:b", ["b": "rule:c", "c": "nonsense"]) }
        #expect(error?.description == "rule \"c\": at column 1: \"nonsense\" is not of the form kind:match")
    }

    @Test func `a chain of rules has a limit`() {
        var others = ["r0": "@"]
        for step in 1...200 { others["r\(step)"] = "rule:r\(step - 1)" }
        #expect(throws: PolicyError.self) { try engine("rule:r200", others) }
    }

    static let scopes: [(Set<PolicyScope>, PolicyScope?, Bool)] = [
        ([], nil, true), ([], .system, true),
        ([.project], .project, true), ([.project], .system, false), ([.project], .domain, false),
        ([.system, .domain], .domain, true), ([.system], .project, false),
        ([.project], nil, true), ([.system], nil, false),
    ]

    @Test(arguments: scopes)
    func `a rule is for its scopes only`(scopes: Set<PolicyScope>, scope: PolicyScope?, allowed: Bool) throws {
        let engine = try PolicyEngine(rules: [PolicyRule("it", "@", scopes: scopes, "")], overrides: ["it": "role:any or @"])
        let credentials = PolicyCredentials(attributes: [:], roles: [], scope: scope)
        #expect(engine.allows("it", credentials, [:]) == allowed)
        #expect(engine.explain("it", credentials, [:]).isAllowed == allowed)
    }

    @Test func `only the asked rule's scopes count`() throws {
        let engine = try PolicyEngine(rules: [
            PolicyRule("it", "rule:helper", scopes: [.project], ""), PolicyRule("helper", "@", scopes: [.system], ""),
        ])
        #expect(engine.allows("it", member, [:]))
        #expect(!engine.allows("helper", member, [:]))
    }

    @Test func `an unknown rule is refused unless there is a default`() throws {
        #expect(!(try engine("@")).allows("unknown", member, [:]))
        let engine = try engine("@", ["default": "role:admin"])
        #expect(!engine.allows("unknown", member, [:]))
        #expect(engine.allows("unknown", admin, [:]))
    }

    @Test func `services may share a rule but not disagree on it`() throws {
        let rule = PolicyRule("admin_required", "role:admin", "one")
        #expect(try PolicyEngine(rules: [rule, PolicyRule("admin_required", "role:admin", "two")]).rules.count == 1)
        let error = #expect(throws: PolicyError.self) { try PolicyEngine(rules: [rule, PolicyRule("admin_required", "@", "")]) }
        #expect(error?.description.contains("\"admin_required\" is registered twice") == true)
    }

    @Test func `a service adds its own kind of check`() throws {
        struct Bad: Error, CustomStringConvertible { let description = "no such field" }
        let field = PolicyCheckKind("field") { match in
            let parts = match.split(separator: "=")
            guard parts.count == 2 else { throw Bad() }
            let name = String(parts[0].split(separator: ":").last ?? "")
            let value = String(parts[1])
            return { _, target in target[name] == .bool(value == "True") }
        }
        let shared = PolicyRule("shared", "field:networks:shared=True or role:admin", "")
        let engine = try PolicyEngine(rules: [shared], kinds: [field])
        #expect(engine.allows("shared", member, ["shared": true]))
        #expect(!engine.allows("shared", member, ["shared": false]))
        #expect(engine.explain("shared", member, ["shared": true]).decisive == ["field:networks:shared=True"])

        let error = #expect(throws: PolicyError.self) {
            try PolicyEngine(rules: [PolicyRule("it", "field:nothing", "")], kinds: [field])
        }
        #expect(error?.description == "rule \"it\": field:nothing: no such field")
        #expect(throws: PolicyError.self) { try PolicyEngine(rules: [], kinds: [field, field]) }
        #expect(throws: PolicyError.self) { try PolicyEngine(rules: [], kinds: [PolicyCheckKind("role") { _ in { _, _ in true } }]) }
    }

    @Test func `Networking's check of a parent's owner can be expressed`() throws {
        let owner = PolicyCheckKind("tenant_id") { match in
            let template = try PolicyTemplate(match)
            return { credentials, target in
                guard let wanted = template.text(in: target), let own = credentials.attributes["project_id"]?.string else { return false }
                return wanted == own
            }
        }
        let rules = [
            PolicyRule("ext_parent_owner", "tenant_id:%(ext_parent:tenant_id)s", ""),
            PolicyRule("create_rule", "role:member and rule:ext_parent_owner", ""),
        ]
        let engine = try PolicyEngine(rules: rules, kinds: [owner])
        #expect(engine.allows("create_rule", member, ["ext_parent:tenant_id": "p1"]))
        #expect(!engine.allows("create_rule", member, ["ext_parent:tenant_id": "p2"]))
        #expect(!engine.allows("create_rule", member, [:]))
    }
}
