import CloudCore
import CloudStore
import NetworkMessages

extension Operations {
    func createAddressGroup(
        name: String, description: String, project: String, addresses: [String], in transaction: any Transaction
    ) throws -> AddressGroup {
        let group = AddressGroup(
            id: Identifier.uuid(), projectID: project, name: name, addresses: addresses.sorted(),
            standard: StandardAttributes(description: description, createdAt: .now))
        try AddressGroupRecords.insert(group, in: transaction)
        return group
    }

    func updateAddressGroup(
        _ group: AddressGroup, name: String?, description: String?, in transaction: any Transaction
    ) throws -> AddressGroup {
        var updated = group
        updated.name = name ?? group.name
        updated.standard.description = description ?? group.standard.description
        return try store(updated, in: transaction)
    }

    /// Adds ranges, none of which may be in the group already.
    func addAddresses(_ addresses: [String], to group: AddressGroup, in transaction: any Transaction) throws -> AddressGroup {
        let present = addresses.filter(group.addresses.contains)
        guard present.isEmpty else { throw NetworkingError.addressesExist(present, group: group.id) }
        var updated = group
        updated.addresses = (group.addresses + addresses).sorted()
        try AddressGroupRecords.add(addresses, to: group.id, in: transaction)
        return try store(updated, in: transaction)
    }

    /// Takes ranges away, all of which must be in the group.
    func removeAddresses(_ addresses: [String], from group: AddressGroup, in transaction: any Transaction) throws -> AddressGroup {
        let absent = addresses.filter { !group.addresses.contains($0) }
        guard absent.isEmpty else { throw NetworkingError.addressesNotFound(absent, group: group.id) }
        var updated = group
        updated.addresses.removeAll(where: addresses.contains)
        try AddressGroupRecords.remove(addresses, from: group.id, in: transaction)
        return try store(updated, in: transaction)
    }

    private func store(_ group: AddressGroup, in transaction: any Transaction) throws -> AddressGroup {
        var group = group
        group.standard = group.standard.changed()
        try AddressGroupRecords.update(group, in: transaction)
        for id in try AddressGroupRecords.securityGroups(naming: group.id, in: transaction) {
            try mark(.securityGroup, id, in: transaction)
        }
        return group
    }

    func deleteAddressGroup(_ group: AddressGroup, in transaction: any Transaction) throws {
        guard try AddressGroupRecords.securityGroups(naming: group.id, in: transaction).isEmpty else {
            throw NetworkingError.addressGroupInUse(group.id)
        }
        try SharingRecords.removeAll(of: group.id, in: transaction)
        try AddressGroupRecords.delete(group.id, in: transaction)
    }
}
