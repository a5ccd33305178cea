import CloudCore
import CloudCrypto
import Foundation
import VolumeMessages

/// Backups' objects in OpenStack's object storage (the Swift API v1): `<account>/<container>/<backup>/<object>`.
public struct ObjectBackupPlace: BackupPlace {
    private let account: ObjectStorageAccount

    /// No object of a backup is larger: the largest piece, and room for a manifest of many.
    private static let objectLimit = 2 << 30
    private static let listLimit = 16 << 20

    /// Backups in an account.
    public init(options: ObjectStorageOptions, transport: any ObjectTransport) {
        account = ObjectStorageAccount(options: options, transport: transport)
    }

    /// Makes the container, and removes what was begun.
    public func prepare(_ backup: BackupFolder) async throws {
        let container = try path(backup.container)
        // Asked for first: who may write into a container need not be allowed to make one.
        if try await account.send("HEAD", container, upTo: Self.listLimit).status == 404 {
            try check(try await account.send("PUT", container, body: [], upTo: Self.listLimit), "make the container \(backup.container)")
        }
        try await removeAll(of: backup)
    }

    /// Writes an object. The server compares the bytes with their MD5, and so does this with the server's.
    public func write(_ bytes: [UInt8], _ name: String, of backup: BackupFolder) async throws {
        let tag = Hexadecimal.text(Digest.of(bytes, .md5))
        let headers = ["ETag": tag, "Content-Type": "application/octet-stream"]
        let answer = try await account.send(
            "PUT", try path(backup.container, backup.id, name), headers: headers, body: bytes, upTo: Self.listLimit
        ) { answer in
            !(200..<300).contains(answer.status) || Self.tag(of: answer).map { $0 == tag } ?? true
        }
        try check(answer, "keep an object")
    }

    /// Reads an object; bytes that are not those of its tag are asked for again.
    public func read(_ name: String, of backup: BackupFolder) async throws -> [UInt8]? {
        let answer = try await account.send("GET", try path(backup.container, backup.id, name), upTo: Self.objectLimit) { answer in
            answer.status != 200 || Self.tag(of: answer).map { $0 == Hexadecimal.text(Digest.of(answer.body, .md5)) } ?? true
        }
        if answer.status == 404 { return nil }
        try check(answer, "give an object")
        return answer.body
    }

    /// Removes an object.
    public func remove(_ name: String, of backup: BackupFolder) async throws {
        let answer = try await account.send("DELETE", try path(backup.container, backup.id, name), upTo: Self.listLimit)
        if answer.status != 404 { try check(answer, "remove an object") }
    }

    /// Removes whatever is listed under the backup's name, page by page.
    public func removeAll(of backup: BackupFolder) async throws {
        let prefix = "\(backup.id)/"
        var marker = ""
        while true {
            let query = "?format=json&limit=1000&prefix=\(Self.escaped(prefix))&marker=\(Self.escaped(marker))"
            let answer = try await account.send("GET", try path(backup.container) + query, upTo: Self.listLimit)
            if answer.status == 404 { return }
            try check(answer, "list the container \(backup.container)")
            let objects = answer.body.isEmpty ? [] : try JSON(parsing: answer.body).array ?? []
            let names = objects.compactMap { $0["name"]?.string }.filter { $0.hasPrefix(prefix) }
            guard let last = names.last, last > marker else { return }
            for name in names {
                try Task.checkCancellation()
                try await remove(String(name.dropFirst(prefix.count)), of: backup)
            }
            marker = last
        }
    }

    // MARK: Parts

    /// A path below the account's address. A container's name has no slash (Swift's own rule); in a backup's nothing needs escaping.
    private func path(_ container: String, _ parts: String...) throws -> String {
        guard !container.contains("/"), container != ".", container != ".." else {
            throw VolumeFailure(.unsupported, "\(container) can't be the name of a container in object storage.")
        }
        return ([""] + ([container] + parts).map(Self.escaped)).joined(separator: "/")
    }

    private static func escaped(_ text: String) -> String {
        let plain = Set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~".utf8)
        return text.utf8.map { plain.contains($0) ? String(UnicodeScalar($0)) : "%" + Hexadecimal.text([$0]).uppercased() }.joined()
    }

    private static func tag(of answer: ObjectAnswer) -> String? {
        answer.headers["etag"].map { $0.trimmingCharacters(in: CharacterSet(charactersIn: "\"")).lowercased() }
    }

    private func check(_ answer: ObjectAnswer, _ what: String) throws {
        guard (200..<300).contains(answer.status) else {
            throw VolumeFailure(.backendError, "Object storage would not \(what): it answered \(answer.status).")
        }
    }
}
