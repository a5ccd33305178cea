import CloudCrypto
import CloudSettings
import Foundation
import ImageStores
import Images

/// The settings of images.
enum ImageSettingKeys {
    static let stores = SettingKey<StoreSettings>(
        "images.stores", default: StoreSettings(stores: [StoreSetting(id: "file", kind: .file, isDefault: true)]),
        "The stores of images' bytes. In a file each is a mapping of id, type (file or http) and, where wanted, path, description, "
            + "weight and default; on the command line id:type:path, or id=weight:type:path. Images go to the one marked as the default, "
            + "or the first."
    ) { StoreSetting.problem(of: $0.stores) }
    static let maximumSize = SettingKey(
        "images.image_size_cap", default: 1 << 40, in: 1...(1 << 53), "The largest image in bytes.")
    static let hashAlgorithm = SettingKey<ImageHash>(
        "images.hashing_algorithm", default: .sha512, "The digest of new images beside MD5: sha256 or sha512.")

    static let cachePath = SettingKey<String?>(
        "images.cache.path", default: nil, "The folder of this host's copies of images; nothing for one in the data folder.")
    static let cacheLimit = SettingKey(
        "images.cache.max_size", default: 10 << 30, in: 0...(1 << 53),
        "How many bytes of images from stores elsewhere are kept on this host; 0 for no cache.")

    static let all: [any SettingDeclaration] = [
        stores,
        maximumSize,
        hashAlgorithm,
        cachePath,
        cacheLimit,
    ] + ImageFormatSettingKeys.all
}

/// The digests that images can have beside MD5.
enum ImageHash: String, SettingValue, CaseIterable {
    case sha256, sha512

    var algorithm: Digest.Algorithm { self == .sha256 ? .sha256 : .sha512 }
}

/// One store as the operator describes it.
struct StoreSetting: Sendable, Hashable {
    enum Kind: String, Sendable { case file, http }

    var id: String
    var kind: Kind
    /// The folder; nil for one in the data folder.
    var path: String?
    var description: String?
    var weight = 0
    var isDefault = false

    init(id: String, kind: Kind, isDefault: Bool = false) { (self.id, self.kind, self.isDefault) = (id, kind, isDefault) }

    /// What is wrong with a list of stores; nil when it can be used.
    static func problem(of stores: [StoreSetting]) -> String? {
        for store in stores where !(1...64).contains(store.id.utf8.count) || store.id.contains(where: { !allowed($0) }) {
            return "a store's id has 1 to 64 letters, digits, hyphens and underscores"
        }
        if Set(stores.map(\.id)).count != stores.count { return "stores must have ids of their own" }
        if !stores.contains(where: { $0.kind == .file }) { return "one store at least must be writable" }
        let marked = stores.filter(\.isDefault)
        if marked.count > 1 { return "one store can be the default" }
        return (marked.first ?? stores[0]).kind == .file ? nil : "the default store must be writable"
    }

    private static func allowed(_ character: Character) -> Bool {
        character.isASCII && (character.isLetter || character.isNumber || "-_".contains(character))
    }
}

extension StoreSetting {
    fileprivate init?(_ members: [SettingMember]) {
        self.init(id: "", kind: .file)
        for member in members {
            guard case .scalar(let text, _) = member.value else { return nil }
            switch member.name {
            case "id": id = text
            case "type":
                guard let kind = Kind(rawValue: text) else { return nil }
                self.kind = kind
            case "path": path = text
            case "description": description = text
            case "weight":
                guard let weight = Int(text) else { return nil }
                self.weight = weight
            case "default":
                guard let isDefault = Bool(setting: member.value) else { return nil }
                self.isDefault = isDefault
            default: return nil
            }
        }
    }

    fileprivate init?(_ text: Substring) {
        let parts = text.split(separator: ":", maxSplits: 2).map(String.init)
        guard parts.count >= 2, let kind = Kind(rawValue: parts[1]) else { return nil }
        let name = parts[0].split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        self.init(id: String(name[0]), kind: kind)
        path = parts.count == 3 ? parts[2] : nil
        guard name.count == 2 else { return }
        guard let weight = Int(name[1]) else { return nil }
        self.weight = weight
    }

    fileprivate var text: String {
        [weight == 0 ? id : "\(id)=\(weight)", kind.rawValue, path].compactMap { $0 }.joined(separator: ":")
    }
}

/// Stores in an order.
struct StoreSettings: SettingValue {
    var stores: [StoreSetting]

    init(stores: [StoreSetting]) { self.stores = stores }

    static var settingKind: String { "a list of stores with id and type" }
    /// Reads a list of mappings, or one scalar such as `fast:file:/srv/fast,web:http`.
    init?(setting: SettingText) {
        stores = []
        switch setting {
        case .list(let elements):
            for element in elements {
                guard case .map(let members) = element, let store = StoreSetting(members) else { return nil }
                stores.append(store)
            }
        case .scalar(let text, _):
            for part in text.split(separator: ",") {
                guard let store = StoreSetting(part) else { return nil }
                stores.append(store)
            }
        case .map, .null: return nil
        }
        if stores.isEmpty { return nil }
    }
    /// `id:type:path` of each, with weights where there are some, joined by commas.
    var settingText: String { stores.map(\.text).joined(separator: ",") }
}

extension ServiceOptions {
    var images: ImageOptions {
        var options = ImageOptions()
        options.maximumSize = settings[ImageSettingKeys.maximumSize]
        options.imports = imageImports
        options.hashAlgorithm = settings[ImageSettingKeys.hashAlgorithm].algorithm
        ImageLimitSettingKeys.apply(settings, to: &options)
        options.inspection = imageInspection
        return options
    }

    /// Opens the cache; nil where there shall be none.
    func imageCache() throws -> ImageCache? {
        let limit = settings[ImageSettingKeys.cacheLimit]
        let path = settings[ImageSettingKeys.cachePath] ?? "\(directory.images)/cache"
        return limit == 0 ? nil : try ImageCache(folder: URL(filePath: path), limit: limit)
    }

    /// Opens the stores. One without a path lies in the data folder: the first store there ever was in its root, others
    /// under their ids beside the files it keeps.
    func imageStores() throws -> StoreRegistry {
        let described = settings[ImageSettingKeys.stores].stores
        let stores = try described.map { store in
            NamedStore(id: store.id, description: store.description, weight: store.weight, store: try open(store))
        }
        let position = described.firstIndex(where: \.isDefault) ?? 0
        return StoreRegistry(default: stores[position], others: stores)
    }

    private func open(_ store: StoreSetting) throws -> any ImageStore {
        switch store.kind {
        case .file:
            let own = store.id == "file" ? directory.images : "\(directory.images)/stores/\(store.id)"
            return try FileImageStore(folder: URL(filePath: store.path ?? own))
        case .http:
            // A location is a URL that a user named, as a download's is.
            let authorities = settings[ImageImportSettingKeys.certificateAuthorities]
            return HTTPImageStore(client: WebClient(filter: webFilter, authorities: authorities))
        }
    }
}
