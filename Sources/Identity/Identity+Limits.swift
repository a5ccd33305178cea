import CloudCore
import CloudStore

/// Unified limits: what services ask before they give projects more.
extension Identity {
    /// A registered limit's fields as a request names them; nil for what it does not mention.
    struct RegisteredLimitFields: Sendable {
        var serviceID: String?
        var regionID: String??
        var resourceName: String?
        var defaultLimit: Int?
        var description: String??

        func apply(to limit: inout RegisteredLimit) {
            if let serviceID { limit.resource.serviceID = serviceID }
            if let regionID { limit.resource.regionID = regionID }
            if let resourceName { limit.resource.name = resourceName }
            if let defaultLimit { limit.defaultLimit = defaultLimit }
            if let description { limit.description = description }
        }
    }

    /// A limit that is to be. Where the project is a domain, the limit will be that of the domain.
    struct LimitDraft: Sendable {
        var resource: LimitedResource
        var owner: Limit.Owner
        var value: Int
        var description: String?
    }

    // MARK: Registered limits

    func registeredLimit(id: String) async throws -> RegisteredLimit {
        guard let limit = try await database.read({ try RegisteredLimitRecords.find(id, $0) }) else { throw Self.noRegisteredLimit(id) }
        return limit
    }

    func listRegisteredLimits(_ query: ListQuery) async throws -> Page<RegisteredLimit> {
        try await database.read { query.page(try RegisteredLimitRecords.list(query, $0)) }
    }

    func createRegisteredLimits(_ limits: [RegisteredLimit]) async throws -> [RegisteredLimit] {
        try await writing(conflict: .conflict("registered_limit", "Duplicate entry")) { transaction in
            for limit in limits { try Self.checkPlace(of: limit.resource, "registered_limit", transaction) }
            for limit in limits { try RegisteredLimitRecords.insert(limit, transaction) }
            return limits
        }
    }

    func updateRegisteredLimit(_ id: String, _ fields: RegisteredLimitFields) async throws -> RegisteredLimit {
        try await writing(conflict: .conflict("registered_limit", "Duplicate entry")) { transaction in
            try Self.checkPlace(service: fields.serviceID, region: fields.regionID ?? nil, "registered_limit", transaction)
            guard var limit = try RegisteredLimitRecords.find(id, transaction) else { throw Self.noRegisteredLimit(id) }
            try Self.checkUnused(limit, transaction)
            fields.apply(to: &limit)
            try RegisteredLimitRecords.update(limit, transaction)
            return limit
        }
    }

    func deleteRegisteredLimit(_ id: String) async throws {
        try await database.write { transaction in
            guard let limit = try RegisteredLimitRecords.find(id, transaction) else { throw Self.noRegisteredLimit(id) }
            try Self.checkUnused(limit, transaction)
            try RegisteredLimitRecords.delete(id, transaction)
        }
    }

    private static func noRegisteredLimit(_ id: String) -> IdentityError { .missing("Could not find registered limit for \(id).") }

    private static func checkUnused(_ limit: RegisteredLimit, _ reader: any Reader) throws {
        guard try !LimitRecords.exists(of: limit.id, reader) else {
            throw IdentityError.refused(
                "Unable to update or delete registered limit \(limit.id) because there are project limits associated with it.")
        }
    }

    private static func checkPlace(of resource: LimitedResource, _ target: String, _ reader: any Reader) throws {
        try checkPlace(service: resource.serviceID, region: resource.regionID, target, reader)
    }

    private static func checkPlace(service: String?, region: String?, _ target: String, _ reader: any Reader) throws {
        if let service, try ServiceRecords.find(service, reader) == nil { throw IdentityError.lacking("service_id", in: target) }
        if let region, try RegionRecords.find(region, reader) == nil { throw IdentityError.lacking("region_id", in: target) }
    }

    // MARK: Limits

    func limit(id: String) async throws -> Limit {
        guard let limit = try await database.read({ try LimitRecords.find(id, $0) }) else { throw Self.noLimit(id) }
        return limit
    }

    func listLimits(_ query: ListQuery, visible: LimitRecords.Visibility) async throws -> Page<Limit> {
        try await database.read { query.page(try LimitRecords.list(query, visible: visible, $0)) }
    }

    /// Projects' own limits, by project.
    func limits(ofProjects ids: [String]) async throws -> [String: [Limit]] {
        let limits = try await database.read { try LimitRecords.all(ofProjects: ids, $0) }
        return Dictionary(grouping: limits) { $0.owner.projectID ?? "" }
    }

