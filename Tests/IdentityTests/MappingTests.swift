import CloudCore
import Testing

@testable import Identity

/// The mapping engine, held to the facts that upstream's own fixtures state.
@Suite struct MappingTests {
    private func map(_ rules: JSON, _ assertion: [String: String], version: String = "1.0") throws -> MappedProperties {
        try MappingRules(["rules": rules, "schema_version": .string(version)]).map(MappingAssertion(joined: assertion))
    }

    private static let ann = ["login": "ann", "given": "Ann", "family": "Lee", "mail": "ann@example.com", "kind": "Staff;Tower"]
    private static let named: JSON = ["local": [["user": ["name": "{0}"]]], "remote": [["type": "login"]]]

    private static func group(_ requirement: JSON) -> JSON {
        [["local": [["user": ["name": "{0}"]], ["group": ["id": "g"]]], "remote": [["type": "login"], requirement]]]
    }

    @Test(arguments: [
        (["type": "kind", "any_one_of": ["Staff", "Boss"]], true), (["type": "kind", "any_one_of": ["Boss"]], false),
        (["type": "kind", "not_any_of": ["Boss"]], true), (["type": "kind", "not_any_of": ["Boss", "Tower"]], false),
        (["type": "mail", "any_one_of": [".*@example.com$"], "regex": true], true),
        (["type": "mail", "any_one_of": ["example"], "regex": true], true),
        (["type": "mail", "any_one_of": [".*@example.org$"], "regex": true], false),
        (["type": "mail", "any_one_of": [".*@example.com$"]], false),
        (["type": "mail", "not_any_of": [".*@example.org$"], "regex": true], true),
        (["type": "mail", "not_any_of": [".*@example.com$"], "regex": true], false),
        (["type": "absent"], false), (["type": "kind", "any_one_of": []], false), (["type": "kind", "not_any_of": []], true),
        (["type": "kind", "any_one_of": [7]], false),
    ] as [(JSON, Bool)])
    func conditionsDecideWhetherARuleApplies(requirement: JSON, applies: Bool) throws {
        guard applies else {
            #expect(throws: MappingError.noMatch) { try map(Self.group(requirement), Self.ann) }
            return
        }
        let mapped = try map(Self.group(requirement), Self.ann)
        #expect(mapped.user == MappedProperties.User(name: "ann"))
        #expect(mapped.groupIDs == ["g"])
    }

    @Test func matchesReplaceMarksInOrder() throws {
        let rules: JSON = [[
            "local": [["user": ["name": "{0} {1}", "email": "{2}", "id": "x{{{0}}}"]]],
            "remote": [
                ["type": "given"], ["type": "kind", "any_one_of": ["Staff"]], ["type": "family"], ["type": "mail"],
            ],
        ]]
        let user = try map(rules, Self.ann).user
        #expect(user == MappedProperties.User(id: "x{Ann}", name: "Ann Lee", email: "ann@example.com"))
    }

