import NetworkMessages
import Testing

@testable import Networking

@Suite struct AddressTests {
    @Test(arguments: [
        ("0.0.0.0", "0.0.0.0"), ("255.255.255.255", "255.255.255.255"), ("10.0.0.1", "10.0.0.1"), ("::", "::"), ("::1", "::1"),
        ("2001:DB8::0:1", "2001:db8::1"), ("2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"), ("1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7:8"),
        ("1:0:2:3:4:5:6:7", "1:0:2:3:4:5:6:7"), ("::ffff:192.0.2.1", "::ffff:c000:201"), ("1::", "1::"), ("fe80::1:0", "fe80::1:0"),
    ])
    func addressesHaveOneCanonicalText(text: String, canonical: String) {
        #expect(IPAddress(text)?.description == canonical)
        #expect(IPAddress(text).flatMap { IPAddress(key: $0.key) } == IPAddress(text))
    }

    @Test(arguments: [
        "", "1.2.3", "1.2.3.4.5", "256.1.1.1", "01.2.3.4", "1.2.3.4 ", "1..2.3", "a.b.c.d", ":", ":::", "1::2::3", "12345::",
        "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "g::", "::1.2.3.4:5", "1:2:3:4:5:6:7::8", "10.0.0.1/24",
    ])
    func otherTextsAreNoAddresses(text: String) { #expect(IPAddress(text) == nil) }

    @Test func keysSortAsAddressesDo() {
        let addresses = ["10.0.0.2", "10.0.0.10", "9.255.255.255", "192.168.0.1"].compactMap { IPAddress($0) }
        #expect(addresses.sorted().map(\.key) == addresses.map(\.key).sorted())
    }

    @Test func advancingStopsAtTheEnds() {
        #expect(IPAddress("255.255.255.255")?.advanced(by: 1) == nil)
        #expect(IPAddress("0.0.0.0")?.advanced(by: -1) == nil)
        #expect(IPAddress("10.0.0.255")?.advanced(by: 1)?.description == "10.0.1.0")
        #expect(IPAddress("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff")?.advanced(by: 1) == nil)
    }

    @Test(arguments: [
        ("10.0.0.5/24", "10.0.0.0/24"), ("10.1.2.3", "10.1.2.3/32"), ("10.0.0.0/255.255.0.0", "10.0.0.0/16"), ("::/0", "::/0"),
        ("2001:db8::5/64", "2001:db8::/64"), ("0.0.0.0/0", "0.0.0.0/0"), ("10.0.0.0/0.0.0.0", "0.0.0.0/0"),
    ])
    func rangesDropHostBits(text: String, canonical: String) { #expect(CIDR(text)?.description == canonical) }

    @Test(arguments: ["10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/", "10.0.0.0/+8", "::/129", "10.0.0.0/255.0.255.0", "x/8", ""])
    func otherTextsAreNoRanges(text: String) { #expect(CIDR(text) == nil) }

    @Test func hostsLeaveOutTheEndsWhereThereAreSuch() {
        #expect(CIDR("10.0.0.0/24")?.hosts.description == "10.0.0.1-10.0.0.254")
        #expect(CIDR("10.0.0.0/31")?.hosts.description == "10.0.0.0-10.0.0.1")
        #expect(CIDR("10.0.0.7/32")?.hosts.description == "10.0.0.7-10.0.0.7")
        #expect(CIDR("2001:db8::/64")?.hosts.description == "2001:db8::1-2001:db8::ffff:ffff:ffff:ffff")
        #expect(CIDR("::/0")?.last.description == "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff")
    }

    @Test func rangesOverlapWhenOneHoldsTheOther() throws {
        let wide = try #require(CIDR("10.0.0.0/16"))
        let narrow = try #require(CIDR("10.0.200.0/24"))
        let other = try #require(CIDR("10.1.0.0/16"))
        #expect(wide.overlaps(narrow) && narrow.overlaps(wide))
        #expect(!wide.overlaps(other))
        #expect(try !wide.overlaps(#require(CIDR("::/0"))))
    }

    @Test func macAddressesHaveOneForm() {
        #expect(MACAddress("FA-16-3E-0-1-a")?.description == "fa:16:3e:00:01:0a")
        #expect(MACAddress("fa163e00010a")?.description == "fa:16:3e:00:01:0a")
        for text in ["", "fa:16:3e:00:01", "fa:16:3e:00:01:0a:0b", "fa:16:3e:00:01:0g", "fa:16:3e:00:001:0a"] {
            #expect(MACAddress(text) == nil)
        }
        #expect(MACAddress.generated().description.hasPrefix("fa:16:3e:"))
    }

    @Test func hostsNameThemselvesByEUI64() throws {
        let mac = try #require(MACAddress("00:11:22:33:44:55"))
        #expect(try mac.eui64(in: #require(CIDR("2001:db8::/64"))).description == "2001:db8::211:22ff:fe33:4455")
    }

    @Test func theSearchForAFreeAddressGoesOnBehindTheLast() throws {
        func range(_ first: String, _ last: String) throws -> AddressRange {
            AddressRange(try #require(IPAddress(first)), try #require(IPAddress(last)))
        }
        let pools = try [range("10.0.0.2", "10.0.0.9"), range("10.0.0.20", "10.0.0.29")]
        #expect(AddressRange.searchOrder(pools, after: nil) == pools)
        let order = AddressRange.searchOrder(pools, after: IPAddress("10.0.0.5")).map(\.description)
        #expect(order == ["10.0.0.6-10.0.0.9", "10.0.0.20-10.0.0.29", "10.0.0.2-10.0.0.5"])
        let wrapped = AddressRange.searchOrder(pools, after: IPAddress("10.0.0.29")).map(\.description)
        #expect(wrapped == ["10.0.0.2-10.0.0.9", "10.0.0.20-10.0.0.29"])
    }

    @Test func aRangeWithoutAnAddressFallsInParts() throws {
        let range = AddressRange(try #require(IPAddress("10.0.0.1")), try #require(IPAddress("10.0.0.4")))
        #expect(try range.removing(#require(IPAddress("10.0.0.1"))).map(\.description) == ["10.0.0.2-10.0.0.4"])
        #expect(try range.removing(#require(IPAddress("10.0.0.3"))).map(\.description) == ["10.0.0.1-10.0.0.2", "10.0.0.4-10.0.0.4"])
        #expect(try range.removing(#require(IPAddress("10.0.0.9"))) == [range])
    }

    @Test func addressChangesKeepWhatIsStillWanted() {
        let current = [FixedIP(subnetID: "a", address: "10.0.0.5"), FixedIP(subnetID: "b", address: "10.1.0.5")]
        let change = AddressChange(
            from: current, to: [AddressRequest(subnetID: "a"), AddressRequest(subnetID: "c")], automatic: [])
        #expect(change.kept == [current[0]])
        #expect(change.added == [AddressRequest(subnetID: "c")])
        #expect(change.removed == [current[1]])
        let automatic = AddressChange(from: current, to: [], automatic: ["b"])
        #expect(automatic.kept == [current[1]] && automatic.removed == [current[0]])
        let named = AddressChange(from: current, to: [AddressRequest(address: IPAddress("10.1.0.5"))], automatic: [])
        #expect(named.kept == [current[1]] && named.added.isEmpty && named.removed == [current[0]])
    }
}
