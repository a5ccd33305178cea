import CloudCore
import CloudStore

/// What a project, and a user in it, may have: looked up before the transaction that it is held against, because unified
/// limits are Identity's. What is counted is counted from the rows in that transaction.
struct ComputeAllowance: Sendable {
    let projectID: String
    /// The user, whose own quota counts beside the project's; nil for the project's alone.
    let userID: String?
    /// The unified limits by their names; nil where quota sets hold.
    let unified: [String: Int]?
    /// The operator's defaults.
    let defaults: ComputeQuota

    /// The project's limits.
    func quota(in reader: any Reader) throws -> ComputeQuota { try quotas(in: reader).project }

    /// The project's limits and the user's within it; unified limits know no users.
    private func quotas(in reader: any Reader) throws -> (project: ComputeQuota, user: ComputeQuota) {
        if let unified {
            let quota = Self.quota(from: unified)
            return (quota, quota)
        }
        return try QuotaRecords.quotas(projectID: projectID, userID: userID, defaults: defaults, in: reader)
    }

    /// The user's limits, or the project's where no user is meant.
    func effective(in reader: any Reader) throws -> ComputeQuota { try quotas(in: reader).user }

    /// Unified limits under the names of quota sets.
    static func quota(from unified: [String: Int]) -> ComputeQuota {
        var quota = ComputeQuota()
        for resource in QuotaResource.allCases { quota[resource] = limit(on: resource, in: unified) }
        return quota
    }

    /// As upstream's default settings have it, servers can't be had without a registered limit, and other resources without
    /// one are not limited.
    private static func limit(on resource: QuotaResource, in unified: [String: Int]) -> Int {
        guard let name = resource.unifiedName else { return -1 }
        return unified[name] ?? (resource == .instances ? 0 : -1)
    }

    /// How many servers of a flavor may be made: as many as asked for, or fewer down to the minimum.
    /// - Throws: 403 when the quota does not let the minimum through.
    func servers(of flavor: Flavor, count: ClosedRange<Int>, in reader: any Reader) throws -> Int {
        let (project, user) = try quotas(in: reader)
        var admitted = try room(
            for: flavor, count, within: project, used: QuotaRecords.usage(projectID: projectID, in: reader))
        if user != project {
            let used = try QuotaRecords.usage(projectID: projectID, userID: userID, in: reader)
            admitted = min(admitted, try room(for: flavor, count, within: user, used: used))
        }
        return min(admitted, try roomForOtherClasses(flavor, count, in: reader))
    }

    private func room(
        for flavor: Flavor, _ count: ClosedRange<Int>, within quota: ComputeQuota, used: QuotaUsage
    ) throws -> Int {
        let demands: [(QuotaResource, Int)] = [(.instances, 1), (.cores, flavor.vcpus), (.ram, flavor.memoryMiB)]
        var admitted = count.upperBound
        for (resource, each) in demands where quota[resource] >= 0 {
            admitted = min(
                admitted, try room(resource.rawValue, each, count, used: used[resource], allowed: quota[resource]))
        }
        return admitted
    }

    private func room(_ name: String, _ each: Int, _ count: ClosedRange<Int>, used: Int, allowed: Int) throws -> Int {
        guard each > 0 else { return count.upperBound }
        let room = max(0, allowed - used) / each
        guard room >= count.lowerBound else {
            throw ComputeError.quotaExceeded(resource: name, requested: each * count.lowerBound, used: used, allowed: allowed)
        }
        return room
    }

    /// Unified limits may name any resource class; what servers have of those is in their flavors.
    private func roomForOtherClasses(_ flavor: Flavor, _ count: ClosedRange<Int>, in reader: any Reader) throws -> Int {
        let limits = (unified ?? [:]).filter { $0.key.hasPrefix("class:") && $0.value >= 0 }
        var admitted = count.upperBound
        var used: [String: Int]?
        for (resourceClass, each) in flavor.resources where resourceClass != "VCPU" && resourceClass != "MEMORY_MB" {
            guard let allowed = limits["class:\(resourceClass)"] else { continue }
            let known = try used ?? QuotaRecords.resources(projectID: projectID, in: reader)
            used = known
            admitted = min(
                admitted,
                try room("class:\(resourceClass)", each, count, used: known[resourceClass] ?? 0, allowed: allowed))
        }
        return admitted
    }

    /// - Throws: 403 when a server would have more metadata items than it may.
    func checkMetadata(count: Int, in reader: any Reader) throws {
        let quota = try quota(in: reader)
        guard quota.metadataItems >= 0, count > quota.metadataItems else { return }
        throw ComputeError.forbidden("Maximum number of metadata items exceeds \(quota.metadataItems)")
    }

    /// - Throws: 403 when the user has as many key pairs as it may.
    func checkKeyPairs(of owner: String, in reader: any Reader) throws {
        let quota = try effective(in: reader)
        guard quota.keyPairs >= 0, try KeyPairRecords.count(userID: owner, in: reader) >= quota.keyPairs else { return }
        throw ComputeError.forbidden("Quota exceeded, too many key pairs.")
    }

    /// - Throws: 403 when the project, or the user in it, has as many server groups as it may.
    /// - Parameter count: counts the groups of the project, or of one user in it.
    func checkServerGroups(_ count: (_ userID: String?) throws -> Int, in reader: any Reader) throws {
        let (project, user) = try quotas(in: reader)
        let isFull = try project.serverGroups >= 0 && count(nil) >= project.serverGroups
        let isFullForUser = try user.serverGroups >= 0 && userID != nil && count(userID) >= user.serverGroups
        guard isFull || isFullForUser else { return }
        throw ComputeError.forbidden("Quota exceeded, too many server groups.")
    }

    /// How many servers of a user a server group may have; nil for any number.
    func maximumGroupMembers(in reader: any Reader) throws -> Int? {
        let maximum = try effective(in: reader).serverGroupMembers
        return maximum < 0 ? nil : maximum
    }
}

extension Compute.Parts {
    /// What a project and a user in it may have.
    func limits(project id: String, user userID: String? = nil) async throws -> ComputeAllowance {
        let unified = options.usesUnifiedLimits ? try await identity?.limits(ofProject: id) ?? [:] : nil
        return ComputeAllowance(projectID: id, userID: userID, unified: unified, defaults: options.quota)
    }
}
