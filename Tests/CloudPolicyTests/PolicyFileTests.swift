import CloudCore
import CloudPolicy
import Testing

private let defaults = [
    PolicyRule("admin_required", "role:admin", "An administrator."),
    PolicyRule("identity:get_user", "rule:admin_required or user_id:%(target.user.id)s", scopes: [.system, .domain, .project], "Show a user.\nGET /v3/users/{user_id}"),
    PolicyRule("identity:list_users", "rule:admin_required", scopes: [.system], "List users."),
]

private func engine(_ file: String) throws -> PolicyEngine {
    try PolicyEngine(rules: defaults, overrides: try PolicyEngine.overrides(fromYAML: file, file: "policy.yaml"))
}

@Suite struct PolicyFileTests {
    @Test func `a file replaces defaults and adds rules`() throws {
        let engine = try engine(
            """
            # Readers may look at users.
            "identity:get_user": "rule:may_look"
            may_look: role:reader or rule:admin_required
            """)
        #expect(engine.allows("identity:get_user", member, [:]))
        #expect(!engine.allows("identity:list_users", member, [:]))
        #expect(engine.warnings.isEmpty)
    }

    @Test(arguments: ["", "# only a comment\n", "{}", "---\n", "null"])
    func `an empty file changes nothing`(file: String) throws {
        #expect(try PolicyEngine.overrides(fromYAML: file, file: "policy.yaml").checks.isEmpty)
    }

    @Test(arguments: [
        ("r: []", "@"),
        ("r: [[]]", "!"),
        ("r: [\"role:a\"]", "role:a"),
        ("r: [[\"role:a\"]]", "role:a"),
        ("r: [[\"role:a\", \"b:1\"]]", "(role:a and b:1)"),
        ("r: [[\"role:a\"], [\"b:1\"]]", "role:a or b:1"),
        ("r: [[\"role:a\", \"b:1\"], [], [\"c:%(c)s\", \"d:1\"]]", "(role:a and b:1) or (c:%(c)s and d:1)"),
        ("{\"r\": \"role:a\"}", "role:a"),
        ("r: \"\"", ""),
        ("r: \"@\"", "@"),
        ("r: >\n  role:a\n  or role:b\n", "role:a or role:b\n"),
    ])
    func `both forms of a check are read`(file: String, check: String) throws {
        #expect(try PolicyEngine.overrides(fromYAML: file, file: "policy.yaml").checks == ["r": check])
    }

    @Test(arguments: [
        ("a: \"@\"\nb: [unclosed", "policy.yaml:"),
        ("a: \"@\"\n\"identity:get_user\": role:x or\n", "policy.yaml:2: rule \"identity:get_user\": a check expected at the end"),
        ("\n\n\"identity:get_user\": rule:gone", "policy.yaml:3: rule \"identity:get_user\": refers to the rule \"gone\""),
        ("a: rule:b\nb: rule:a", "refers to itself in a circle: a -> b -> a"),
        ("a: \"@\"\nb:\n", "policy.yaml:2: rule \"b\": no check"),
        ("a: ~", "policy.yaml:1: rule \"a\": no check"),
        ("a: !\n", "rule \"a\": no check"),
        ("a: {b: c}", "policy.yaml:1: rule \"a\": a text or a list of lists expected"),
        ("a: [[\"role:a or role:b\"]]", "rule \"a\": a list may hold only single checks"),
        ("a: [[[\"role:a\"]]]", "rule \"a\": a list may hold only single checks"),
        ("- a\n- b", "policy.yaml:1: a mapping of rule names to checks expected"),
        ("just text", "policy.yaml:1: a mapping"),
        ("a: \"@\"\na: \"!\"", "named twice: "),
        ("[a, b]: \"@\"", "policy.yaml:1: a rule's name expected"),
        ("a: \"@\"\n\tb: c", "policy.yaml:2:"),
    ])
    func `a bad file is refused with its line`(file: String, message: String) {
        let error = #expect(throws: PolicyError.self) { try engine(file) }
        #expect(error?.description.contains(message) == true, "\(error?.description ?? "")")
    }

    @Test func `a file too large is refused`() {
        let file = String(repeating: "# padding\n", count: PolicyEngine.maximumFileSize / 10 + 1)
        #expect(throws: PolicyError.self) { try PolicyEngine.overrides(fromYAML: file, file: "policy.yaml") }
    }

    @Test func `a name that nothing knows is a warning`() throws {
        let engine = try engine("helper: \"@\"\nuser: rule:helper\n\"identity:get_usr\": \"!\"\ndefault: \"!\"\n")
        #expect(engine.warnings == [
            "policy.yaml:3: no service has a rule \"identity:get_usr\", and no other rule refers to it; is \"identity:get_user\" meant?",
            "policy.yaml:2: no service has a rule \"user\", and no other rule refers to it",
        ])
    }

    @Test func `the effective rules name their origin`() throws {
        let engine = try engine("\"identity:list_users\": \"@\"\nmine: user_id:\"x\"\n")
        let rules = engine.effectiveRules
        #expect(rules.map(\.name) == ["admin_required", "identity:get_user", "identity:list_users", "mine"])
        #expect(rules.map(\.origin) == [.builtIn, .builtIn, .file("policy.yaml", line: 1), .file("policy.yaml", line: 2)])
        #expect(rules[2].defaultCheck == "rule:admin_required" && rules[2].check == "@" && rules[2].scopes == [.system])
        #expect(rules[3].defaultCheck == nil)
    }

    @Test func `the printed rules are a policy file of the same effect`() throws {
        let engine = try engine("\"identity:list_users\": \"@\"\nmine: user_id:\"x\"\n")
        let printed = try PolicyEngine.overrides(fromYAML: engine.policyFile, file: "printed")
        #expect(printed.checks == Dictionary(uniqueKeysWithValues: engine.effectiveRules.map { ($0.name, $0.check) }))
        #expect(engine.policyFile.contains("# Show a user.\n# GET /v3/users/{user_id}\n# scopes: domain, project, system\n# from: default\n"))
    }

    @Test func `an explanation shows which part decided`() throws {
        let engine = try engine("")
        let refused = engine.explain("identity:get_user", member, ["target.user.id": "u2"])
        #expect(
            refused.description == """
                identity:get_user: refused
                  -> or: no
                    -> rule:admin_required: no
                      -> role:admin: no (the target says admin; the token has member, reader)
                    -> user_id:%(target.user.id)s: no (the target says u2; the token's user_id is u1)
                """)
        let allowed = engine.explain("identity:get_user", member, ["target.user.id": "u1"])
        #expect(allowed.isAllowed && allowed.decisive == ["user_id:%(target.user.id)s"])
        let absent = engine.explain("identity:get_user", member, [:])
        #expect(absent.description.contains("the target has no target.user.id"))
        let scope = engine.explain("identity:list_users", member, [:])
        #expect(scope.description == "identity:list_users: refused\n  the rule is for a token of scope system, this one's is project")
        #expect(engine.explain("identity:lst_users", admin, [:]).note == "there is no such rule; is \"identity:list_users\" meant?")
    }
}