    @Test(arguments: [
        ("{0}-{1}", "a-['b', 'c']"), ("{}/{}", "a/['b', 'c']"), ("{{0}}", "{0}"), ("{2}", "[]"), ("plain", "plain"),
        ("{3}", #"["it's"]"#),
    ])
    func templatesReadAsUpstreams(template: String, expected: String) throws {
        #expect(try MappingTemplate.expand(template, [["a"], ["b", "c"], [], ["it's"]]) == (template == "{3}" ? "it's" : expected))
    }

    @Test(arguments: ["{7}", "{x}", "{0", "0}", "{0[1]}"]) func brokenTemplatesAreRefused(template: String) {
        #expect(throws: MappingError.self) { try MappingTemplate.expand(template, [["a"]]) }
    }

    @Test(arguments: [
        ("['a', 'b']", ["a", "b"]), ("[]", []), ("plain", ["plain"]), ("1234", ["1234"]), (#"["it's", 'q"']"#, ["it's", "q\""]),
        ("['a'", ["['a'"]), ("[1, -2.5]", ["1", "-2.5"]), ("[word]", ["[word]"]), (#"['\\', '\'', '\n']"#, ["\\", "'", "\n"]),
        ("['a',]", ["a"]), ("['a'] b", ["['a'] b"]), ("['a' 'b']", ["['a' 'b']"]),
    ])
    func listsAreReadBack(text: String, expected: [String]) {
        #expect(MappingTemplate.elements(text) == expected)
    }

    @Test func whatIsWrittenAsAListIsReadBack() {
        for values in [["a", "b"], ["it's", "\"q\"", "both ' and \""], ["back\\slash", "line\nbreak", "tab\t"], []] {
            #expect(MappingTemplate.elements(MappingTemplate.list(values)) == values)
        }
    }

    @Test func severalRulesAddUpAndTheFirstUserCounts() throws {
        let rules: JSON = [
            Self.named,
            ["local": [["user": ["name": "second"]], ["group": ["id": "staff"]]], "remote": [["type": "kind", "any_one_of": ["Staff"]]]],
            ["local": [["group": ["id": "boss"]]], "remote": [["type": "kind", "any_one_of": ["Boss"]]]],
            ["local": [["group": ["name": "t", "domain": ["name": "d"]]], ["group": ["id": "staff"]]], "remote": [["type": "kind"]]],
            ["local": [["group": ["name": "t", "domain": ["id": "i"]]]], "remote": [["type": "kind"]]],
        ]
        let mapped = try map(rules, Self.ann)
        #expect(mapped.user.name == "ann")
        #expect(mapped.groupIDs == ["staff"])
        #expect(mapped.groupNames == [.init(name: "t", domain: .name("d")), .init(name: "t", domain: .id("i"))])
        #expect(mapped.projects.isEmpty)
    }

    @Test(arguments: [
        (["type": "kind", "whitelist": ["Tower", "Boss"]], ["Tower"]), (["type": "kind", "whitelist": []], []),
        (["type": "kind", "blacklist": ["Tower", "Boss"]], ["Staff"]), (["type": "kind", "blacklist": []], ["Staff", "Tower"]),
        (["type": "kind", "whitelist": ["^T"], "regex": true], ["Tower"]),
        (["type": "kind", "blacklist": [".*f$"], "regex": true], ["Tower"]), (["type": "kind"], ["Staff", "Tower"]),
    ] as [(JSON, [String])])
    func listsOfGroupsAreFiltered(requirement: JSON, expected: [String]) throws {
        let rules: JSON = [[
            "local": [["groups": "{1}", "domain": ["id": "d"]], ["user": ["name": "{0}"]], ["group_ids": "{1}"]],
            "remote": [["type": "login"], requirement],
        ]]
        let mapped = try map(rules, Self.ann)
        #expect(mapped.groupNames.map(\.name) == expected)
        #expect(mapped.groupNames.allSatisfy { $0.domain == .id("d") })
        #expect(mapped.groupIDs == expected)
        #expect(mapped.user.name == "ann")
    }

    @Test func singleGroupsAreGroupsToo() throws {
        let rules: JSON = [["local": [["groups": "{0}", "domain": ["id": "d"]]], "remote": [["type": "groups"]]]]
        for group in ["ALL USERS", "1234", "renamed"] {
            #expect(try map(rules, ["groups": group]).groupNames == [.init(name: group, domain: .id("d"))])
        }
        #expect(try map(rules, ["groups": #"["a", "b"]"#]).groupNames.map(\.name) == ["a", "b"], "a list in one value")
    }

    @Test func groupsMayBringTheirDomains() throws {
        let rules: JSON = [["local": [["user": ["name": "x"]], ["groups": "{0}"]], "remote": [["type": "groups"]]]]
        let text = #"JSON:{"name":"one","domain":{"name":"d"}};JSON:{"name":"two","domain":{"id":"i"}}"#
        #expect(try map(rules, ["groups": text]).groupNames == [.init(name: "one", domain: .name("d")), .init(name: "two", domain: .id("i"))])
        for bad in ["plain", #"JSON:{"name":"one"}"#, "JSON:nonsense"] {
            #expect(throws: MappingError.self) { try map(rules, ["groups": bad]) }
        }
    }

    @Test func usersHaveKindsAndDomains() throws {
        let rules: JSON = [[
            "local": [["user": ["id": "{0}", "domain": ["name": "{1}"], "type": "local"]]],
            "remote": [["type": "login"], ["type": "mail"]],
        ]]
        let expected = MappedProperties.User(id: "ann", domain: .name("ann@example.com"), kind: .local)
        #expect(try map(rules, Self.ann).user == expected)
        let bare: JSON = [["local": [["user": ["domain": ["id": "d"], "type": "local"]]], "remote": [["type": "login"]]]]
        #expect(try map(bare, Self.ann).user == MappedProperties.User(domain: .id("d"), kind: .local))
    }

    @Test func valuesThatAreMissingMakeNoMatch() throws {
        let rules: JSON = [["local": [["user": ["name": "{0}"]], ["group": ["id": "{1}"]]], "remote": [["type": "login", "any_one_of": ["ann"]]]]]
        #expect(throws: MappingError.missingMatch("{0}")) { try map(rules, Self.ann) }
    }

    private static let projects: JSON = [[
        "local": [
            ["user": ["name": "{0}"]],
            ["projects": [["name": "for {0}", "roles": [["name": "member"], ["name": "reader"]]], ["name": "all", "roles": []]]],
        ],
        "remote": [["type": "login"]],
    ]]

    @Test func projectsAreMapped() throws {
        #expect(try map(Self.projects, Self.ann).projects == [
            .init(name: "for ann", roleNames: ["member", "reader"]), .init(name: "all", roleNames: []),
        ])
    }

    @Test func theSecondVersionHonoursDomains() throws {
        let own: JSON = ["name": "theirs", "domain": ["name": "own"], "roles": []]
        let rules: JSON = [[
            "local": [["user": ["name": "{0}"], "domain": ["id": "d"], "projects": [["name": "p", "roles": []], own]]],
            "remote": [["type": "login"]],
        ]]
        let mapped = try map(rules, Self.ann, version: "2.0")
        #expect(mapped.user.domain == .id("d"))
        #expect(mapped.projects.map(\.domain) == [.id("d"), .name("own")])
        let plain: JSON = [["local": [["user": ["name": "{0}"], "domain": ["id": "d"]]], "remote": [["type": "login"]]]]
        #expect(try map(plain, Self.ann).user.domain == nil, "the first version does not")
        let named: JSON = [["local": [["user": ["name": "{0}", "domain": ["id": "u"]], "domain": ["id": "d"]]], "remote": [["type": "login"]]]]
        #expect(try map(named, Self.ann, version: "2.0").user.domain == .id("u"))
    }

    @Test func theThirdVersionTakesProjectsFromTheAssertion() throws {
        let rules: JSON = [[
            "local": [["user": ["name": "{0}"], "domain": ["id": "d"], "projects_json": "{1}"]],
            "remote": [["type": "login"], ["type": "projects"]],
        ]]
        let text = #"[{"name": "a;b", "roles": [{"name": "member"}]}]"#
        let mapped = try map(rules, ["login": "ann", "projects": text], version: "3.0")
        #expect(mapped.projects == [.init(name: "a;b", domain: .id("d"), roleNames: ["member"])])
        for bad in ["nonsense", "[{}]", "{}"] {
            #expect(throws: MappingError.self) { try map(rules, ["login": "ann", "projects": bad], version: "3.0") }
        }
        #expect(throws: IdentityError.self) { try map(rules, Self.ann, version: "2.0") }
    }

    @Test(arguments: [
        [], ["remote": [["type": "x"]]], ["local": []], ["local": [], "remote": []], ["local": [], "remote": [[:]]],
        ["local": [], "remote": [["kind": "x"]]], ["local": [], "remote": [["type": "x", "any_one_of": "y"]]],
        ["local": [], "remote": [["type": "x", "unknown": ["y"]]]], ["local": [["user": "name"]], "remote": [["type": "x"]]],
        ["local": [], "remote": [["type": "x", "any_one_of": ["y"], "unknown": "z"]]],
        ["local": [], "remote": [["type": "x", "not_any_of": ["y"], "unknown": "z"]]],
        ["local": [], "remote": [["type": "x", "whitelist": ["y"], "blacklist": ["z"]]]],
        ["local": [], "remote": [["type": "x"]], "unknown": [:]], ["local": [["group": ["name": "g"]]], "remote": [["type": "x"]]],
        ["local": [["group": ["id": "g", "domain": ["id": "d"]]]], "remote": [["type": "x"]]],
        ["local": [["group": [:]]], "remote": [["type": "x"]]], ["local": [["unknown": "x"]], "remote": [["type": "x"]]],
        ["local": [["group": ["name": "g", "domain": ["key": "d"]]]], "remote": [["type": "x"]]],
        ["local": [["user": ["name": "x", "groups": "y"]]], "remote": [["type": "x"]]],
        ["local": [["user": ["type": "other"]]], "remote": [["type": "x"]]],
        ["local": [["projects": [["name": "p"]]]], "remote": [["type": "x"]]],
        ["local": [["projects": [["roles": [["name": "r"]]]]]], "remote": [["type": "x"]]],
        ["local": [["projects": [["name": "p", "roles": [], "domain": ["id": "d"]]]]], "remote": [["type": "x"]]],
        ["local": [], "remote": [["type": "x", "any_one_of": ["("], "regex": true]]],
    ] as [JSON])
    func malformedRulesAreRefused(rule: JSON) {
        #expect(throws: IdentityError.self) { try MappingRules(["rules": [rule]]) }
    }

    @Test func rulesMustBeThereInAKnownVersion() {
        for bad: JSON in [[:], ["rules": []], ["rules": "x"], ["rules": [Self.named], "schema_version": "9.0"], ["rules": [Self.named], "schema_version": 1]] {
            #expect(throws: IdentityError.self) { try MappingRules(bad) }
        }
        #expect((try? MappingRules(["rules": [Self.named], "schema_version": nil]))?.version == .v1)
    }

    @Test func theResultIsWrittenAsUpstreamPrintsIt() throws {
        let rules: JSON = [["local": [["user": ["name": "{0}"], "groups": "a", "domain": ["id": "d"]]], "remote": [["type": "login"]]]]
        var writer = JSONWriter()
        writer.write(try map(rules, Self.ann))
        #expect(try JSON(parsing: writer.bytes) == [
            "user": ["name": "ann", "type": "ephemeral"], "group_ids": [], "group_names": [["name": "a", "domain": ["id": "d"]]], "projects": [],
        ])
    }
}

