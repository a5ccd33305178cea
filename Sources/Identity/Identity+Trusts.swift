import CloudCore
import CloudStore

/// Trusts: lending roles to other users.
extension Identity {
    /// How a role to be lent is named in a request.
    enum DelegatedRole: Sendable, Hashable {
        case id(String)
        case name(String)

        /// The role's id. An id is taken as it is.
        /// - Throws: `IdentityError` when a name is nobody's or several roles'.
        func id(_ reader: any Reader) throws -> String {
            switch self {
            case .id(let id): return id
            case .name(let name):
                let ids = try RoleRecords.ids(named: name, reader)
                guard ids.count < 2 else {
                    throw IdentityError.invalid(
                        "There are multiple role entities named '\(name)'. Please use ID instead of names to resolve the ambiguity.")
                }
                guard let id = ids.first else { throw IdentityError.missing("Role \(name) is not defined") }
                return id
            }
        }
    }

    /// A trust that is of use.
    /// - Throws: `IdentityError.notFound`, also when it has expired or is used up, or one it was handed on from has.
    func trust(id: String) async throws -> Trust {
        let now = Timestamp.now
        let found = try await database.read { reader -> Trust? in
            guard let trust = try TrustRecords.find(id, reader), trust.isUsable(at: now),
                try TrustRecords.ancestors(of: trust, at: now, reader) != nil
            else { return nil }
            return trust
        }
        guard let found else { throw IdentityError.notFound("trust", id: id) }
        return found
    }

    func listTrusts(trustorID: String?, trusteeID: String?) async throws -> [Trust] {
        try await database.read { try TrustRecords.list(trustorID: trustorID, trusteeID: trusteeID, $0) }
    }

    /// The roles of a trust that still exist.
    func roles(of trust: Trust) async throws -> [Role] {
        try await database.read { try RoleRecords.all(trust.roleIDs, $0) }
    }

    /// Makes a trust, and forgets those that ended so long ago that no token by them can still be looked at.
    /// - Parameters:
    ///   - roles: what it lends.
    ///   - parentID: the trust that the caller's token was made by, which the new one is then handed on from.
    func createTrust(
        _ trust: Trust, roles: [DelegatedRole], _ wish: TrustRules.Wish, from parentID: String?
    ) async throws -> Trust {
        let now = Timestamp.now
        let forgotten = now + (.zero - longestTokenUse)
        return try await writing(conflict: .conflict("trust", "there is one between these users already")) { transaction in
            for user in [trust.trusteeID, trust.trustorID] where try UserRecords.find(user, transaction) == nil {
                throw IdentityError.notFound("user", id: user)
            }
            if let project = trust.projectID, try ProjectRecords.find(project, transaction) == nil {
                throw IdentityError.notFound("project", id: project)
            }
            var lineage: [Trust] = []
            if let parentID {
                guard let parent = try TrustRecords.find(parentID, transaction), parent.isUsable(at: now),
                    let above = try TrustRecords.ancestors(of: parent, at: now, transaction)
                else { throw IdentityError.notFound("trust", id: parentID) }
                lineage = [parent] + above
            }
            var new = trust
            new.roleIDs = try roles.map { try $0.id(transaction) }
            try Self.checkHeld(new, by: lineage.last?.trustorID ?? trust.trustorID, transaction)
            new = try TrustRules.settle(new, wish, from: lineage)
            try TrustRecords.purge(before: forgotten, transaction)
            try TrustRecords.insert(new, transaction)
            return new
        }
    }

    /// Nobody lends what is not theirs. In a chain of trusts the first trustor is who lends.
    private static func checkHeld(_ trust: Trust, by trustorID: String, _ reader: any Reader) throws {
        let held = try trust.projectID.map { try TrustRecords.heldRoleIDs(trustorID, inProject: $0, reader) } ?? []
        if let strange = trust.roleIDs.first(where: { !held.contains($0) }) { throw IdentityError.notFound("role", id: strange) }
    }

    /// Deletes a trust with all that were handed on from it.
    func deleteTrust(_ id: String) async throws {
        try await database.write { [generations = tokens.generations] transaction in
            guard let trust = try TrustRecords.find(id, transaction) else { throw IdentityError.notFound("trust", id: id) }
            try TrustRecords.delete(id, at: .now, transaction)
            transaction.onCommit { generations.advance(user: trust.trusteeID) }
        }
    }
}
