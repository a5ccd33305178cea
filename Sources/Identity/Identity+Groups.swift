import CloudCore
import CloudStore

/// Groups and who is in them.
extension Identity {
    /// The fields of a group as a request names them; nil for what it does not mention.
    struct GroupFields: Sendable {
        var name: String?
        var description: JSON?
        var extra: JSONObject = [:]

        func apply(to group: inout Group) {
            if let name { group.name = name.trimmed }
            if let description { group.description = description.string }
            group.extra.merge(extra)
        }
    }

    func group(id: String) async throws -> Group {
        guard let group = try await database.read({ try GroupRecords.find(id, $0) }) else { throw IdentityError.notFound("group", id: id) }
        return group
    }

    func listGroups(_ query: ListQuery, inDomain domainID: String?) async throws -> Page<Group> {
        let query = domainID.map { query.filtered("domain_id", $0) } ?? query
        return try await database.read { reader in
            try query.checkMarker("identity_groups", reader)
            return query.page(try GroupRecords.list(query, reader))
        }
    }

    func createGroup(inDomain domainID: String, _ fields: GroupFields) async throws -> Group {
        var group = Group(id: Identifier.hex(), name: "", domainID: domainID, description: "")
        fields.apply(to: &group)
        let created = group
        try await writing(conflict: .conflict("group", "Duplicate entry found with name \(created.name) at domain ID \(domainID)")) { transaction in
            guard try ProjectRecords.domain(.id(domainID), transaction) != nil else { throw IdentityError.notFound("domain", id: domainID) }
            try GroupRecords.insert(created, transaction)
        }
        return created
    }

    func updateGroup(_ id: String, _ fields: GroupFields) async throws -> Group {
        try await writing(conflict: .conflict("group", "Duplicate entry found with name \(fields.name ?? "")")) { transaction in
            guard var group = try GroupRecords.find(id, transaction) else { throw IdentityError.notFound("group", id: id) }
            fields.apply(to: &group)
            try GroupRecords.update(group, transaction)
            return group
        }
    }

    func deleteGroup(_ id: String) async throws {
        try await database.write { [generations = tokens.generations] transaction in
            guard try GroupRecords.find(id, transaction) != nil else { throw IdentityError.notFound("group", id: id) }
            try GroupRecords.delete(id, transaction)
            transaction.onCommit { generations.advanceEveryone() }
        }
    }

    func groups(ofUser userID: String, _ query: ListQuery, inDomain domainID: String?) async throws -> Page<Group> {
        let query = domainID.map { query.filtered("domain_id", $0) } ?? query
        return try await database.read { reader in
            var groups = try GroupRecords.list(query, ofUser: userID, reader)
            let ends = try ExpiringMembershipRecords.ends(of: userID, at: .now, reader)
            for position in groups.indices where !ends.isEmpty {
                guard let end = ends[groups[position].id] else { continue }
                groups[position].membershipExpiresAt = end
            }
            return query.page(groups)
        }
    }

    func users(inGroup groupID: String, _ query: ListQuery, inDomain domainID: String?) async throws -> Page<User> {
        let query = domainID.map { query.filtered("domain_id", $0) } ?? query
        return try await database.read { [rules = options.securityCompliance] reader in
            query.page(try UserRecords.list(query, inGroup: groupID, reader).map { $0.seen(rules) })
        }
    }

    /// - Throws: `IdentityError.missing` when the user is not in the group.
    func checkMembership(_ userID: String, _ groupID: String) async throws {
        guard try await database.read({ try GroupRecords.hasMember(userID, groupID, $0) }) else {
            throw Self.notAMember(userID, groupID)
        }
    }

    func addUser(_ userID: String, toGroup groupID: String) async throws {
        try await database.write { [generations = tokens.generations] transaction in
            guard try GroupRecords.find(groupID, transaction) != nil else { throw IdentityError.notFound("group", id: groupID) }
            guard try UserRecords.find(userID, transaction) != nil else { throw IdentityError.notFound("user", id: userID) }
            try GroupRecords.addMember(userID, groupID, transaction)
            transaction.onCommit { generations.advance(user: userID) }
        }
    }

    func removeUser(_ userID: String, fromGroup groupID: String) async throws {
        try await database.write { [generations = tokens.generations] transaction in
            guard try GroupRecords.removeMember(userID, groupID, transaction) else {
                guard try GroupRecords.find(groupID, transaction) != nil else { throw IdentityError.notFound("group", id: groupID) }
                guard try UserRecords.find(userID, transaction) != nil else { throw IdentityError.notFound("user", id: userID) }
                throw Self.notAMember(userID, groupID)
            }
            transaction.onCommit { generations.advance(user: userID) }
        }
    }

    private static func notAMember(_ userID: String, _ groupID: String) -> IdentityError {
        .missing("User '\(userID)' not found in group '\(groupID)'")
    }
}
