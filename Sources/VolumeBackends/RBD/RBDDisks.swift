import Foundation
import VolumeMessages

/// Makes images of the pool: each under a name that nobody looks at, which the caller publishes.
struct RBDDisks: Sendable {
    let client: CephClient
    let tool: ImageTool
    /// The room that is left for what counts nowhere.
    private static let spare: Int64 = 64 << 20
    /// How many images may lie on one another: each makes reading slower.
    private static let depth = 5

    /// - Throws: `VolumeFailure` with `full` where so many bytes don't fit.
    func checkRoom(for bytes: Int64) async throws {
        guard try await client.room().free >= bytes + Self.spare else {
            throw VolumeFailure(.full, "The back end has no room for \(bytes) bytes.")
        }
    }

    // MARK: Contents

    /// An image that reads as zeros.
    func blank(_ name: String, bytes: Int64, encryption: VolumeEncryption?) async throws {
        guard let encryption else {
            try await client.rbd(["create", "--size", "\(bytes)B", client.path(name)])
            return
        }
        try await tool.withSecret(encryption) { secret in
            let options = try LUKS.options(encryption, secret: "key")
            try await tool.run(
                ["create", "-q", "-f", "luks", "--object", secret, "-o", options, file(name), String(bytes)],
                deadline: client.shortDeadline)
        }
    }

    /// The bytes of a snapshot, in an encryption of its own: on the snapshot itself where they stay as they are.
    func derive(
        _ name: String, from image: String, _ snapshot: String, _ old: VolumeEncryption?, bytes: Int64, encryption: VolumeEncryption?
    ) async throws {
        guard old?.passphrase == encryption?.passphrase else {
            return try await recode(name, from: image, snapshot, old, bytes: bytes, encryption: encryption)
        }
        // The second format of clones lets snapshots go from under them.
        try await client.rbd(["clone", "--rbd-default-clone-format", "2", client.path(image, snapshot), client.path(name)])
        if try await depth(of: name) > Self.depth { try await flatten(name) }
        try await grow(name, to: bytes, isEncrypted: encryption != nil)
    }

    private func recode(
        _ name: String, from image: String, _ snapshot: String, _ old: VolumeEncryption?, bytes: Int64, encryption: VolumeEncryption?
    ) async throws {
        try await checkRoom(for: bytes)
        try await blank(name, bytes: bytes, encryption: encryption)
        try await tool.withSecret(old, id: "old") { oldSecret in
            try await tool.withSecret(encryption) { secret in
                try await withKey { key in
                    let objects = [oldSecret, secret, key].filter { !$0.isEmpty }.flatMap { ["--object", $0] }
                    let source = options(image, snapshot, secret: old == nil ? nil : "old")
                    let target = options(name, nil, secret: encryption == nil ? nil : "key")
                    try await tool.run(
                        ["convert", "-q", "-n"] + objects + ["--image-opts", "--target-image-opts", source, target],
                        deadline: tool.deadline)
                }
            }
        }
    }

    private func depth(of name: String) async throws -> Int {
        var depth = 0
        var parent = try await client.image(name)?.parent
        while let above = parent, depth <= Self.depth {
            depth += 1
            parent = try await client.image(above.image, in: above.pool)?.parent
        }
        return depth
    }

    private func flatten(_ name: String) async throws {
        try await client.rbd(["flatten", "--no-progress", client.path(name)], movesBytes: true)
    }

