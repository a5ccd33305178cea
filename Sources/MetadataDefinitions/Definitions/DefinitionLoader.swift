import CloudAPI
import CloudCore
import CloudStore

extension MetadataDefinitions {
    /// What becomes of a namespace that a file describes and the store has already (`glance-manage db load_metadefs`).
    public enum LoadMode: Sendable {
        /// It stays as it is.
        case keep
        /// What it lacks is added.
        case merge
        /// What it lacks is added, and what it has is changed to what the file says.
        case preferNew
        /// It is deleted and made anew.
        case overwrite
    }

    /// What a load did, by the names of the namespaces.
    public struct LoadReport: Sendable, Hashable {
        /// Namespaces that were made, or made anew.
        public var made: [String] = []
        /// Namespaces that something was added to or changed in.
        public var merged: [String] = []
        /// Namespaces that were left as they are.
        public var kept: [String] = []
    }

    /// The owner of what is loaded, as upstream has it: no project, so that administrators alone change it.
    private static let owner = "admin"

    /// Loads files into the store, all of them or, when one fails, none.
    /// - Throws: `DefinitionFile.Failure` for a file that names a thing twice, `StoreError`.
    public func load(_ files: [DefinitionFile], mode: LoadMode) async throws -> LoadReport {
        let now = Timestamp.now
        return try await parts.database.write { transaction in
            var report = LoadReport()
            for (position, file) in files.enumerated() {
                let moment = Timestamp(microseconds: now.microseconds + position)
                let detail = NamespaceDetail(file.json, owner: Self.owner, at: moment)
                do {
                    try Self.load(detail, mode, &report, in: transaction)
                } catch let error as MetadataError {
                    throw DefinitionFile.Failure(description: "\(file.name): \(error.fault.message)")
                }
            }
            return report
        }
    }

    private static func load(
        _ detail: NamespaceDetail, _ mode: LoadMode, _ report: inout LoadReport, in transaction: any Transaction
    ) throws {
        let name = detail.namespace.name
        guard let stored = try NamespaceRecords.find(name: name, in: transaction) else {
            try detail.insert(typesAreProtected: true, in: transaction)
            return report.made.append(name)
        }
        switch mode {
        case .keep: report.kept.append(name)
        case .overwrite:
            try NamespaceRecords.delete(stored.id, in: transaction)
            try detail.insert(typesAreProtected: true, in: transaction)
            report.made.append(name)
        case .merge, .preferNew:
            try merge(detail, into: stored, prefersNew: mode == .preferNew, in: transaction)
            report.merged.append(name)
        }
    }

    private static func merge(
        _ detail: NamespaceDetail, into stored: MetadataNamespace, prefersNew: Bool, in transaction: any Transaction
    ) throws {
        if prefersNew {
            let wanted = detail.namespace
            _ = try NamespaceRecords.update(
                MetadataNamespace(
                    id: stored.id, name: stored.name, displayName: wanted.displayName, description: wanted.description,
                    visibility: wanted.visibility, isProtected: wanted.isProtected, owner: wanted.owner,
                    createdAt: stored.createdAt, updatedAt: wanted.updatedAt), in: transaction)
        }
        for association in detail.associations {
            let isNew = try AssociationRecords.insert(association, to: stored.id, typeIsProtected: true, in: transaction)
            if !isNew, prefersNew { try AssociationRecords.update(association, of: stored.id, in: transaction) }
        }
        for item in detail.objects + detail.properties + detail.tags {
            let isNew = try ItemRecords.insert(item, to: stored.id, in: transaction)
            if !isNew, prefersNew { _ = try ItemRecords.update(item.name, of: stored.id, to: item, in: transaction) }
        }
    }

    /// Removes every namespace, protected ones too, and every resource type.
    /// - Returns: how many namespaces there were.
    public func unload() async throws -> Int {
        try await parts.database.write { try NamespaceRecords.deleteEverything(in: $0) }
    }

    /// Every namespace as a file, by name. Files are called after what people call the namespace, without anything but
    /// letters and digits, as upstream's are; where that leaves nothing or comes twice, after its own name.
    public func export() async throws -> [DefinitionFile] {
        try await parts.database.read { reader in
            var filter = NamespaceFilter()
            filter.seesAll = true
            filter.sort = [.init(NamespaceFilter.Key.name.rawValue)]
            var taken: Set<String> = []
            return try NamespaceRecords.list(filter, in: reader).map { namespace in
                let titles = [namespace.displayName ?? "", namespace.name, namespace.id].map { $0.filter { $0.isLetter || $0.isNumber } }
                let title = titles.first { !$0.isEmpty && !taken.contains($0) } ?? namespace.id
                taken.insert(title)
                return DefinitionFile(try NamespaceDetail(of: namespace, in: reader), name: "\(title).json")
            }
        }
    }
}