/// Trying rules from the command line.
@Suite struct MappingTesterTests {
    private static let rules = #"[{"local": [{"user": {"name": "{0}"}}], "remote": [{"type": "A_login"}]}]"#

    @Test func rulesAreTriedOnAssertions() throws {
        let expected: JSON = ["user": ["name": "ann", "type": "ephemeral"], "group_ids": [], "group_names": [], "projects": []]
        for text in [Self.rules, #"{"rules": \#(Self.rules)}"#, #"{"mapping": {"rules": \#(Self.rules)}}"#] {
            let result = try MappingTester(rules: text).result(of: "\n  A_login : ann \nother: a:b\n")
            #expect(try JSON(parsing: result) == expected)
            #expect(result.contains("\n"))
        }
        #expect(throws: MappingTester.Failure.self) { try MappingTester(rules: Self.rules).result(of: "A_login: ann", prefix: "B_") }
    }

    @Test(arguments: ["nonsense", "{}", "[]", #"{"rules": "x"}"#]) func brokenRulesAreExplained(rules: String) {
        #expect(throws: MappingTester.Failure.self) { try MappingTester(rules: rules) }
    }

    @Test func brokenAssertionsAreExplained() throws {
        let tester = try MappingTester(rules: Self.rules, schemaVersion: "2.0")
        for assertion in ["", "login ann", "other: x"] {
            #expect(throws: MappingTester.Failure.self) { try tester.result(of: assertion) }
        }
        #expect(throws: MappingTester.Failure.self) { try MappingTester(rules: Self.rules, schemaVersion: "9") }
    }
}
