import CloudCore

/// A kind of volume: what its back end must be able to do, and how it is kept.
struct VolumeType: Sendable, Hashable {
    /// The type that volumes have when nothing else is said; there from the beginning.
    static let defaultName = "__DEFAULT__"

    var id: String
    var name: String
    var description: String?
    /// Whether every project may use it; else only those it is open to.
    var isPublic: Bool
    /// What the scheduler and the back end go by.
    var extraSpecs: [String: String]
    /// The QoS specs that its volumes have.
    var qosSpecsID: String?
    /// How its volumes are encrypted; nil for volumes in the clear.
    var encryption: TypeEncryption?
    var createdAt: Timestamp
    var updatedAt: Timestamp?

    /// A new type.
    init(name: String, description: String? = nil, isPublic: Bool = true, extraSpecs: [String: String] = [:]) {
        (id, self.name, self.description, self.isPublic) = (Identifier.uuid(), name, description, isPublic)
        (self.extraSpecs, createdAt) = (extraSpecs, .now)
    }
}

extension VolumeType {
    /// The specs that everybody may see.
    static let visibleSpecs: Set<String> = ["RESKEY:availability_zones", "multiattach", "replication_enabled"]

    /// Whether a volume of it can be attached to several servers at once.
    var isMultiattach: Bool { extraSpecs["multiattach"] == "<is> True" }

    /// The zones its volumes may be in; nil for every one.
    var availabilityZones: [String]? { zones(of: extraSpecs["RESKEY:availability_zones"]) }

    private func zones(of text: String?) -> [String]? {
        text?.split(separator: ",").map { $0.trimmingSpaces }.filter { !$0.isEmpty }
    }

    /// The bounds on its volumes' sizes in GiB, where specs set some.
    var sizes: (minimum: Int?, maximum: Int?) {
        (extraSpecs["provisioning:min_vol_size"].flatMap { Int($0) }, extraSpecs["provisioning:max_vol_size"].flatMap { Int($0) })
    }
}

extension Substring {
    /// The same without blanks at its ends.
    fileprivate var trimmingSpaces: String {
        var text = drop { $0 == " " }
        while text.last == " " { text.removeLast() }
        return String(text)
    }
}

/// How volumes of a type are encrypted.
struct TypeEncryption: Codable, Sendable, Hashable {
    /// The encryption's own UUID.
    var id: String
    /// Who does it: "luks", or the name of an older class.
    var provider: String
    /// "front-end" (the compute host) or "back-end".
    var controlLocation: String
    /// Such as "aes-xts-plain64"; nil for the provider's own choice.
    var cipher: String?
    /// The key's length in bits; nil for the cipher's own.
    var keySize: Int?
    var createdAt: Timestamp
    var updatedAt: Timestamp?
}

/// A named set of promises about a volume's throughput. Of the back ends' drivers none keeps any: what is the back end's alone is noted
/// and shown, as upstream has it of drivers that know none of the specs.
struct QoSSpecs: Sendable, Hashable {
    /// Who keeps the promise.
    enum Consumer: String, Sendable, CaseIterable {
        case frontEnd = "front-end"
        case backEnd = "back-end"
        case both
    }
    var id: String
    var name: String
    var consumer: Consumer
    var specs: [String: String]
    var createdAt: Timestamp
}
