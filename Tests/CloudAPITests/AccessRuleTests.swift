import Testing

@testable import CloudAPI

/// The patterns of access rules, as keystonemiddleware reads them.
@Suite struct AccessRuleTests {
    @Test(arguments: [
        ("/v2.1/servers", "/v2.1/servers", true), ("/v2.1/servers", "/v2.1/servers/1", false), ("/v2.1/servers", "/v2x1/servers", false),
        ("/v2.1/servers/*", "/v2.1/servers/1", true), ("/v2.1/servers/*", "/v2.1/servers/", false),
        ("/v2.1/servers/*", "/v2.1/servers/1/ips", false), ("/v2.1/servers/*/ips", "/v2.1/servers/1/ips", true),
        ("/v2.1/servers/{server_id}", "/v2.1/servers/1", true), ("/v2.1/servers/{server_id}/ips", "/v2.1/servers/1/2/ips", false),
        ("/v2.1/servers/pre*", "/v2.1/servers/prefix", true), ("/v2.1/servers/pre*", "/v2.1/servers/pre", false),
        ("/v2.1/**", "/v2.1/servers/1/ips", true), ("/v2.1/**", "/v2.1/", true), ("/v2.1/**", "/v2.0/servers", false),
        ("/**/ips", "/v2.1/servers/1/ips", true), ("/**/ips", "/v2.1/servers/1/ports", false), ("/a{b", "/a{b", true),
        ("/***", "/x/y", true), ("/***", "/", false), ("/", "/", true), ("/", "", false),
    ])
    func patterns(_ pattern: String, _ path: String, _ matches: Bool) {
        #expect(PathGlob(pattern).matches(path) == matches)
    }

    /// Following every position at once takes time in proportion to pattern and path.
    @Test func noPatternIsCostly() {
        let pattern = "/" + String(repeating: "*a**", count: 50) + "c"
        #expect(!PathGlob(pattern).matches("/" + String(repeating: "a", count: 2000) + "b/"))
    }

    @Test func serviceAndMethodCountToo() {
        let rule = AccessRule(service: "compute", method: "GET", path: "/v2.1/servers")
        #expect(rule.admits(service: "compute", method: "GET", path: "/v2.1/servers"))
        #expect(!rule.admits(service: "compute", method: "POST", path: "/v2.1/servers"))
        #expect(!rule.admits(service: "image", method: "GET", path: "/v2.1/servers"))
    }
}
