import CloudAPI

/// The catalogue's errors, rendered in one place.
enum MetadataError: FaultConvertible {
    case namespaceNotFound(String)
    case itemNotFound(MetadataItem.Kind, String, namespace: String)
    case associationNotFound(String, namespace: String)
    case prefixMissing(property: String, prefix: String?)
    case duplicateNamespace(String)
    case duplicateItem(MetadataItem.Kind, String, namespace: String)
    case duplicateAssociation(String, namespace: String)
    case protectedNamespace(String)
    case readOnly(String)
    case badRequest(String)

    var fault: Fault {
        switch self {
        case .namespaceNotFound(let name): Fault(.notFound, "There is no metadata definition namespace \(name).")
        case .itemNotFound(let kind, let name, let namespace):
            Fault(.notFound, "There is no metadata definition \(kind.rawValue) \(name) in namespace \(namespace).")
        case .associationNotFound(let name, let namespace):
            Fault(.notFound, "The namespace \(namespace) is not associated with the resource type \(name).")
        case .prefixMissing(let property, let prefix):
            Fault(.notFound, "The property \(property) does not begin with the resource type's prefix '\(prefix ?? "")'.")
        case .duplicateNamespace(let name): Fault(.conflict, "There is a metadata definition namespace \(name) already.")
        case .duplicateItem(let kind, let name, let namespace):
            Fault(.conflict, "There is a metadata definition \(kind.rawValue) \(name) in namespace \(namespace) already.")
        case .duplicateAssociation(let name, let namespace):
            Fault(.conflict, "The namespace \(namespace) is associated with the resource type \(name) already.")
        case .protectedNamespace(let name):
            Fault(.forbidden, "The namespace \(name) is protected: neither it nor anything in it can be deleted.")
        case .readOnly(let name): Fault(.forbidden, "Attribute '\(name)' is read-only.")
        case .badRequest(let message): Fault(.badRequest, message)
        }
    }
}
