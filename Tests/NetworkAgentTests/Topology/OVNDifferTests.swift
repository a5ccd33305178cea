import NetworkMessages
import Testing

@testable import NetworkAgent

@Suite(.timeLimit(.minutes(1))) struct OVNDifferTests {
    let sample = SampleTopology()
    let projection = OVNProjection(options: OVNProjectionOptions(gatewayChassis: ["host1"]))

    private func difference(
        _ entities: [TopologyEntity], removed: [TopologyKey] = [], complete: Bool = false, in database: MiniatureOVSDB
    ) throws -> OVNDifference {
        let rows = try projection.baseRows + entities.flatMap { try projection.rows(of: $0) }
        let owners = Set(entities.map(\.key.owner) + removed.map(\.owner) + [OVNProjection.base])
        return try OVNDiffer.difference(
            desired: rows, scope: complete ? .everything : .owners(owners), in: database.replica())
    }

    @discardableResult
    private func apply(
        _ entities: [TopologyEntity], removed: [TopologyKey] = [], complete: Bool = false, to database: inout MiniatureOVSDB
    ) throws -> TopologyReport {
        let difference = try difference(entities, removed: removed, complete: complete, in: database)
        database.transact(difference.operations)
        #expect(try self.difference(entities, removed: removed, complete: complete, in: database) == OVNDifference())
        return difference.report
    }

    private func row(_ name: String, of entity: TopologyEntity, in database: MiniatureOVSDB) -> OVSDBRow? {
        let key = OVNRowKey(entity.key, name)
        return database.rows.values.first { OVNRowKey(row: $0) == key }
    }

    @Test func everythingIsInsertedOnceAndThenRight() throws {
        var database = MiniatureOVSDB()
        let report = try apply(sample.entities, to: &database)
        #expect(report == TopologyReport(inserted: database.rows.count, updated: 0, deleted: 0))
        #expect(row("switch", of: .network(sample.tenant), in: database)?["ports"]?.uuids.count == 4)
        #expect(row("group", of: .securityGroup(sample.group), in: database)?["ports"]?.uuids.count == 2)
        let port = try #require(row("port", of: .port(sample.first), in: database))
        #expect(port["dhcpv4_options"]?.uuids.count == 1)
    }

    @Test func theOrderOfChangesDoesNotMatter() throws {
        var (all, single) = (MiniatureOVSDB(), MiniatureOVSDB())
        try apply(sample.entities, to: &all)
        for entity in sample.entities { try apply([entity], to: &single) }
        #expect(all.rows.count == single.rows.count)
        #expect(try difference(sample.entities, complete: true, in: single) == OVNDifference())
    }

    @Test func aChangeTouchesOnlyWhatChanged() throws {
        var database = MiniatureOVSDB()
        try apply(sample.entities, to: &database)
        var port = sample.first
        port.adminUp = false
        let uuid = try #require(database.rows.first { $0.value["name"] == .string(port.id) }?.key.uuid)
        #expect(try difference([.port(port)], in: database).operations == [
            .update(table: "Logical_Switch_Port", where: [.uuid(uuid)], row: ["enabled": .boolean(false)])
        ])
        #expect(try apply([.port(port)], to: &database) == TopologyReport(inserted: 0, updated: 1, deleted: 0))
    }

    @Test func aPortLeavesAndJoinsGroups() throws {
        var database = MiniatureOVSDB()
        try apply(sample.entities, to: &database)
        var other = sample.group
        other.id = SampleTopology.id(33)
        try apply([.securityGroup(other)], to: &database)
        var port = sample.first
        port.securityGroupIDs = [other.id]
        #expect(try apply([.port(port)], to: &database) == TopologyReport(inserted: 0, updated: 2, deleted: 0))
        #expect(row("group", of: .securityGroup(other), in: database)?["ports"]?.uuids.count == 1)
        #expect(row("group", of: .securityGroup(sample.group), in: database)?["ports"]?.uuids.count == 1)
        port.portSecurity = false
        #expect(try apply([.port(port)], to: &database) == TopologyReport(inserted: 0, updated: 3, deleted: 0))
        #expect(database.rows.values.first { OVNRowKey(row: $0) == OVNProjection.dropGroup }?["ports"]?.uuids.count == 1)
    }

    @Test func rulesComeAndGo() throws {
        var database = MiniatureOVSDB()
        try apply(sample.entities, to: &database)
        var group = sample.group
        group.rules.removeLast()
        group.rules.append(SampleTopology.rule(SampleTopology.id(39), .ingress, ipProtocol: "tcp", ports: (22, 22)))
        #expect(try apply([.securityGroup(group)], to: &database) == TopologyReport(inserted: 1, updated: 0, deleted: 1))
        #expect(row("group", of: .securityGroup(group), in: database)?["acls"]?.uuids.count == 2)
        #expect(row("group", of: .securityGroup(group), in: database)?["ports"]?.uuids.count == 2)
    }

    @Test func entitiesAreRemovedWithAllTheirRows() throws {
        var database = MiniatureOVSDB()
        try apply(sample.entities, to: &database)
        for entity in sample.entities.reversed() {
            let report = try apply([], removed: [entity.key], to: &database)
            #expect(report.deleted > 0 && report.inserted == 0 && report.updated == 0)
            #expect(!database.rows.values.contains { OVNRowKey(row: $0)?.owner == entity.key.owner })
        }
        #expect(database.rows.count == projection.baseRows.count)
    }

    @Test func completeRemovesTheRestOfOursAndNothingElse() throws {
        var database = MiniatureOVSDB()
        try apply(sample.entities, to: &database)
        let foreign = OVSDBOperation.insert(table: "Logical_Switch", row: ["name": .string("foreign")], name: nil)
        database.transact([foreign])
        let report = try apply([.network(sample.tenant)], complete: true, to: &database)
        #expect(report.deleted > 0)
        #expect(Set(database.rows.values.compactMap { OVNRowKey(row: $0)?.owner })
            == [OVNProjection.base, "network/\(sample.tenant.id)"])
        #expect(database.rows.values.contains { $0["name"] == .string("foreign") })
    }

    @Test func incompleteLeavesTheRestAlone() throws {
        var database = MiniatureOVSDB()
        try apply(sample.entities, to: &database)
        #expect(try difference([.network(sample.tenant)], in: database) == OVNDifference())
        #expect(try difference([], in: database) == OVNDifference())
    }

    @Test func aWipedDatabaseIsFilledAgain() throws {
        var database = MiniatureOVSDB()
        let first = try apply(sample.entities, complete: true, to: &database)
        database = MiniatureOVSDB()
        #expect(try apply(sample.entities, complete: true, to: &database) == first)
    }

    @Test func whatOthersChangedIsSetRight() throws {
        var database = MiniatureOVSDB()
        try apply(sample.entities, to: &database)
        // A meter's band drops as well, and matches nothing.
        let drops = database.rows.values.count { $0["action"] == .string("drop") && $0["match"] != nil }
        #expect(drops >= 2)
        database.transact([
            .update(table: "ACL", where: [.equal("action", .string("drop"))], row: ["action": .string("allow")]),
            .update(table: "Logical_Switch", where: [.equal("name", .string(sample.tenant.id))], row: ["other_config": .map([:])]),
        ])
        #expect(try apply(sample.entities, complete: true, to: &database) == TopologyReport(inserted: 0, updated: drops + 1, deleted: 0))
    }

    @Test func aRowThatIsThereTwiceGoesOnce() throws {
        var database = MiniatureOVSDB()
        try apply(sample.entities, to: &database)
        let options = try #require(database.rows.first { $0.key.table == "DHCP_Options" }?.value)
        database.transact([.insert(table: "DHCP_Options", row: options, name: nil)])
        #expect(try apply(sample.entities, to: &database).deleted == 1)
    }

    @Test func portsAdoptDHCPThatComesLater() throws {
        var database = MiniatureOVSDB()
        var network = sample.tenant
        network.subnets[0].dhcp = false
        try apply([.network(network), .securityGroup(sample.group), .port(sample.first)], to: &database)
        #expect(row("port", of: .port(sample.first), in: database)?["dhcpv4_options"]?.uuids.isEmpty ?? true)
        #expect(try apply([.network(sample.tenant)], to: &database) == TopologyReport(inserted: 1, updated: 1, deleted: 0))
        #expect(row("port", of: .port(sample.first), in: database)?["dhcpv4_options"]?.uuids.count == 1)
        try apply([.network(network)], to: &database)
        #expect(try difference([.port(sample.first)], in: database) == OVNDifference())
    }

    /// The range of the DHCPv6 options that a port has; nil for a port without.
    private func dhcp6(of port: LogicalPort, in database: MiniatureOVSDB) -> OVSDBValue? {
        let uuids = row("port", of: .port(port), in: database)?["dhcpv6_options"]?.uuids ?? []
        return database.rows.first { uuids.contains($0.key.uuid) }?.value["cidr"]
    }

    @Test func aPortHasTheOptionsOfTheSubnetThatGivesAddresses() throws {
        var (network, port) = (sample.tenant, sample.first)
        func add(_ number: Int, _ mode: IPv6AddressMode) {
            network.subnets.append(LogicalSubnet(
                id: SampleTopology.id(number), cidr: "fd00:\(number)::/64", gateway: nil, dhcp: true, nameservers: [], hostRoutes: [],
                addressMode: mode))
            port.fixedIPs.append(FixedIP(subnetID: SampleTopology.id(number), address: "fd00:\(number)::5"))
        }
        add(13, .slaac)
        add(14, .stateless)
        var database = MiniatureOVSDB()
        try apply([.network(network), .securityGroup(sample.group), .port(port)], to: &database)
        #expect(dhcp6(of: port, in: database) == .string("fd00:14::/64"))
        add(15, .stateful)
        try apply([.network(network), .port(port)], to: &database)
        #expect(dhcp6(of: port, in: database) == .string("fd00:15::/64"))
        // The port is not told again; its options go and come back with the subnet's.
        network.subnets[3].dhcp = false
        try apply([.network(network)], to: &database)
        #expect(dhcp6(of: port, in: database) == .string("fd00:14::/64"))
        network.subnets[3].dhcp = true
        try apply([.network(network)], to: &database)
        #expect(dhcp6(of: port, in: database) == .string("fd00:15::/64"))
        #expect(try difference([.port(port)], in: database) == OVNDifference())
    }

    @Test func aRouterInterfaceMovesToAnotherNetwork() throws {
        var database = MiniatureOVSDB()
        try apply(sample.entities, to: &database)
        var router = sample.router
        router.interfaces[0].networkID = sample.external.id
        try apply([.router(router)], to: &database)
        #expect(row("switch", of: .network(sample.external), in: database)?["ports"]?.uuids.count == 3)
    }

    @Test func whatIsNeededMustBeThere() throws {
        #expect(throws: TopologyError.missing(
            OVNProjection.switchKey(sample.tenant.id), of: OVNRowKey(owner: "port/\(sample.first.id)", name: "port"))
        ) {
            try difference([.port(sample.first)], in: MiniatureOVSDB())
        }
        var database = MiniatureOVSDB()
        try apply([.network(sample.tenant)], to: &database)
        #expect(throws: TopologyError.self) { try difference([.port(sample.first)], in: database) }
    }
}
