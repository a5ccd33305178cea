import CloudAPI
import CloudCore
import CloudStore

// Address groups: decode, authorise, call, encode.
extension NetworkingAPI {
    private static let addressGroups = ResourceKind<AddressGroup, AddressGroupView>(
        names: AddressGroupView.names, listing: AddressGroupRecords.listing,
        missing: { .addressGroupNotFound($0) },
        find: { try AddressGroupRecords.find($0, in: $1) },
        list: { try AddressGroupRecords.list($0, $1, in: $2) },
        load: { groups, _ in groups.map { AddressGroupView(group: $0) } },
        standard: { $0.standard })

    var addressGroupEndpoints: [Endpoint] {
        let (kind, item) = (Self.addressGroups, "/v2.0/address-groups/{address_group_id}")
        return [
            Endpoint(.get, "/v2.0/address-groups", "List address groups", access: .listing) { try await list($0, kind) },
            Endpoint(
                .post, "/v2.0/address-groups", "Create address groups", access: .ruleOnResource("create_address_group"),
                body: NetworkingSchemas.creation(kind.names, NetworkingSchemas.addressGroupCreation), success: .created,
                handler: createAddressGroups),
            Endpoint(.get, item, "Show an address group", access: .ruleOnResource("get_address_group")) { try await show($0, kind) },
            Endpoint(
                .put, item, "Change an address group", access: .ruleOnResource("update_address_group"),
                body: NetworkingSchemas.update(kind.names, NetworkingSchemas.described), handler: updateAddressGroup),
            Endpoint(
                .delete, item, "Delete an address group", access: .ruleOnResource("delete_address_group"), success: .noContent,
                handler: deleteAddressGroup),
            Endpoint(
                .put, "\(item)/add_addresses", "Add addresses to an address group", access: .ruleOnResource("add_addresses"),
                body: NetworkingSchemas.addresses
            ) { [operations] request in
                try await changeAddresses(request) { try operations.addAddresses($0, to: $1, in: $2) }
            },
            Endpoint(
                .put, "\(item)/remove_addresses", "Remove addresses from an address group",
                access: .ruleOnResource("remove_addresses"), body: NetworkingSchemas.addresses
            ) { [operations] request in
                try await changeAddresses(request) { try operations.removeAddresses($0, from: $1, in: $2) }
            },
        ]
    }

    private func createAddressGroups(_ request: APIRequest) async throws -> APIResponse {
        let drafts = try request.creations(AddressGroupView.names).map { attributes in
            let project = try attributes.project(of: request)
            try request.authorizeCreation(of: "address_group", PolicySubject(projectID: project))
            let addresses = try AddressGroup.ranges(attributes.texts("addresses") ?? [], needPrefix: true)
            return (project: project, attributes: attributes, addresses: addresses)
        }
        return try await create(request, Self.addressGroups) { [operations] transaction in
            try drafts.map { project, attributes, addresses in
                try operations.createAddressGroup(
                    name: attributes.text("name") ?? "", description: attributes.text("description") ?? "", project: project,
                    addresses: addresses, in: transaction)
            }
        }
    }

    private func updateAddressGroup(_ request: APIRequest) async throws -> APIResponse {
        let attributes = request.attributes(AddressGroupView.names)
        let group = try await database.write { [operations] transaction in
            try operations.updateAddressGroup(
                try Self.changeableAddressGroup(request, in: transaction), name: attributes.text("name"),
                description: attributes.text("description"), in: transaction)
        }
        return request.answer(AddressGroupView(group: group), AddressGroupView.names)
    }

    private func deleteAddressGroup(_ request: APIRequest) async throws -> APIResponse {
        try await database.write { [operations] transaction in
            try operations.deleteAddressGroup(try Self.changeableAddressGroup(request, in: transaction), in: transaction)
        }
        return .empty()
    }

    /// The group that a request is to change, if the caller may. To those with whom it is shared it is not there, as
    /// upstream has it, which does not tell its policy of the sharing here.
    private static func changeableAddressGroup(_ request: APIRequest, in reader: any Reader) throws -> AddressGroup {
        let id = request["address_group_id"]
        let group = try AddressGroupRecords.find(id, in: reader).orThrow(.addressGroupNotFound(id))
        try request.authorizeChange(
            of: "address_group", PolicySubject(projectID: group.projectID), orHide: .addressGroupNotFound(id))
        try request.checkRevision(group.standard)
        return group
    }

    private func changeAddresses(
        _ request: APIRequest, _ change: @escaping @Sendable ([String], AddressGroup, any Transaction) throws -> AddressGroup
    ) async throws -> APIResponse {
        let addresses = try AddressGroup.ranges(Attributes(json: request.body).texts("addresses") ?? [], needPrefix: false)
        let group = try await database.write { transaction in
            try change(addresses, try Self.changeableAddressGroup(request, in: transaction), transaction)
        }
        return request.answer(AddressGroupView(group: group), AddressGroupView.names)
    }
}
