import CloudCore
import Testing

@testable import CloudPolicy

@Suite struct PolicyParserTests {
    @Test(arguments: [
        ("", "@"),
        ("@", "@"),
        ("!", "!"),
        ("role:admin", "role:admin"),
        ("  role:admin  ", "role:admin"),
        ("(@)", "@"),
        ("((role:admin))", "role:admin"),
        ("a:1 or b:2", "(a:1 or b:2)"),
        ("a:1 and b:2", "(a:1 and b:2)"),
        ("a:1 AND b:2 Or c:3", "((a:1 and b:2) or c:3)"),
        ("a:1 or b:2 and c:3", "(a:1 or (b:2 and c:3))"),
        ("a:1 or b:2 and c:3 and d:4", "(a:1 or (b:2 and c:3 and d:4))"),
        ("a:1 and b:2 or c:3 and d:4", "((a:1 and b:2) or (c:3 and d:4))"),
        ("(a:1 or b:2) and c:3", "((a:1 or b:2) and c:3)"),
        ("( a:1 or b:2 ) and c:3", "((a:1 or b:2) and c:3)"),
        ("not a:1 and b:2", "(not a:1 and b:2)"),
        ("not (a:1 and b:2)", "not (a:1 and b:2)"),
        ("not not a:1", "not not a:1"),
        ("a:1 or not b:2", "(a:1 or not b:2)"),
        ("(project_id:%(project_id)s)", "project_id:%(project_id)s"),
        ("(rule:a or (project_id:%(a.b)s and b:%(b)s))", "(rule:a or (project_id:%(a.b)s and b:%(b)s))"),
        ("'public':%(visibility)s", "'public':%(visibility)s"),
        ("field:networks:shared=True", "field:networks:shared=True"),
        ("a:1\n or\tb:2", "(a:1 or b:2)"),
    ])
    func `a check has the tree that upstream's grammar gives it`(text: String, normal: String) throws {
        let expression = try PolicyParser.parse(text)
        #expect(expression.description == normal)
        #expect(try PolicyParser.parse(expression.description) == expression)
    }

    @Test(arguments: [
        ("   ", "only white space"),
        ("admin", "at column 1: \"admin\" is not of the form kind:match"),
        (":admin", "nothing before its colon"),
        ("role:admin or", "a check expected at the end"),
        ("or role:admin", "at column 1: a check expected"),
        ("role:admin role:member", "at column 12: 'and', 'or' or the end expected"),
        ("(role:admin", "at column 1: this parenthesis is never closed"),
        ("role:admin)", "at column 11: 'and', 'or' or the end expected"),
        ("()", "at column 2: a check expected"),
        ("a:1 and and b:2", "at column 9: a check expected"),
        ("not", "a check expected at the end"),
        ("'text'", "the quoted text 'text' is not a check"),
        ("a:1 or (b:2 and !x)", "at column 17: \"!x\" is not of the form kind:match"),
        (String(repeating: "(", count: 200) + "@" + String(repeating: ")", count: 200), "nested too deeply"),
        (String(repeating: "not ", count: 200) + "@", "nested too deeply"),
    ])
    func `a bad check is an error that says where`(text: String, message: String) {
        let error = #expect(throws: PolicyError.self) { try PolicyParser.parse(text) }
        #expect(error?.description.contains(message) == true, "\(error?.description ?? "")")
    }

    @Test(arguments: [
        ("%(a)s", "1"), ("x%(a)sy%(b.c)s", "x1yTrue"), ("100%%", "100%"), ("", ""), ("plain", "plain"), ("%(none)s", "None"),
    ])
    func `a template is filled from the target as Python fills it`(source: String, text: String) throws {
        let target: PolicyTarget = ["a": 1, "b.c": true, "none": .null]
        #expect(try PolicyTemplate(source).text(in: target) == text)
    }

    @Test func `a template lacks a text when the target lacks an attribute`() throws {
        #expect(try PolicyTemplate("x%(a)s%(b)s").text(in: ["a": "1"]) == nil)
        #expect(try PolicyTemplate("%(b)s").text(in: ["a": "1"]) == nil)
    }

    @Test(arguments: ["%", "50%", "%s", "%(a", "%(a)", "%(a)d", "%()s", "a%b"])
    func `a stray percent sign is refused`(source: String) {
        #expect(throws: PolicyError.self) { try PolicyTemplate(source) }
    }
}
