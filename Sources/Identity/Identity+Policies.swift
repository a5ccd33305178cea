import CloudCore
import CloudStore

/// Policies and what they are for.
extension Identity {
    func policy(id: String) async throws -> Policy {
        try await database.read { try Self.policy(id, $0) }
    }

    private static func policy(_ id: String, _ reader: any Reader) throws -> Policy {
        guard let policy = try PolicyRecords.find(id, reader) else { throw IdentityError.notFound("policy", id: id) }
        return policy
    }

    func listPolicies(_ query: ListQuery) async throws -> Page<Policy> {
        try await database.read { query.page(try PolicyRecords.list(query, $0)) }
    }

    func createPolicy(_ policy: Policy) async throws -> Policy {
        try await database.write { transaction in
            try PolicyRecords.insert(policy, transaction)
            return policy
        }
    }

    func updatePolicy(_ id: String, _ change: @escaping @Sendable (inout Policy) -> Void) async throws -> Policy {
        try await database.write { transaction in
            var policy = try Self.policy(id, transaction)
            change(&policy)
            try PolicyRecords.update(policy, transaction)
            return policy
        }
    }

    func deletePolicy(_ id: String) async throws {
        try await database.write { transaction in
            guard try PolicyRecords.delete(id, transaction) else { throw IdentityError.notFound("policy", id: id) }
        }
    }

    /// Checks that a policy and what it is to be for exist.
    private static func check(_ policyID: String, _ subject: PolicySubject, _ reader: any Reader) throws {
        _ = try policy(policyID, reader)
        switch subject {
        case .endpoint(let id):
            guard try EndpointRecords.find(id, reader) != nil else { throw IdentityError.notFound("endpoint", id: id) }
        case .service(let id), .region(_, service: let id):
            guard try ServiceRecords.find(id, reader) != nil else { throw IdentityError.notFound("service", id: id) }
        }
        if case .region(let id, _) = subject, try RegionRecords.find(id, reader) == nil {
            throw IdentityError.notFound("region", id: id)
        }
    }

    func associate(_ policyID: String, with subject: PolicySubject) async throws {
        try await database.write { transaction in
            try Self.check(policyID, subject, transaction)
            try PolicyAssociationRecords.put(policyID, for: subject, transaction)
        }
    }

    func checkAssociation(of policyID: String, with subject: PolicySubject) async throws {
        try await database.read { reader in
            try Self.check(policyID, subject, reader)
            guard try PolicyAssociationRecords.exists(policyID, for: subject, reader) else {
                throw IdentityError.missing("Could not find policy association.")
            }
        }
    }

    func dissociate(_ policyID: String, from subject: PolicySubject) async throws {
        try await database.write { transaction in
            try Self.check(policyID, subject, transaction)
            try PolicyAssociationRecords.delete(policyID, for: subject, transaction)
        }
    }

    func endpoints(ofPolicy policyID: String) async throws -> [CatalogEndpoint] {
        try await database.read { reader in
            _ = try Self.policy(policyID, reader)
            return try PolicyAssociationRecords.all(reader).endpoints(of: policyID, among: EndpointRecords.list(.everything, reader))
        }
    }

    func policy(ofEndpoint endpointID: String) async throws -> Policy {
        try await database.read { reader in
            guard let endpoint = try EndpointRecords.find(endpointID, reader) else {
                throw IdentityError.notFound("endpoint", id: endpointID)
            }
            guard let id = try PolicyAssociationRecords.all(reader).policyID(of: endpoint) else {
                throw IdentityError.missing("No policy is associated with endpoint \(endpointID).")
            }
            return try Self.policy(id, reader)
        }
    }
}
