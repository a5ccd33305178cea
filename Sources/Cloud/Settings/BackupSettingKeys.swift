import CloudCore
import CloudSettings

/// The settings of where volumes' backups are kept. Those of object storage have upstream's names, less their prefix.
enum BackupSettingKeys {
    /// Where new backups go.
    enum Driver: String, SettingValue, CaseIterable { case file, nfs, swift }

    /// How users of object storage log in.
    enum AuthVersion: String, SettingValue, CaseIterable {
        case keystone = "3"
        case tempAuth = "1"
    }

    static let driver = SettingKey<Driver>(
        "volume.backups.driver", default: .file,
        "Where new backups of volumes go: file, nfs or swift. Those in the other places stay, and can be restored.")
    static let path = SettingKey<String?>(
        "volume.backups.path", default: nil, "The folder of volumes' backups; nothing for one in the data folder.")
    static let nfsPath = SettingKey<String?>(
        "volume.backups.nfs_path", default: nil,
        "The folder at which an NFS export for backups is mounted, which makes the backup driver nfs; nothing for none.")
    static let chunk = SettingKey(
        "volume.backups.chunk_size", default: 4 << 20, in: (64 << 10)...(1 << 30),
        "How many bytes of a volume one piece of a backup holds; increments keep the pieces that changed.")

    static let swiftAuthURL = SettingKey<String?>(
        "volume.backups.swift_auth_url", default: nil,
        "Where users of object storage log in: Keystone up to /v3, or TempAuth such as http://HOST:8080/auth/v1.0. It makes the "
            + "backup driver swift; nothing for none."
    ) { $0.map(problem) ?? nil }
    static let swiftAuthVersion = SettingKey<AuthVersion>(
        "volume.backups.swift_auth_version", default: .keystone, "How they log in: 3 for Keystone, 1 for TempAuth.")
    static let swiftURL = SettingKey<String?>(
        "volume.backups.swift_url", default: nil, "The account's address in object storage, if it is not the one that the login tells."
    ) { $0.map(problem) ?? nil }
    static let swiftUser = SettingKey(
        "volume.backups.swift_user", default: "cinder", "The user of object storage; with TempAuth ACCOUNT:USER.")
    static let swiftKey = SettingKey<Secret<String>?>("volume.backups.swift_key", default: nil, "That user's password.")
    static let swiftProject = SettingKey("volume.backups.swift_project", default: "service", "The project of that user's account.")
    static let swiftUserDomain = SettingKey("volume.backups.swift_user_domain", default: "Default", "The domain of that user.")
    static let swiftProjectDomain = SettingKey(
        "volume.backups.swift_project_domain", default: "Default", "The domain of that project.")
    static let swiftRegion = SettingKey<String?>(
        "volume.backups.swift_region", default: nil, "The region whose object storage is used; nothing for the first in the catalogue.")
    static let swiftAttempts = SettingKey(
        "volume.backups.swift_retry_attempts", default: 3, in: 1...100, "How often a request to object storage is tried.")
    static let swiftPause = SettingKey<Duration>(
        "volume.backups.swift_retry_backoff", default: .seconds(2), in: .zero...(.seconds(300)),
        "How many seconds the first pause between two attempts is; each further one is longer by as much.")
    static let swiftTimeout = SettingKey<Duration>(
        "volume.backups.swift_timeout", default: .seconds(300), in: .seconds(1)...(.seconds(86_400)),
        "After how many seconds a request to object storage is given up.")
    static let swiftAuthorities = SettingKey<String?>(
        "volume.backups.swift_ca_cert_file", default: nil,
        "A PEM file with the certificate authorities that are trusted there; nothing for the system's.")

    static let all: [any SettingDeclaration] = [
        driver,
        path,
        nfsPath,
        chunk,
        swiftAuthURL,
        swiftAuthVersion,
        swiftURL,
        swiftUser,
        swiftKey,
        swiftProject,
        swiftUserDomain,
        swiftProjectDomain,
        swiftRegion,
        swiftAttempts,
        swiftPause,
        swiftTimeout,
        swiftAuthorities,
    ]

    private static func problem(_ url: String) -> String? {
        url.hasPrefix("http://") || url.hasPrefix("https://") ? nil : "must begin with http:// or https://"
    }
}
