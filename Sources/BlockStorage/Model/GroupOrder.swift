import CloudAPI
import CloudCore
import CloudStore
import Logging
import VolumeMessages

/// What a new group shall be.
struct GroupOrder: Sendable {
    /// What it is made of.
    enum Source: Sendable {
        /// Nothing: a type, the ids or names of volume types, and a zone.
        case blank(type: String, volumeTypes: [String], zone: String?)
        case snapshot(GroupSnapshot)
        case group(Group)
    }

    var name: String?
    var description: String?
    var source: Source
}

/// Makes groups: what is asked is checked, and the group written with its volumes in one transaction.
struct GroupMaking: Sendable {
    let storage: BlockStorage.Parts
    let token: TokenContext
    let requestID: String

    private var projectID: String { token.projectID ?? "" }
    private var visibleTo: String? { token.isAdmin ? nil : projectID }

    /// - Throws: 400, 404 for a type that is not there, 413 for the quota.
    func make(_ order: GroupOrder) async throws -> Group {
        switch order.source {
        case .blank(let type, let volumeTypes, let zone):
            return try await storage.database.write { transaction in
                let group = try blank(order, type: type, volumeTypes: volumeTypes, zone: zone, in: transaction)
                try checkQuota(in: transaction)
                try GroupRecords.insert(group, in: transaction)
                return group
            }
        case .snapshot(let snapshot): return try await copy(order, of: snapshot.groupID, snapshot: snapshot)
        case .group(let group): return try await copy(order, of: group.id, snapshot: nil)
        }
    }

    private func checkQuota(in reader: any Reader) throws {
        let limits = try VolumeQuotaRecords.effective(project: projectID, configured: storage.options.quota, in: reader)
        guard let limit = limits["groups"], limit >= 0 else { return }
        guard try GroupRecords.count(project: projectID, in: reader) < limit else {
            throw BlockStorageError.overLimit("Maximum number of groups allowed (\(limit)) exceeded")
        }
    }

    // MARK: Of nothing

    private func blank(
        _ order: GroupOrder, type name: String, volumeTypes names: [String], zone: String?, in reader: any Reader
    ) throws -> Group {
        guard let type = try groupType(name, in: reader) else {
            throw BlockStorageError.notFound("Group type \(name) could not be found.")
        }
        let volumeTypes = try names.map { name in
            guard let type = try VolumeTypeRecords.find(named: name, usableBy: nil, in: reader) else {
                throw BlockStorageError.typeNotFound(name)
            }
            return type
        }
        let zone = try self.zone(zone, in: reader)
        var group = Group(
            id: Identifier.uuid(), projectID: projectID, userID: token.userID, name: order.name, description: order.description,
            typeID: type.id, status: .available, availabilityZone: zone, volumeTypeIDs: volumeTypes.map(\.id).withoutRepeats,
            createdAt: .now)
        group.host = try place(type, volumeTypes, zone, in: reader)?.text
        // As upstream: the request is accepted, and what no back end can hold is a group in error.
        if group.host == nil { group.status = .error }
        return group
    }

    private func groupType(_ name: String, in reader: any Reader) throws -> GroupType? {
        guard let type = try GroupTypeRecords.find(name, in: reader) ?? GroupTypeRecords.find(name: name, in: reader) else { return nil }
        return try GroupTypeRecords.isUsable(type, by: visibleTo, in: reader) ? type : nil
    }

    private func zone(_ wanted: String?, in reader: any Reader) throws -> String {
        guard let wanted else { return storage.options.availabilityZone }
        let known = try StorageServiceRecords.all(in: reader).filter { $0.binary == .volume }.map(\.availabilityZone)
        guard wanted == storage.options.availabilityZone || known.contains(wanted) else {
            throw BlockStorageError.invalidInput("Availability zone '\(wanted)' is invalid.")
        }
        return wanted
    }

