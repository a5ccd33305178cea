/// One of the cloud's stores: what holds the bytes, and what users and administrators read about it.
public struct NamedStore: Sendable {
    /// Its id, as in `X-Image-Meta-Store`.
    public let id: String
    /// What the operator says about it.
    public let description: String?
    /// How much it is preferred for downloads over others that hold the same image; the highest first.
    public let weight: Int
    /// What holds the bytes.
    public let store: any ImageStore

    /// A store under its id.
    public init(id: String, description: String? = nil, weight: Int = 0, store: any ImageStore) {
        (self.id, self.description, self.weight, self.store) = (id, description, weight, store)
    }
}

/// The stores of a cloud, in the operator's order.
public struct StoreRegistry: Sendable {
    /// Every store.
    public let all: [NamedStore]
    /// Where images go when the client names no store.
    public let defaultStore: NamedStore

    /// A registry of stores with distinct ids; the default may be one of the others.
    public init(default defaultStore: NamedStore, others: [NamedStore] = []) {
        self.defaultStore = defaultStore
        all = others.contains { $0.id == defaultStore.id } ? others : [defaultStore] + others
    }

    /// The store with an id; nil when there is none.
    public subscript(id: String) -> NamedStore? { all.first { $0.id == id } }

    /// The stores' ids.
    public var ids: [String] { all.map(\.id) }

    /// The store and the location within it that a URL names; nil when it belongs to none of them.
    public func resolve(url: String) -> (store: NamedStore, location: String)? {
        for store in all {
            if let location = store.store.location(of: url) { return (store, location) }
        }
        return nil
    }
}
