import NetworkMessages

/// What makes the database as it should be.
struct OVNDifference: Sendable, Equatable {
    /// The transaction; empty when everything is right already.
    var operations: [OVSDBOperation] = []
    /// What it does.
    var report = TopologyReport(inserted: 0, updated: 0, deleted: 0)
}

/// Compares rows as they should be with a replica, and finds the fewest operations that close the difference. Rows that
/// are right are not touched. Pure.
struct OVNDiffer {
    /// What of ours may be changed or removed.
    enum Scope: Sendable, Equatable {
        /// The rows of these owners.
        case owners(Set<String>)
        /// Whatever is ours.
        case everything
    }

    private let replica: OVSDBReplica
    private let desired: [OVNRow]
    private let scope: Scope

    /// The rows that exist, by key, and those that must go.
    private var existing: [OVNRowKey: OVSDBRowAddress] = [:]
    private var doomed: Set<OVSDBRowAddress> = []
    private var named: [OVNRowKey: String] = [:]
    /// The desired DHCP options, by key.
    private var options: [OVNRowKey: OVSDBRow] = [:]

    private var inserts: [(key: OVNRowKey, table: OVNTable, row: OVSDBRow)] = []
    private var insertPositions: [OVNRowKey: Int] = [:]
    private var updates: [OVSDBRowAddress: OVSDBRow] = [:]
    /// Elements to add to and take from sets of rows that exist.
    private var additions: [Membership: Set<OVSDBAtom>] = [:]
    private var removals: [Membership: Set<OVSDBAtom>] = [:]
    private var touchedGroups: Set<OVSDBRowAddress> = []

    private struct Membership: Hashable, Comparable {
        var address: OVSDBRowAddress
        var column: String
        static func < (left: Membership, right: Membership) -> Bool {
            (left.address, left.column) < (right.address, right.column)
        }
    }

    /// The operations that make the rows within the scope exactly these.
    /// - Throws: `TopologyError.missing` if a row must stand in another that is neither desired nor there.
    static func difference(
        desired: [OVNRow], scope: Scope, in replica: OVSDBReplica
    ) throws(TopologyError) -> OVNDifference {
        var differ = OVNDiffer(replica: replica, desired: desired, scope: scope)
        return try differ.run()
    }

    private init(replica: OVSDBReplica, desired: [OVNRow], scope: Scope) {
        (self.replica, self.desired, self.scope) = (replica, desired, scope)
    }

    private mutating func run() throws(TopologyError) -> OVNDifference {
        findExisting()
        nameNewRows()
        for row in desired { try compare(row) }
        for row in desired { try join(row) }
        leaveGroups()
        adoptDHCP()
        return OVNDifference(operations: operations(), report: report)
    }

    // MARK: - What is there

    private mutating func findExisting() {
        let wanted = Dictionary(desired.map { ($0.key, $0) }, uniquingKeysWith: { first, _ in first })
        let owners: any Sequence<String> =
            switch scope {
            case .owners(let owners): owners
            case .everything: Array(replica.indexedValues)
            }
        for owner in owners {
            for address in replica.rows(indexed: owner).sorted() {
                guard let row = replica[address], let key = OVNRowKey(row: row), let desired = wanted[key],
                    desired.table.rawValue == address.table, existing[key] == nil, standsRight(row, desired)
                else {
                    doomed.insert(address)
                    continue
                }
                existing[key] = address
            }
        }
    }

    /// Whether a row stands in the row where it should.
    private func standsRight(_ row: OVSDBRow, _ desired: OVNRow) -> Bool {
        row["external_ids"]?.stringMap[OVNRowKey.parentLabel] == desired.parent?.text
    }

    private mutating func nameNewRows() {
        for row in desired where existing[row.key] == nil && named[row.key] == nil {
            named[row.key] = "row\(named.count)"
        }
        for row in desired where row.table == .dhcpOptions { options[row.key] = row.columns }
    }

    /// A row by its key: in this transaction, or anywhere in the replica unless it goes.
    private func atom(of key: OVNRowKey, table: OVNTable) -> OVSDBAtom? {
        if let name = named[key] { return .namedUUID(name) }
        return address(of: key, table: table).map { .uuid($0.uuid) }
    }

