import Testing

@testable import NetworkAgent

@Suite struct HostResolversTests {
    @Test func guestsAreToldOfResolversThatTheyReach() {
        let configuration = """
            # made by hand
            search example.org
            nameserver 127.0.0.53
            nameserver\t192.0.2.53
            nameserver 2001:db8::53
            nameserver fe80::1%eth0
            nameserver 169.254.1.1
            nameserver ::1
            nameserver
            options edns0
            """
        #expect(HostResolvers.addresses(in: configuration) == ["192.0.2.53", "2001:db8::53"])
    }

    @Test(arguments: [("10.0.0.11", "11.0.0.10.in-addr.arpa"), ("fd00::1:2", "2.0.0.0.1.0.0.0.\(String(repeating: "0.", count: 20))0.0.d.f.ip6.arpa")])
    func anAddressHasAName(address: String, name: String) throws {
        #expect(try NetworkAddress(address).reverseName == name)
    }
}
