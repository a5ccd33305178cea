import CloudCore
import CloudStore

/// What may become of providers; every function is a part of its caller's transaction.
enum Providers {
    static func get(_ uuid: String, in reader: any Reader) throws -> ResourceProvider {
        guard let provider = try ProviderRecords.find(uuid, in: reader) else { throw PlacementError.noProvider(uuid) }
        return provider
    }

    /// The provider, if a writer has seen its present generation.
    static func get(_ uuid: String, seen generation: Int, in reader: any Reader) throws -> ResourceProvider {
        let provider = try get(uuid, in: reader)
        guard provider.generation == generation else {
            throw PlacementError.concurrentUpdate("resource provider generation conflict")
        }
        return provider
    }

    static func create(
        uuid: String, name: String, parent: String?, now: Timestamp, in transaction: any Transaction
    ) throws {
        var taken: [String] = []
        if try ProviderRecords.find(uuid, in: transaction) != nil { taken.append("uuid: \(uuid)") }
        if try ProviderRecords.uuid(named: name, in: transaction) != nil { taken.append("name: \(name)") }
        guard taken.isEmpty else { throw PlacementError.duplicateProvider(taken.joined(separator: ", ")) }
        var provider = ResourceProvider(
            uuid: uuid, name: name, generation: 0, parentUUID: parent, rootUUID: uuid, createdAt: now, updatedAt: now)
        if let parent {
            guard parent != uuid else {
                throw refusal(provider, "create", "parent provider UUID cannot be same as UUID. "
                    + "Please set parent provider UUID to None if there is no parent.")
            }
            provider.rootUUID = try self.parent(parent, of: provider, "create", in: transaction).rootUUID
        }
        try ProviderRecords.insert(provider, in: transaction)
    }

    /// Writes a provider's name and time.
    static func save(_ provider: inout ResourceProvider, now: Timestamp, in transaction: any Transaction) throws {
        if let other = try ProviderRecords.uuid(named: provider.name, in: transaction), other != provider.uuid {
            throw PlacementError.duplicateProvider(provider.name)
        }
        provider.updatedAt = now
        try ProviderRecords.update(provider, in: transaction)
    }

    /// Hangs a provider, with what is below it, under another parent, or under none.
    /// - Parameter isFree: whether a provider that has a parent may get another or none (API 1.37).
    static func move(
        _ provider: inout ResourceProvider, to parent: String?, isFree: Bool, in transaction: any Transaction
    ) throws {
        guard parent != provider.parentUUID else { return }
        var root = provider.uuid
        if let parent {
            let parent = try self.parent(parent, of: provider, "update", in: transaction)
            guard isFree || provider.parentUUID == nil else {
                throw refusal(provider, "update", "re-parenting a provider is not currently allowed.")
            }
            root = parent.rootUUID
        } else if !isFree {
            throw refusal(provider, "update", "un-parenting a provider is not currently allowed.")
        }
        let subtree = try subtree(of: provider, in: transaction)
        guard parent.map({ !subtree.contains($0) }) ?? true else {
            throw refusal(provider, "update", "creating loop in the provider tree is not allowed.")
        }
        try ProviderRecords.setRoot(root, of: subtree, in: transaction)
        (provider.parentUUID, provider.rootUUID) = (parent, root)
    }

    private static func parent(
        _ uuid: String, of provider: ResourceProvider, _ action: String, in reader: any Reader
    ) throws -> ResourceProvider {
        guard let parent = try ProviderRecords.find(uuid, in: reader) else {
            throw refusal(provider, action, "parent provider UUID does not exist.")
        }
        return parent
    }

    /// The provider and all below it.
    private static func subtree(of provider: ResourceProvider, in reader: any Reader) throws -> Set<String> {
        let children = Dictionary(
            grouping: try ProviderRecords.parents(inTree: provider.rootUUID, in: reader), by: \.parent
        ).mapValues { $0.map(\.uuid) }
        var found: Set = [provider.uuid], pending = [provider.uuid]
        while let next = pending.popLast() {
            for child in children[next] ?? [] where found.insert(child).inserted { pending.append(child) }
        }
        return found
    }

    private static func refusal(_ provider: ResourceProvider, _ action: String, _ reason: String) -> PlacementError {
        let what = action == "create" ? "create resource provider \"\(provider.name)\"," : "save resource provider"
        return .badRequest("Unable to \(what) \(provider.uuid): Object action \(action) failed because: \(reason)")
    }

    static func delete(_ uuid: String, in transaction: any Transaction) throws {
        guard try ProviderRecords.find(uuid, in: transaction) != nil else {
            throw PlacementError.notFound("No resource provider with uuid \(uuid) found for delete")
        }
        guard try !ProviderRecords.hasChildren(uuid, in: transaction) else { throw PlacementError.providerIsParent(uuid) }
        guard try !ProviderRecords.hasAllocations(uuid, in: transaction) else { throw PlacementError.providerInUse(uuid) }
        try ProviderRecords.delete(uuid, in: transaction)
    }

    /// - Returns: the provider's generation afterwards.
    @discardableResult
    static func setTraits(
        _ traits: Set<String>, of provider: ResourceProvider, now: Timestamp, in transaction: any Transaction
    ) throws -> Int {
        let present = Set(try TraitRecords.list(provider: provider.uuid, in: transaction).map(\.name))
        guard present != traits else { return provider.generation }
        try TraitRecords.set(traits, provider: provider.uuid, in: transaction)
        try ProviderRecords.bumpGenerations(of: [provider.uuid], now: now, in: transaction)
        return provider.generation + 1
    }
}