    /// A pool that can hold volumes of all types, and do what the group's type promises.
    private func place(_ type: GroupType, _ volumeTypes: [VolumeType], _ zone: String, in reader: any Reader) throws -> VolumeHostName? {
        let scheduler = VolumeScheduler(options: storage.options, picks: storage.picks)
        let promise = VolumeType(name: type.name, extraSpecs: type.specs)
        let demands = ([promise] + volumeTypes).map { PoolDemand(size: 0, type: $0, zones: [zone]) }
        let pools = try StorageServiceRecords.pools(in: reader)
        let fitting = pools.filter { pool in demands.allSatisfy { scheduler.passes(pool, $0, at: .now) } }
        return scheduler.choose(demands[0], among: fitting, at: .now).first?.name
    }

    // MARK: Of another group

    private func copy(_ order: GroupOrder, of sourceID: String, snapshot: GroupSnapshot?) async throws -> Group {
        let (found, sources) = try await storage.database.read { reader in
            (try GroupRecords.find(sourceID, in: reader), try self.sources(of: sourceID, snapshot, in: reader))
        }
        guard let source = found else { throw BlockStorageError.groupNotFound(sourceID) }
        guard !sources.isEmpty else {
            let what = snapshot == nil ? "Source Group is empty. No group" : "Group snapshot is empty. No group"
            throw BlockStorageError.invalidGroup("\(what) will be created.")
        }
        var group = Group(
            id: Identifier.uuid(), projectID: projectID, userID: token.userID, name: order.name, description: order.description,
            typeID: source.typeID, status: .creating, availabilityZone: source.availabilityZone, host: source.host,
            groupSnapshotID: snapshot?.id, sourceGroupID: snapshot == nil ? source.id : nil, volumeTypeIDs: source.volumeTypeIDs,
            createdAt: .now)
        group.isSettling = true
        let makers = sources.map { source in maker(source.0, of: source.1, in: group) }
        var volumes: [Volume] = []
        for maker in makers { volumes.append(try await maker.volume()) }
        try await storage.database.write { [group, volumes] transaction in
            try checkQuota(in: transaction)
            try GroupRecords.insert(group, in: transaction)
            for (maker, volume) in zip(makers, volumes) { try maker.accept(volume, in: transaction) }
            transaction.onCommit(storage.settleGroups)
        }
        return group
    }

    /// What the new volumes are filled with, and the volumes that it is of.
    private func sources(
        of groupID: String, _ snapshot: GroupSnapshot?, in reader: any Reader
    ) throws -> [(VolumeOrder.Source, Volume)] {
        guard let snapshot else {
            return try VolumeRecords.all(where: "group_id = \(groupID)", in: reader).map { (.volume($0), $0) }
        }
        let snapshots = try SnapshotRecords.all(where: "group_snapshot_id = \(snapshot.id)", in: reader)
        let volumes = try VolumeRecords.find(snapshots.map(\.volumeID), in: reader)
        return snapshots.compactMap { snapshot in volumes[snapshot.volumeID].map { (.snapshot(snapshot, of: $0), $0) } }
    }

    private func maker(_ source: VolumeOrder.Source, of volume: Volume, in group: Group) -> VolumeMaking {
        var order = VolumeOrder(projectID: projectID, userID: token.userID)
        (order.typeName, order.source, order.groupID, order.zone) = (volume.typeID, source, group.id, group.availabilityZone)
        return VolumeMaking(storage: storage, order: order, requestID: requestID, isAdmin: token.isAdmin, token: token)
    }
}

extension BlockStorageError {
    static func groupNotFound(_ id: String) -> BlockStorageError { .notFound("Group \(id) could not be found.") }
    static func groupSnapshotNotFound(_ id: String) -> BlockStorageError { .notFound("GroupSnapshot \(id) could not be found.") }
    /// Cinder's InvalidGroup.
    static func invalidGroup(_ reason: String) -> BlockStorageError { .badRequest("Invalid Group: \(reason)") }
}

extension [String] {
    /// The same with each text once, in order.
    var withoutRepeats: [String] {
        var seen: Set<String> = []
        return filter { seen.insert($0).inserted }
    }
}
