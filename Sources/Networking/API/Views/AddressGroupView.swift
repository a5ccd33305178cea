import CloudCore
import CloudStore

/// An address group as the API shows it.
struct AddressGroupView: View, Sendable {
    static let names = ResourceNames("address_group", "address_groups")

    let group: AddressGroup

    var id: String { group.id }
    var subject: PolicySubject { PolicySubject(projectID: group.projectID, sharing: group.sharing) }

    func write(to json: inout MemberWriter) {
        json("id", group.id)
        json("name", group.name)
        json.project(group.projectID)
        json("addresses", group.addresses)
        json("description", group.standard.description)
        json("created_at", group.standard.createdAt.iso8601)
        json("updated_at", group.standard.updatedAt.iso8601)
        json("revision_number", group.standard.revision)
    }
}
