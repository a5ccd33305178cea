import CloudCore
import Testing
import VolumeMessages

@testable import BlockStorage

/// The choice of pools.
struct VolumeSchedulerTests {
    private let scheduler = VolumeScheduler(options: BlockStorageOptions(), picks: PendingVolumes())
    private let now = Timestamp.now

    private func known(_ report: VolumePool, zone: String = "nova", disabled: Bool = false) -> KnownPool {
        let name = VolumeHostName(report)
        return KnownPool(
            name: name, report: report,
            service: StorageService(
                id: name.service, binary: .volume, host: name.service, availabilityZone: zone, isDisabled: disabled, seenAt: now,
                createdAt: now))
    }

    private func hosts(_ demand: PoolDemand, _ pools: [KnownPool]) -> [String] {
        scheduler.choose(demand, among: pools, at: now).map(\.name.host)
    }

    @Test func thePoolWithMoreRoomComesFirst() {
        let pools = [known(StorageSite.pool("a", free: 10)), known(StorageSite.pool("b", free: 20)), known(StorageSite.pool("c", free: 1))]
        #expect(hosts(PoolDemand(size: 5, type: VolumeType(name: "any")), pools) == ["b", "a"])
    }

    @Test func thinPoolsPromiseMoreThanTheyHave() {
        let pools = [known(StorageSite.pool("thick", free: 10)), known(StorageSite.pool("thin", free: 10, thin: true))]
        #expect(hosts(PoolDemand(size: 15, type: VolumeType(name: "any")), pools) == ["thin"])
        #expect(hosts(PoolDemand(size: 1500, type: VolumeType(name: "any")), pools) == [])
    }

    @Test func whatWasChosenAMomentAgoCounts() {
        let pools = [known(StorageSite.pool("a", free: 10))]
        scheduler.picks.add(8, to: VolumeHostName(host: "a", backend: "fast", pool: ""))
        #expect(hosts(PoolDemand(size: 5, type: VolumeType(name: "any")), pools) == [])
        scheduler.picks.forget(host: "a")
        #expect(hosts(PoolDemand(size: 5, type: VolumeType(name: "any")), pools) == ["a"])
    }

    @Test func zonesServicesAndNeighboursNarrowDown() {
        let pools = [
            known(StorageSite.pool("a", free: 10)), known(StorageSite.pool("b", free: 9), zone: "east"),
            known(StorageSite.pool("c", free: 8), disabled: true), known(StorageSite.pool("d", free: 7)),
        ]
        var demand = PoolDemand(size: 1, type: VolumeType(name: "any"), zones: ["nova"])
        #expect(hosts(demand, pools) == ["a", "d"])
        demand.apart = ["a@fast"]
        #expect(hosts(demand, pools) == ["d"])
        (demand.apart, demand.together) = ([], ["d@fast#x"])
        #expect(hosts(demand, pools) == ["d"])
        demand.tried = ["d@fast"]
        #expect(hosts(demand, pools) == [])
    }

    @Test(arguments: [
        ("fast", true), ("slow", false), ("s== fast", true), ("<or> slow <or> fast", true), ("<in> as", true), ("s!= fast", false),
    ])
    func namesOfBackEndsAreAskedFor(_ wanted: String, _ isFound: Bool) {
        let type = VolumeType(name: "typed", extraSpecs: ["volume_backend_name": wanted, "vendor:anything": "x"])
        #expect(CapabilityMatch.admits(StorageSite.pool("a", free: 1), type) == isFound)
    }

    @Test(arguments: [("5", ">= 4", true), ("5", "= 6", false), ("True", "<is> true", true), ("5", "== 5.0", true), ("x", "> 1", false)])
    func operatorsCompare(_ found: String, _ wanted: String, _ isMatch: Bool) {
        #expect(CapabilityMatch.matches(found, wanted) == isMatch)
    }
}

/// Texts that clients and hosts send.
struct VolumeTextTests {
    @Test(arguments: [
        ("{'a': 'b'}", ["a": "b"]), ("{\"a\": \"b\", u'c': 'd\\'e'}", ["a": "b", "c": "d'e"]), ("{}", [:]),
        ("{'n': 1}", ["n": "1"]),
    ])
    func dictionariesOfPythonAreRead(_ text: String, _ members: [String: String]) throws {
        #expect(try PythonDictionary.parse(text, of: "metadata") == members)
    }

    @Test(arguments: ["", "a", "{'a'}", "{'a': }", "{'a': 'b'", "{'a': 'b}"])
    func whatIsNoneIsRefused(_ text: String) {
        #expect(throws: BlockStorageError.self) { try PythonDictionary.parse(text, of: "metadata") }
    }

    @Test func namesOfPlacesHaveThreeParts() throws {
        let name = try #require(VolumeHostName("host@backend#pool#x"))
        #expect((name.host, name.backend, name.pool) == ("host", "backend", "pool#x"))
        #expect(VolumeHostName("host@backend")?.text == "host@backend")
        #expect(VolumeHostName("host") == nil)
    }
}
