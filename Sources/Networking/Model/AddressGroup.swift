import CloudCore
import NetworkMessages

/// A named set of ranges of addresses that security group rules can admit.
struct AddressGroup: Sendable, Hashable {
    let id: String
    let projectID: String
    var name: String
    /// Its ranges in canonical form, in order; one address is a range of one.
    var addresses: [String]
    /// Whom it is open to besides its own project.
    var sharing: Sharing = .none
    var standard: StandardAttributes

    /// Reads the ranges of a request: each once, in canonical form. A new group must say how long their prefixes are.
    /// - Throws: `NetworkingError` for what is no range.
    static func ranges(_ texts: [String], needPrefix: Bool) throws(NetworkingError) -> [String] {
        var ranges: [String] = []
        for text in texts {
            guard text.contains("/") || !needPrefix, let range = CIDR(text) else {
                throw .badBody("Invalid input for addresses. Reason: '\(text)' is not a valid IP subnet.")
            }
            if !ranges.contains(range.description) { ranges.append(range.description) }
        }
        return ranges
    }
}

extension NetworkingError {
    static func addressGroupNotFound(_ id: String) -> Self { notFound("AddressGroupNotFound", "Address group", id) }
    static func addressGroupInUse(_ id: String) -> Self {
        Self(.conflict, "AddressGroupInUse", "Address group \(id) is in use on one or more security group rules.")
    }
    static func addressesExist(_ addresses: [String], group: String) -> Self {
        Self(.badRequest, "AddressesAlreadyExist", "Addresses \(addresses) already exist in the address group \(group).")
    }
    static func addressesNotFound(_ addresses: [String], group: String) -> Self {
        Self(.notFound, "AddressesNotFound", "Addresses \(addresses) not found in the address group \(group).")
    }
}