    func createLimits(_ drafts: [LimitDraft]) async throws -> [Limit] {
        try await writing(conflict: .conflict("limit", "Duplicate entry")) { [model = options.enforcementModel] transaction in
            let owners = try drafts.map { try Self.owner(of: $0, transaction) }
            let limits = try zip(drafts, owners).map { draft, owner in
                guard let registered = try RegisteredLimitRecords.find(draft.resource, transaction) else {
                    throw IdentityError.refused("Unable to create a limit that has no corresponding registered limit.")
                }
                return Limit(
                    id: Identifier.hex(), registeredLimitID: registered.id, resource: draft.resource, owner: owner,
                    value: draft.value, description: draft.description)
            }
            if model == .strictTwoLevel { try StrictTwoLevel(limits).check(transaction) }
            for limit in limits { try LimitRecords.insert(limit, transaction) }
            return limits
        }
    }

    /// - Parameter description: nil for what stays as it is.
    func updateLimit(_ id: String, value: Int?, description: String??) async throws -> Limit {
        try await database.write { [model = options.enforcementModel] transaction in
            guard var limit = try LimitRecords.find(id, transaction) else { throw Self.noLimit(id) }
            if let value { limit.value = value }
            if let description { limit.description = description }
            if model == .strictTwoLevel { try StrictTwoLevel([limit]).check(transaction) }
            try LimitRecords.update(limit, transaction)
            return limit
        }
    }

    func deleteLimit(_ id: String) async throws {
        try await database.write { transaction in
            guard try LimitRecords.find(id, transaction) != nil else { throw Self.noLimit(id) }
            try LimitRecords.delete(id, transaction)
        }
    }

    private static func noLimit(_ id: String) -> IdentityError { .missing("Could not find limit for \(id).") }

    /// Whose limit a draft makes, once everything it names is known to exist.
    private static func owner(of draft: LimitDraft, _ reader: any Reader) throws -> Limit.Owner {
        try checkPlace(of: draft.resource, "limit", reader)
        switch draft.owner {
        case .project(let id):
            guard let project = try ProjectRecords.find(id, reader) else { throw IdentityError.lacking("project_id", in: "limit") }
            return project.isDomain ? .domain(id) : .project(id)
        case .domain(let id):
            guard try ProjectRecords.domain(.id(id), reader) != nil else { throw IdentityError.lacking("domain_id", in: "limit") }
            return .domain(id)
        }
    }
}

/// Projects nest deeper than the enforcement model allows, which keeps the service from starting.
public struct ProjectDepthError: Error, Sendable, CustomStringConvertible {
    /// The projects in question and the model.
    public let description: String

    fileprivate init(_ projectIDs: [String], _ model: EnforcementModel) {
        description =
            "the limits' enforcement model \(model.rawValue) allows projects \(model.maximumProjectDepth ?? 0) deep; "
            + "these are deeper: \(projectIDs.joined(separator: ", "))"
    }
}

extension Identity {
    /// Checks that the projects there are fit the enforcement model.
    /// - Throws: `ProjectDepthError`.
    func checkProjectDepth() async throws {
        guard let depth = options.enforcementModel.maximumProjectDepth else { return }
        let deeper = try await database.read { try ProjectRecords.ids(deeperThan: depth, $0) }
        guard deeper.isEmpty else { throw ProjectDepthError(deeper, options.enforcementModel) }
    }
}

/// The check of new or changed limits in the model `strict_two_level`: no project's limit exceeds that of its domain.
/// Unlike upstream, -1 counts as what it means to services, no bound, and 0 as a bound like any other.
private struct StrictTwoLevel {
    let limits: [Limit]

    init(_ limits: [Limit]) { self.limits = limits }

    func check(_ reader: any Reader) throws {
        for limit in limits {
            switch limit.owner {
            case .project(let id):
                guard let bound = try boundAbove(id, limit, reader) else { continue }
                guard Limit.bound(limit.value) <= bound else { throw Self.violation(limit, "project_id", id) }
            case .domain(let id):
                guard let largest = try LimitRecords.largestBound(inDomain: id, limit.registeredLimitID, reader) else { continue }
                guard Limit.bound(limit.value) >= largest else { throw Self.violation(limit, "domain_id", id) }
            }
        }
    }

    /// What the project's parent has: in this request, else on record, else what everyone has.
    private func boundAbove(_ projectID: String, _ limit: Limit, _ reader: any Reader) throws -> Int? {
        guard let parentID = try ProjectRecords.find(projectID, reader)?.parentID else { return nil }
        let requested = limits.first { $0.owner == .domain(parentID) && $0.registeredLimitID == limit.registeredLimitID }?.value
        let value =
            try requested ?? LimitRecords.value(ofDomain: parentID, limit.registeredLimitID, reader)
            ?? RegisteredLimitRecords.find(limit.registeredLimitID, reader)?.defaultLimit
        return value.map(Limit.bound)
    }

    private static func violation(_ limit: Limit, _ level: String, _ id: String) -> IdentityError {
        .refused(
            "Invalid resource limit: The resource limit (\(level): \(id), resource_name: \(limit.resource.name), "
                + "resource_limit: \(limit.value), service_id: \(limit.resource.serviceID), "
                + "region_id: \(limit.resource.regionID ?? "None")) doesn't satisfy current hierarchy model.")
    }
}