    private func address(of key: OVNRowKey, table: OVNTable) -> OVSDBRowAddress? {
        if let address = existing[key] { return address }
        return replica.rows(indexed: key.owner).sorted().first { address in
            address.table == table.rawValue && !doomed.contains(address)
                && replica[address].flatMap(OVNRowKey.init(row:)) == key
        }
    }

    // MARK: - Columns

    private mutating func compare(_ row: OVNRow) throws(TopologyError) {
        var columns = row.columns
        for (column, (label, table)) in row.table.references { columns[column] = reference(of: row.columns, label, table) }
        guard let address = existing[row.key] else {
            insertPositions[row.key] = inserts.count
            inserts.append((row.key, row.table, columns.filter { !isDefault($0.value, row.table, $0.key) }))
            return
        }
        let changed = columns.filter { $0.value != replica[address]?[$0.key] }
        if !changed.isEmpty { updates[address] = changed }
    }

    private func isDefault(_ value: OVSDBValue, _ table: OVNTable, _ column: String) -> Bool {
        replica.defaultValue(table: table.rawValue, column: column) == value
    }

    /// The row that another wants to name, the first there is of several: a subnet without DHCP has no options. A subnet that
    /// gives no addresses stands back behind those that do, or the port would never get the address it has there.
    private func reference(of row: OVSDBRow, _ label: String, _ table: OVNTable) -> OVSDBValue {
        let known = referenceKeys(row, label).compactMap { key in atom(of: key, table: table).map { (key: key, atom: $0) } }
        guard let first = known.first else { return .none }
        guard known.count > 1 else { return .set([first.atom]) }
        return .set([(known.first { !isStateless($0.key) } ?? first).atom])
    }

    private func isStateless(_ key: OVNRowKey) -> Bool {
        let row = options[key] ?? address(of: key, table: .dhcpOptions).flatMap { replica[$0] }
        return row?["options"]?.stringMap["dhcpv6_stateless"] == "true"
    }

    private func referenceKeys(_ row: OVSDBRow, _ label: String) -> [OVNRowKey] {
        (row["external_ids"]?.stringMap[label] ?? "").split(separator: " ").compactMap { text in
            let parts = text.split(separator: "#", maxSplits: 1).map(String.init)
            return parts.count == 2 ? OVNRowKey(owner: parts[0], name: parts[1]) : nil
        }
    }

    /// Gives new DHCP options to the ports that are there already and have been waiting for them, and others to those whose
    /// options go (what named a row that is gone names none).
    private mutating func adoptDHCP() {
        let fresh = Set(options.keys).intersection(named.keys)
        guard !fresh.isEmpty || doomed.contains(where: { $0.table == OVNTable.dhcpOptions.rawValue }) else { return }
        let compared = Set(existing.values)
        let table = OVNTable.logicalSwitchPort.rawValue
        for (uuid, row) in replica[table] {
            let address = OVSDBRowAddress(table: table, uuid: uuid)
            guard !compared.contains(address), !doomed.contains(address) else { continue }
            for (column, label) in OVNRowKey.dhcpLabels {
                let keys = referenceKeys(row, label)
                guard keys.count > 1 || keys.contains(where: fresh.contains) else { continue }
                let value = reference(of: row, label, .dhcpOptions)
                guard value != .none, value != row[column] else { continue }
                updates[address, default: [:]][column] = value
            }
        }
    }

    // MARK: - Membership

    private mutating func join(_ row: OVNRow) throws(TopologyError) {
        guard let atom = atom(of: row.key, table: row.table) else { return }
        if let parent = row.parent, let (table, column) = row.table.parent {
            try add(atom, of: row.key, to: parent, table, column)
        }
        for group in row.groups.sorted() {
            let isNew = try add(atom, of: row.key, to: group, .portGroup, "ports")
            if isNew, existing[row.key] != nil, let address = address(of: group, table: .portGroup) {
                touchedGroups.insert(address)
            }
        }
    }