    /// An image file's bytes.
    func make(_ name: String, of image: ImageFile, bytes: Int64, encryption: VolumeEncryption?) async throws {
        let format = try ImageTool.name(of: image.format)
        let isCiphertext = image.format == "luks"
        guard !isCiphertext || encryption != nil else {
            throw VolumeFailure(.unsupported, "An encrypted image makes an encrypted volume.")
        }
        guard isCiphertext || image.virtualSize <= bytes else {
            throw VolumeFailure(.imageUnavailable, "The image's disk of \(image.virtualSize) bytes is larger than the volume.")
        }
        guard let encryption, !isCiphertext else {
            try await checkRoom(for: try await tool.required(by: image.path, format))
            try await blank(name, bytes: isCiphertext ? image.virtualSize : bytes, encryption: nil)
            try await tool.run(
                ["convert", "-q", "-n", "--target-is-zero", "-f", format, "-O", "raw", image.path, file(name)],
                deadline: tool.deadline)
            return try await grow(name, to: bytes, isEncrypted: isCiphertext)
        }
        try await checkRoom(for: bytes)
        try await blank(name, bytes: bytes, encryption: encryption)
        try await tool.withSecret(encryption) { secret in
            try await withKey { key in
                try await tool.run(
                    ["convert", "-q", "-n", "--object", secret, "--object", key, "--target-image-opts", "-f", format, image.path,
                     options(name, nil, secret: "key")], deadline: tool.deadline)
            }
        }
    }

    /// Bytes as another back end stores them.
    func make(_ name: String, of source: any VolumeBytes, bytes: Int64, isEncrypted: Bool) async throws {
        try await checkRoom(for: try await source.dataRanges().reduce(Int64(0)) { $0 + Int64($1.count) })
        try await blank(name, bytes: isEncrypted ? source.size : max(bytes, source.size), encryption: nil)
        let target = try await open(name, nil, writing: true)
        do {
            try await target.fill(from: source)
        } catch {
            await target.close()
            throw error
        }
        await target.close()
    }

    /// Makes an image as large as it shall be; one that is larger stays.
    func grow(_ name: String, to bytes: Int64, isEncrypted: Bool) async throws {
        guard let image = try await client.image(name) else { throw VolumeFailure.notFound(name) }
        var needed = bytes
        if isEncrypted, image.size >= 108 {
            needed += try await header(of: try await open(name, nil, writing: false))
        }
        guard image.size < needed else { return }
        try await client.rbd(["resize", "--no-progress", "--size", "\(needed)B", client.path(name)])
    }

    private func header(of bytes: any VolumeBytes) async throws -> Int64 {
        do {
            let header = try await bytes.read(0..<108)
            await bytes.close()
            return LUKS.payloadOffset(header) ?? 0
        } catch {
            await bytes.close()
            throw error
        }
    }

    // MARK: QEMU's names

    /// An image's bytes, or a snapshot's.
    func open(_ name: String, _ snapshot: String?, writing: Bool) async throws -> QEMUBytes {
        try await QEMUBytes.open(file(name, snapshot), format: "raw", writing: writing, tool: tool)
    }

    /// An image as QEMU takes it for a file's name.
    private func file(_ name: String, _ snapshot: String? = nil) -> String {
        func escaped(_ text: String) -> String {
            text.reduce(into: "") { $0 += "\\:@=/".contains($1) ? "\\\($1)" : String($1) }
        }
        let image = escaped(client.pool) + "/" + escaped(name) + (snapshot.map { "@" + escaped($0) } ?? "")
        let settings = [("id", client.user), ("conf", client.configuration), ("keyring", client.keyring)]
        return "rbd:" + image + settings.map { ":\($0.0)=\(escaped($0.1))" }.joined()
    }

    /// An image as qemu-img's image options, which know no keyring but a secret "cephx".
    private func options(_ name: String, _ snapshot: String?, secret: String?) -> String {
        var options = secret.map { ["driver=luks", "key-secret=\($0)"] } ?? ["driver=raw"]
        options.append("file.driver=rbd")
        let values = [
            ("pool", client.pool), ("image", name), ("conf", client.configuration), ("user", client.user), ("key-secret", "cephx"),
        ]
        options += (values + (snapshot.map { [("snapshot", $0)] } ?? [])).map { "file.\($0.0)=\(ImageTool.escaped($0.1))" }
        return options.joined(separator: ",")
    }

    private func withKey(_ body: (String) async throws -> Void) async throws {
        try await tool.withSecret(try client.key(), id: "cephx", encoding: "base64", body)
    }
}
