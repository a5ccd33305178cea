import CloudCore

/// One place where an image's bytes are.
struct ImageLocation: Sendable, Hashable {
    /// Whether its bytes can be used yet.
    enum Status: String, Sendable { case active, pending }

    /// The store's id.
    let store: String
    /// The location within the store; what it means is the store's affair.
    let location: String
    var status = Status.active
    /// What users noted about it, beside the store.
    var metadata: JSONObject = [:]
}

extension Image {
    /// The ids of the stores that hold the bytes, each once, in the order of the locations: the `stores` attribute.
    var stores: [String] {
        locations.reduce(into: []) { if !$0.contains($1.store) { $0.append($1.store) } }
    }
}
