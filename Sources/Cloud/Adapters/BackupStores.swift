import CloudCore
import CloudSettings
import ImageStores
import VolumeBackends

/// Where this host keeps backups of volumes, by the names that users see.
enum BackupStores {
    static func all(directory: DataDirectory, settings: Settings) -> [String: any BackupStore] {
        let chunk = settings[BackupSettingKeys.chunk]
        var places: [String: any BackupPlace] = [
            "file": FolderBackupPlace(folder: settings[BackupSettingKeys.path] ?? directory.file("backups"))
        ]
        if let folder = settings[BackupSettingKeys.nfsPath] { places["nfs"] = FolderBackupPlace(folder: folder) }
        if let url = settings[BackupSettingKeys.swiftAuthURL] { places["swift"] = objects(url, settings) }
        return places.mapValues { PieceBackupStore(in: $0, chunk: chunk) }
    }

    private static func objects(_ url: String, _ settings: Settings) -> ObjectBackupPlace {
        let login: ObjectStorageOptions.Login = settings[BackupSettingKeys.swiftAuthVersion] == .tempAuth
            ? .tempAuth(url: url)
            : .keystone(
                url: url, userDomain: settings[BackupSettingKeys.swiftUserDomain], project: settings[BackupSettingKeys.swiftProject],
                projectDomain: settings[BackupSettingKeys.swiftProjectDomain], region: settings[BackupSettingKeys.swiftRegion])
        var options = ObjectStorageOptions(
            login: login, user: settings[BackupSettingKeys.swiftUser], password: settings[BackupSettingKeys.swiftKey] ?? Secret(""))
        options.storageURL = settings[BackupSettingKeys.swiftURL]
        (options.attempts, options.pause) = (settings[BackupSettingKeys.swiftAttempts], settings[BackupSettingKeys.swiftPause])
        return ObjectBackupPlace(options: options, transport: WebTransport(client: client(settings)))
    }

    /// The operator named the address, so it may be one of this site's own.
    private static func client(_ settings: Settings) -> WebClient {
        var filter = WebFilter()
        (filter.allowsPrivate, filter.allowedPorts) = (true, [])
        var limits = WebClient.Limits()
        limits.total = settings[BackupSettingKeys.swiftTimeout]
        return WebClient(filter: filter, limits: limits, authorities: settings[BackupSettingKeys.swiftAuthorities])
    }
}

/// Carries requests to object storage by the program's own client.
private struct WebTransport: ObjectTransport {
    let client: WebClient

    func send(_ request: ObjectRequest, upTo limit: Int) async throws -> ObjectAnswer {
        try await client.send(request.method, request.url, headers: request.headers, body: request.body) { answer, body in
            ObjectAnswer(status: answer.status, headers: answer.headers, body: try await body.collect(upTo: limit))
        }
    }
}
