import CloudCore
import Testing

@Suite struct SecretTests {
    private struct Login {
        let user: String
        let password: Secret<String>
    }

    @Test func `a secret never prints`() {
        let secret = Secret("hunter2")
        var dumped = ""
        dump(secret, to: &dumped)
        dump(Login(user: "u", password: secret), to: &dumped)
        let texts = [
            "\(secret)", String(describing: secret), String(reflecting: secret), "\(Login(user: "u", password: secret))",
            "\([secret])", "\(["k": secret])", "\(Optional.some(secret) as Any)", dumped, "\(Mirror(reflecting: secret).children.count)",
            String(describing: Secret([1, 2, 3] as [UInt8])),
        ]
        for text in texts { #expect(!text.contains("hunter") && !text.contains("1, 2, 3")) }
        #expect("\(secret)" == "***")
    }

    @Test func `a secret can be compared and revealed`() {
        #expect(Secret("a") == Secret("a") && Secret("a") != Secret("b") && Set([Secret("a"), Secret("a")]).count == 1)
        #expect(Secret("a").reveal() == "a")
    }
}

@Suite struct IdentifierTests {
    @Test func `identifiers have their services' forms`() {
        let (uuid, hex) = (Identifier.uuid(), Identifier.hex())
        #expect(uuid.wholeMatch(of: /[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}/) != nil)
        #expect(hex.wholeMatch(of: /[0-9a-f]{32}/) != nil)
        #expect(Set((0..<100).map { _ in Identifier.hex() }).count == 100)
    }

    @Test(arguments: [
        ("01234567-89ab-cdef-0123-456789abcdef", true), ("01234567-89AB-CDEF-0123-456789ABCDEF", true),
        ("0123456789abcdef0123456789abcdef", true), ("0123456789ABCDEF0123456789abcdef", true),
        ("", false), ("0123", false), ("g123456789abcdef0123456789abcdef", false), ("0123456789abcdef0123456789abcdef0", false),
        ("0123456789abcdef-0123456789abcdef", false), ("01234567-89ab-cdef-0123-456789abcde", false),
        ("{01234567-89ab-cdef-0123-456789abcdef}", false), ("-0123456789abcdef0123456789abcdef", false),
        ("01234567-89ab-cdef-0123-456789abcdef ", false), ("０１２３456789abcdef0123456789abcdef", false),
    ])
    func `a UUID is recognised`(text: String, isUUID: Bool) {
        #expect(Identifier.isUUID(text) == isUUID)
    }
}

@Suite struct SuggestionTests {
    @Test(arguments: [
        ("servr", "server"), ("Server", "server"), ("networks", "network"), ("netwokr", "network"), ("a", nil), ("", nil),
        ("completely", nil), ("sub", nil), ("pert", "port"), ("prot", nil),
    ] as [(String, String?)])
    func `the nearest known name is found, if near`(name: String, nearest: String?) {
        let known = ["server", "network", "subnet", "port"]
        #expect(Suggestion.nearest(to: name, among: known) == nearest)
    }

    @Test func `of equally near names the first is taken`() {
        #expect(Suggestion.nearest(to: "cat", among: ["hat", "bat", "rat"]) == "bat")
        #expect(Suggestion.nearest(to: "cat", among: [] as [String]) == nil)
    }
}
