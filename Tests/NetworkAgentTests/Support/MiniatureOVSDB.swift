import CloudCore

@testable import NetworkAgent

/// As much of a database as the differ's tests need: it carries out operations on rows, drops rows that nothing holds
/// any longer, and clears references to rows that are gone.
struct MiniatureOVSDB {
    private(set) var rows: [OVSDBRowAddress: OVSDBRow] = [:]
    private var lastRow = 0

    /// The single-valued columns of the tables that we write; the others are sets or maps.
    private static let single: [String: OVSDBValue] = [
        "name": .string(""), "type": .string(""), "enabled": .none, "tag": .none, "tag_request": .none, "dhcpv4_options": .none,
        "cidr": .string(""), "mac": .string(""), "chassis_name": .string(""), "priority": .integer(0), "ip_prefix": .string(""),
        "nexthop": .string(""), "output_port": .none, "external_ip": .string(""), "logical_ip": .string(""),
        "logical_port": .none, "external_mac": .none, "direction": .string(""), "match": .string(""), "action": .string(""),
        "dhcpv6_options": .none, "parent_name": .none, "protocol": .none,
    ]
    private static let maps: Set<String> = ["options", "other_config", "external_ids", "records", "vips", "bandwidth", "ipv6_ra_configs"]

    /// The part of the northbound schema that we use.
    static let schema: OVSDBSchema = {
        var tables: [String: [String: OVSDBSchema.Column]] = [:]
        for table in OVNTable.allCases {
            for column in table.columns {
                let value = single[column] ?? (maps.contains(column) ? .map([:]) : OVSDBValue.none)
                tables[table.rawValue, default: [:]][column] = .init(isSingle: single[column] != nil, defaultValue: value)
            }
        }
        return OVSDBSchema(tables: tables)
    }()

    /// A copy as a client would have it.
    func replica() throws -> OVSDBReplica {
        var replica = try OVSDBReplica(
            schema: Self.schema, wanted: OVNTable.monitor.tables.mapValues(\.columns), indexKey: OVNRowKey.ownerLabel)
        for (address, row) in rows {
            try replica.apply(.object([address.table: .object([address.uuid: ["insert": .init(row: row)]])]))
        }
        return replica
    }

    mutating func transact(_ operations: [OVSDBOperation]) {
        var names: [String: String] = [:]
        for case .insert(_, _, let name?) in operations { names[name] = newUUID() }
        for operation in operations { perform(operation, names) }
        collect()
    }

    private mutating func newUUID() -> String {
        lastRow += 1
        return "uuid-\(lastRow)"
    }

    private mutating func perform(_ operation: OVSDBOperation, _ names: [String: String]) {
        switch operation {
        case .insert(let table, let row, let name):
            let uuid = name.flatMap { names[$0] } ?? newUUID()
            rows[OVSDBRowAddress(table: table, uuid: uuid)] = row.mapValues { resolve($0, names) }
        case .update(let table, let conditions, let row):
            for address in matching(table, conditions) {
                let resolved = row.mapValues { resolve($0, names) }
                rows[address]?.merge(resolved) { $1 }
            }
        case .mutate(let table, let conditions, let mutations):
            for address in matching(table, conditions) {
                for mutation in mutations { mutate(address, mutation, names) }
            }
        case .delete(let table, let conditions):
            for address in matching(table, conditions) { rows[address] = nil }
        case .wait, .comment: break
        }
    }

    private mutating func mutate(_ address: OVSDBRowAddress, _ mutation: OVSDBMutation, _ names: [String: String]) {
        let old = rows[address]?[mutation.column]?.atoms ?? []
        let change = resolve(mutation.value, names).atoms
        rows[address]?[mutation.column] = .set(mutation.mutator == "insert" ? old.union(change) : old.subtracting(change))
    }

    private func matching(_ table: String, _ conditions: [OVSDBCondition]) -> [OVSDBRowAddress] {
        rows.keys.filter { address in
            address.table == table
                && conditions.allSatisfy { $0.column == "_uuid" ? $0.value.uuids == [address.uuid] : rows[address]?[$0.column] == $0.value }
        }
    }

    private func resolve(_ value: OVSDBValue, _ names: [String: String]) -> OVSDBValue {
        guard case .set(let atoms) = value else { return value }
        return .set(Set(atoms.map { atom in
            if case .namedUUID(let name) = atom, let uuid = names[name] { return .uuid(uuid) }
            return atom
        }))
    }

    /// Removes rows that must stand in another and do not, and then references to rows that are gone.
    private mutating func collect() {
        while true {
            let orphans = rows.keys.filter { address in
                guard let (parent, column) = OVNTable(rawValue: address.table)?.parent else { return false }
                return !rows.contains { $0.key.table == parent.rawValue && $0.value[column]?.uuids.contains(address.uuid) == true }
            }
            if orphans.isEmpty { break }
            for orphan in orphans { rows[orphan] = nil }
        }
        let present = Set(rows.keys.map(\.uuid))
        for (address, row) in rows {
            for (column, value) in row where !value.uuids.isSubset(of: present) {
                rows[address]?[column] = .set(value.atoms.filter { if case .uuid(let id) = $0 { present.contains(id) } else { true } })
            }
        }
    }
}
