import ImageStores
import Testing

/// What addresses are for, and which URLs are fetched.
@Suite struct WebFilterTests {
    @Test(arguments: [
        ("8.8.8.8", InternetAddress.Reach.global), ("172.32.0.1", .global), ("100.128.0.1", .global), ("2606:4700::1111", .global),
        ("127.0.0.1", .loopback), ("127.255.255.254", .loopback), ("::1", .loopback),
        ("169.254.169.254", .linkLocal), ("fe80::1", .linkLocal), ("febf::1", .linkLocal),
        ("10.1.2.3", .private), ("172.16.0.1", .private), ("172.31.255.255", .private), ("192.168.0.1", .private),
        ("100.64.0.1", .private), ("100.127.255.255", .private), ("fec0::1", .private),
        ("fc00::1", .uniqueLocal), ("fdff::1", .uniqueLocal),
        ("224.0.0.1", .multicast), ("239.255.255.255", .multicast), ("ff02::1", .multicast),
        ("0.0.0.0", .unspecified), ("0.1.2.3", .unspecified), ("::", .unspecified),
        ("255.255.255.255", .reserved), ("240.0.0.1", .reserved), ("192.0.2.1", .reserved), ("198.18.0.1", .reserved),
        ("2001:db8::1", .reserved), ("2002:7f00:1::", .reserved), ("2001::1", .reserved), ("64:ff9b::7f00:1", .reserved),
        ("::127.0.0.1", .reserved), ("4000::1", .reserved),
        ("::ffff:127.0.0.1", .loopback), ("::ffff:10.0.0.1", .private), ("::ffff:8.8.8.8", .global),
    ]) func addressesAreForSomething(_ text: String, _ reach: InternetAddress.Reach) throws {
        let address = try #require(InternetAddress(text))
        #expect(address.reach == reach)
        #expect(WebFilter().admits(address) == (reach == .global && address.mapped == nil))
        var open = WebFilter()
        open.allowsPrivate = true
        #expect(open.admits(address) == ![.multicast, .unspecified, .reserved].contains(reach))
    }

    @Test(arguments: ["127.1", "2130706433", "0x7f000001", "017700000001", "1.2.3.4.5", "1.2.3", "", "::g", "fe80::1%eth0"])
    func onlyStrictFormsAreAddresses(_ text: String) {
        #expect(InternetAddress(text) == nil)
    }

    @Test(arguments: [
        ("http://example.org", "http", "example.org", 80, "/"),
        ("HTTPS://Example.org/a%20b?c=d#e", "https", "example.org", 443, "/a%20b?c=d"),
        ("http://example.org:443?x", "http", "example.org", 443, "/?x"),
        ("http://[2606:4700::1111]:80/x", "http", "2606:4700::1111", 80, "/x"),
        ("http://8.8.8.8/", "http", "8.8.8.8", 80, "/"), ("http://example.org./", "http", "example.org.", 80, "/"),
    ]) func plainURLsAreTaken(_ url: String, _ scheme: String, _ host: String, _ port: Int, _ path: String) throws {
        let target = try WebFilter().target(url)
        #expect(target.scheme == scheme)
        #expect(target.host == host)
        #expect(target.port == port)
        #expect(target.path == path)
        #expect(try WebTarget(target.url) == target)
    }

    @Test(arguments: [
        "", "example.org", "//example.org/x", "http:/example.org", "http://", "http://:80/", "http://user@example.org/",
        "http://example.org@127.0.0.1/", "http://exa mple.org/", "http://example.org/\r\nHost: x", "http://exämple.org/",
        "http://example.org\\@127.0.0.1/", "http://example.org:0/", "http://example.org:65536/", "http://example.org:8x/",
        "http://example.org:/", "http://[::1/", "http://[example.org]/", "http://[::1]x/", "http://a..b/", "http://-/\u{0}",
        "http://2130706433/", "http://0x7f000001/", "http://127.1/", "http://0177.0.0.1/", "http://127.0.0.0x1/",
        "http://example.1/", "1http://example.org/",
    ]) func whatIsNotPlainIsRefused(_ url: String) {
        #expect { try WebTarget(url) } throws: { error in
            if case WebRefusal.malformed = error { true } else { false }
        }
    }

    @Test(arguments: [
        ("http://127.0.0.1/", WebRefusal.address(host: "127.0.0.1")), ("http://[::1]/", .address(host: "::1")),
        ("http://169.254.169.254/latest", .address(host: "169.254.169.254")), ("http://10.0.0.1/", .address(host: "10.0.0.1")),
        ("http://[::ffff:8.8.8.8]/", .address(host: "::ffff:8.8.8.8")), ("http://[fd00::1]/", .address(host: "fd00::1")),
        ("http://0.0.0.0/", .address(host: "0.0.0.0")), ("http://224.0.0.1/", .address(host: "224.0.0.1")),
        ("ftp://example.org/", .scheme("ftp")), ("file:///etc/passwd", .malformed("its host is none")),
        ("http://example.org:22/", .port(22)), ("http://example.org:8080/", .port(8080)),
    ]) func theDefaultsRefuse(_ url: String, _ refusal: WebRefusal) {
        #expect(throws: refusal) { try WebFilter().target(url) }
    }

    @Test func listsDecide() throws {
        var filter = WebFilter()
        (filter.allowedSchemes, filter.allowedPorts) = ([], [])
        (filter.disallowedSchemes, filter.disallowedPorts) = (["http"], [25])
        filter.disallowedHosts = ["Bad.example.org", "8.8.4.4"]
        #expect(throws: WebRefusal.scheme("http")) { try filter.target("http://example.org/") }
        #expect(throws: WebRefusal.scheme("gopher")) { try filter.target("gopher://example.org/") }
        #expect(throws: WebRefusal.port(25)) { try filter.target("https://example.org:25/") }
        #expect(throws: WebRefusal.host("bad.example.org")) { try filter.target("https://bad.example.org/") }
        #expect(throws: WebRefusal.host("bad.example.org.")) { try filter.target("https://bad.example.org./") }
        #expect(try filter.target("https://good.example.org:8443/").port == 8443)
        let name = try filter.target("https://good.example.org/")
        let (bad, good) = (try #require(InternetAddress("8.8.4.4")), try #require(InternetAddress("8.8.8.8")))
        #expect(try filter.admitted([bad, good], for: name) == [good])
        #expect(throws: WebRefusal.address(host: "good.example.org")) { try filter.admitted([bad], for: name) }
        filter.allowedHosts = ["only.example.org"]
        #expect(throws: WebRefusal.host("good.example.org")) { try filter.check(name) }
        #expect(try filter.target("https://only.example.org/").host == "only.example.org")
    }

    @Test(arguments: [
        ("/x", "http://a.example/x"), ("x", "http://a.example/p/x"), ("?q", "http://a.example/p/f?q"),
        ("//b.example/x", "http://b.example/x"), ("https://b.example/x", "https://b.example/x"), ("x?u=http://c/", "http://a.example/p/x?u=http://c/"),
    ]) func redirectsAreRelative(_ location: String, _ url: String) throws {
        #expect(try WebTarget("http://a.example/p/f?z=1").redirected(to: location).url == url)
    }
}