    /// Adds a row to another's set unless it is in there. Returns whether it was not.
    @discardableResult
    private mutating func add(
        _ atom: OVSDBAtom, of key: OVNRowKey, to holder: OVNRowKey, _ table: OVNTable, _ column: String
    ) throws(TopologyError) -> Bool {
        if named[holder] != nil {
            guard let position = insertPositions[holder] else { return false }
            inserts[position].row[column] = .set((inserts[position].row[column]?.atoms ?? []).union([atom]))
            return true
        }
        guard let address = address(of: holder, table: table), let row = replica[address] else {
            throw .missing(holder, of: key)
        }
        guard row[column]?.atoms.contains(atom) != true else { return false }
        additions[Membership(address: address, column: column), default: []].insert(atom)
        return true
    }

    /// Takes ports out of those of our groups that they no longer belong to.
    private mutating func leaveGroups() {
        var members: [OVSDBAtom: OVNRow] = [:]
        for row in desired where row.table == .logicalSwitchPort {
            if let address = existing[row.key] { members[.uuid(address.uuid)] = row }
        }
        guard !members.isEmpty else { return }
        let table = OVNTable.portGroup.rawValue
        for (uuid, group) in replica[table] {
            let address = OVSDBRowAddress(table: table, uuid: uuid)
            guard let key = OVNRowKey(row: group), !doomed.contains(address) else { continue }
            for atom in common(group["ports"]?.atoms ?? [], members) where members[atom]?.groups.contains(key) == false {
                removals[Membership(address: address, column: "ports"), default: []].insert(atom)
                touchedGroups.insert(address)
            }
        }
    }

    /// The group's members among the ports, at the cost of the smaller of the two.
    private func common(_ ports: Set<OVSDBAtom>, _ members: [OVSDBAtom: OVNRow]) -> [OVSDBAtom] {
        ports.count < members.count ? ports.filter { members[$0] != nil } : members.keys.filter { ports.contains($0) }
    }

    // MARK: - Operations

    private func operations() -> [OVSDBOperation] {
        var removals = removals
        var operations: [OVSDBOperation] = []
        for address in doomed.sorted() {
            guard let table = OVNTable(rawValue: address.table) else { continue }
            if table.isRoot {
                operations.append(.delete(table: address.table, where: [.uuid(address.uuid)]))
            } else if let holder = holder(of: address, table) {
                removals[holder, default: []].insert(.uuid(address.uuid))
            }
        }
        for insert in inserts {
            operations.append(.insert(table: insert.table.rawValue, row: insert.row, name: named[insert.key]))
        }
        for (address, row) in updates.sorted(by: { $0.key < $1.key }) {
            operations.append(.update(table: address.table, where: [.uuid(address.uuid)], row: row))
        }
        for membership in Set(additions.keys).union(removals.keys).sorted() {
            var mutations: [OVSDBMutation] = []
            if let gone = removals[membership] { mutations.append(.delete(membership.column, .set(gone))) }
            if let new = additions[membership] { mutations.append(.insert(membership.column, .set(new))) }
            operations.append(
                .mutate(table: membership.address.table, where: [.uuid(membership.address.uuid)], mutations: mutations))
        }
        return operations
    }

    /// The set in which a row that must go stands; nil if the set goes too, and the row with it.
    private func holder(of address: OVSDBRowAddress, _ table: OVNTable) -> Membership? {
        guard let (parentTable, column) = table.parent else { return nil }
        func holds(_ candidate: OVSDBRowAddress) -> Bool {
            replica[candidate]?[column]?.atoms.contains(.uuid(address.uuid)) == true
        }
        let labels = replica[address]?["external_ids"]?.stringMap ?? [:]
        let owner = labels[OVNRowKey.parentLabel]?.split(separator: "#").first.map(String.init) ?? ""
        let likely = replica.rows(indexed: owner).first { $0.table == parentTable.rawValue && holds($0) }
        let found = likely ?? replica[parentTable.rawValue].keys.lazy
            .map { OVSDBRowAddress(table: parentTable.rawValue, uuid: $0) }.first(where: holds)
        return found.flatMap { doomed.contains($0) ? nil : Membership(address: $0, column: column) }
    }

    private var report: TopologyReport {
        TopologyReport(
            inserted: inserts.count, updated: Set(updates.keys).union(touchedGroups).count, deleted: doomed.count)
    }
}
