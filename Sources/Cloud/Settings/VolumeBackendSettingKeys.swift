import CloudSettings

/// The settings of where volumes are kept.
enum VolumeBackendSettingKeys {
    static let backends = SettingKey<VolumeBackendSettings>(
        "volume.backends", default: VolumeBackendSettings(backends: [VolumeBackendSetting(name: "local", driver: .file)]),
        "The back ends of volumes. In a file each is a mapping of name, driver (\(VolumeBackendSetting.drivers)) and its options; "
            + "on the command line NAME:DRIVER:OPTION=VALUE:OPTION=VALUE, separated by commas. A wrong option is refused with "
            + "the names of the right ones."
    ) { VolumeBackendSetting.problem(of: $0.backends) }
    static let all: [any SettingDeclaration] = [backends] + BackupSettingKeys.all
}

/// One back end as the operator describes it.
struct VolumeBackendSetting: Sendable, Hashable {
    enum Driver: String, Sendable, CaseIterable { case file, nfs, iscsi, lvm, rbd, simulated }

    static var drivers: String { Driver.allCases.map(\.rawValue).joined(separator: ", ") }

    var name: String
    var driver: Driver
    var options: [String: String] = [:]

    /// What is wrong with a list of back ends; nil when it can be used.
    static func problem(of backends: [VolumeBackendSetting]) -> String? {
        for backend in backends {
            guard (1...64).contains(backend.name.utf8.count), backend.name.allSatisfy(isAllowed) else {
                return "a back end's name has 1 to 64 letters, digits, hyphens and underscores"
            }
            let known = VolumeBackendOptions.names(of: backend.driver)
            if let unknown = backend.options.keys.sorted().first(where: { !known.contains($0) }) {
                return "the driver \(backend.driver.rawValue) has no option \(unknown); it has \(known.sorted().joined(separator: ", "))"
            }
            if let problem = VolumeBackendOptions(backend).problem { return "the back end \(backend.name): \(problem)" }
        }
        return Set(backends.map(\.name)).count == backends.count ? nil : "back ends must have names of their own"
    }

    private static func isAllowed(_ character: Character) -> Bool {
        character.isASCII && (character.isLetter || character.isNumber || "-_".contains(character))
    }
}

extension VolumeBackendSetting {
    fileprivate init?(_ members: [SettingMember]) {
        self.init(name: "", driver: .file)
        for member in members {
            guard case .scalar(let text, _) = member.value else { return nil }
            switch member.name {
            case "name": name = text
            case "driver":
                guard let driver = Driver(rawValue: text) else { return nil }
                self.driver = driver
            default: options[member.name] = text
            }
        }
    }

    fileprivate init?(_ text: Substring) {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
        guard parts.count >= 2, let driver = Driver(rawValue: parts[1]) else { return nil }
        self.init(name: parts[0], driver: driver)
        var last: String?
        for part in parts.dropFirst(2) {
            let pair = part.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
            if pair.count == 2 {
                (last, options[pair[0]]) = (pair[0], pair[1])
            } else if let last {
                // A colon of the value itself, as in an address with its port.
                options[last]? += ":" + part
            } else {
                return nil
            }
        }
    }

    fileprivate var text: String {
        ([name, driver.rawValue] + options.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }).joined(separator: ":")
    }
}

/// Back ends in an order; the first is where volumes without a type of their own may go as well as to any other.
struct VolumeBackendSettings: SettingValue {
    var backends: [VolumeBackendSetting]

    init(backends: [VolumeBackendSetting]) { self.backends = backends }

    static var settingKind: String { "a list of back ends with name and driver" }
    /// Reads a list of mappings, or one scalar such as `local:file,fast:rbd:pool=volumes`.
    init?(setting: SettingText) {
        backends = []
        switch setting {
        case .list(let elements):
            for element in elements {
                guard case .map(let members) = element, let backend = VolumeBackendSetting(members) else { return nil }
                backends.append(backend)
            }
        case .scalar(let text, _):
            for part in text.split(separator: ",") {
                guard let backend = VolumeBackendSetting(part) else { return nil }
                backends.append(backend)
            }
        case .map, .null: return nil
        }
        if backends.isEmpty { return nil }
    }
    /// `name:driver:option=value` of each, joined by commas.
    var settingText: String { backends.map(\.text).joined(separator: ",") }
}
