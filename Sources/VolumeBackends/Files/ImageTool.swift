import CloudCore
import Foundation
import HostCommands
import VolumeMessages

/// qemu-img, under limits: it ends with the thread that waits for it, so that a crash of ours leaves none behind that goes on
/// writing. Formats are always told, so that it guesses nothing from bytes that users write.
struct ImageTool: Sendable {
    /// The folder for what is on its way.
    var scratch: String
    /// The longest that it may take over small things.
    var shortDeadline: Duration = .seconds(60)
    /// The longest that it may take over a whole disk.
    var deadline: Duration = .seconds(6 * 3600)

    /// qemu-img's names of image formats.
    static let names = ["raw": "raw", "luks": "raw", "qcow2": "qcow2", "vmdk": "vmdk", "vdi": "vdi", "vhd": "vpc", "vhdx": "vhdx"]

    /// Its name of an image format.
    /// - Throws: `VolumeFailure` with `unsupported`.
    static func name(of format: String) throws -> String {
        guard let name = names[format] else {
            throw VolumeFailure(.unsupported, "Images of the format \(format) can't be read or written here.")
        }
        return name
    }

    /// Runs it.
    /// - Throws: `VolumeFailure` with `full` or `backendError`; `CancellationError`.
    @discardableResult
    func run(_ arguments: [String], deadline: Duration? = nil) async throws -> String {
        // An arena for each thread would by itself reserve more than the limit of address space, at times.
        let bounds = ["--pdeathsig", "KILL", "--no-new-privs", "prlimit", "--as=\(4 << 30)", "--core=0", "env", "MALLOC_ARENA_MAX=1"]
        do {
            let command = Command(
                program: "setpriv", arguments: bounds + ["qemu-img"] + arguments, deadline: deadline ?? shortDeadline)
            return try await command.runSuccessfully().output
        } catch let error as CommandError {
            if case .failed(_, _, let text) = error, text.contains("No space left") || text.contains("quota exceeded") {
                throw VolumeFailure(.full, "There is no room for the volume.", cause: error)
            }
            throw VolumeFailure(.backendError, "The volume's disk could not be made.", cause: error)
        }
    }

    /// Writes bytes into a new file of another format, by way of a raw file with holes.
    func write(_ bytes: any VolumeBytes, as format: String, to path: String) async throws {
        let name = try Self.name(of: format)
        let raw = scratch + "/raw-" + Identifier.passing()
        defer { unlink(raw) }
        _ = try ScratchFile(raw)
        guard truncate(raw, off_t(bytes.size)) == 0 else { throw FileError(operation: "truncate \(raw)", code: errno) }
        let file = try FileBytes(path: raw, size: bytes.size, writing: true)
        try await file.fill(from: bytes)
        await file.close()
        try await run(["convert", "-q", "-f", "raw", "-O", name, raw, path], deadline: deadline)
    }

    /// The disk of an image as a raw file with holes; the image itself where it is one.
    func raw(of image: ImageFile) async throws -> String {
        let format = try Self.name(of: image.format)
        if format == "raw" { return image.path }
        let raw = scratch + "/raw-" + Identifier.passing()
        try await run(["convert", "-q", "-f", format, "-O", "raw", image.path, raw], deadline: deadline)
        return raw
    }

    /// How many bytes an image takes without its holes, which qemu-img counts for qcow2 alone.
    func required(by path: String, _ format: String) async throws -> Int64 {
        struct Measure: Decodable { var required: Int64 }
        let text = try await run(["measure", "--output=json", "-f", format, "-O", "qcow2", path])
        return try JSONDecoder().decode(Measure.self, from: Data(text.utf8)).required
    }

    /// Runs `body` with qemu-img's description of a secret, whose text is in a file for that long: a command line could be read by
    /// others.
    func withSecret(
        _ text: String, id: String, encoding: String = "raw", _ body: (String) async throws -> Void
    ) async throws {
        let path = scratch + "/key-" + UUID().uuidString
        defer { unlink(path) }
        try await Blocking.run { try Files.write(Array(text.utf8), to: path) }
        try await body("secret,id=\(id),format=\(encoding),file=\(Self.escaped(path))")
    }

    /// The same for a passphrase; an empty description where there is none.
    func withSecret(
        _ encryption: VolumeEncryption?, id: String = "key", _ body: (String) async throws -> Void
    ) async throws {
        guard let encryption else { return try await body("") }
        try await withSecret(encryption.passphrase, id: id, body)
    }

    /// A value among image options, where commas are doubled.
    static func escaped(_ value: String) -> String { value.replacingOccurrences(of: ",", with: ",,") }
}
