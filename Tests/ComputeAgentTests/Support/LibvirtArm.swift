import CloudBus
import CloudCore
import CloudCrypto
import ComputeMessages
import Foundation
import Glibc
import HostCommands
import Synchronization
import Testing

@testable import ComputeAgent

/// The arm that runs the test guest on QEMU by a libvirtd of its own.
final class LibvirtArm: HypervisorArm {
    static var isPossible: Bool { geteuid() == 0 && programExists("libvirtd") && programExists("qemu-system-x86_64") && hasDiskTools }

    private let folder: TemporaryFolder
    private let driver: LibvirtHypervisor
    private let running = TaskBox()
    let agent: ComputeAgent
    let bus: any Bus = InProcessBus()
    let controller = ControllerStub()
    let network = NetworkAgentStub(makesTaps: true)
    let images = MemoryImageSink()
    let root: RootDisk
    let driveMarks = [
        "altostack-guest: metadata config-drive", "altostack-guest: hostname driven", "altostack-guest: user-data: it ran",
        "altostack-guest: guest agent started",
    ]
    let bootMark = "altostack-guest: disk vda"
    let bootDeadline = Duration.seconds(300)

    init() async throws {
        let image = try await TestGuestImage.bytes()
        folder = try TemporaryFolder()
        root = RootDisk(imageID: Identifier.uuid(), format: "qcow2", checksum: image.checksum, sizeGiB: 1)
        driver = LibvirtHypervisor(options: .init(directory: folder.path + "/libvirt"))
        let disks = FileDisks(directory: folder.path, images: ImageSourceStub([root.imageID: image.bytes]))
        agent = ComputeAgent(host: "node-1", driver: driver, disks: disks, bus: bus, imageSink: images)
        try await controller.listen(on: bus)
        try await network.listen(on: bus, host: "node-1")
        try await running.run(agent)
    }

    func makeVolume() async throws -> String {
        let path = folder.path + "/volume-\(UUID().uuidString.prefix(8))"
        try await Command(program: "qemu-img", arguments: ["create", "-q", "-f", "raw", path, "64M"], deadline: .seconds(30)).runSuccessfully()
        return path
    }

    func crash(_ id: String) async throws {
        let process = try #require(try processes().first { $0.value.contains(id) }, "the guest's process")
        kill(process.key, SIGKILL)
    }

    /// The emulators of guests under our folder, by process id.
    private func processes() throws -> [pid_t: String] {
        var found: [pid_t: String] = [:]
        for name in try FileSystem.names(in: "/proc") {
            guard let id = pid_t(name), let command = FileManager.default.contents(atPath: "/proc/\(id)/cmdline") else { continue }
            let text = String(decoding: command, as: UTF8.self)
            if text.contains("qemu-system"), text.contains(folder.path) { found[id] = text }
        }
        return found
    }

    func isClean() async throws -> Bool {
        let defined = try FileSystem.names(in: folder.path + "/libvirt/etc/qemu").filter { $0.hasSuffix(".xml") }
        let instances = try FileSystem.names(in: folder.path + "/instances")
        let taps = network.devices.intersection(try FileSystem.names(in: "/sys/class/net"))
        return try await driver.guests().isEmpty && processes().isEmpty && defined.isEmpty && instances.isEmpty && taps.isEmpty
            && network.plugged.isEmpty
    }

    func restartAgent() async throws {
        await running.end()
        try await running.run(agent)
    }

    func close() async {
        for guest in (try? await driver.guests()) ?? [] { try? await driver.destroy(guest.id) }
        await running.end()
        await driver.stopDaemon()
    }
}

/// The test guest's image: the file that ALTOSTACK_TEST_GUEST names, else one that is built once and kept.
enum TestGuestImage {
    struct Image: Sendable {
        let bytes: [UInt8]
        let checksum: String
    }

    private static let loading = Task<Image, any Error> {
        let path = try await locate()
        let bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: path)))
        let checksum = Digest.of(bytes, .sha512).map { byte in (byte < 16 ? "0" : "") + String(byte, radix: 16) }.joined()
        return Image(bytes: bytes, checksum: checksum)
    }

    static func bytes() async throws -> Image { try await loading.value }

    private static func locate() async throws -> String {
        if let path = ProcessInfo.processInfo.environment["ALTOSTACK_TEST_GUEST"] { return path }
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("altostack-test-guest").path
        let path = folder + "/guest.qcow2"
        if FileSystem.exists(path) { return path }
        try FileSystem.makeDirectory(folder)
        let script = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().deletingLastPathComponent().appendingPathComponent("scripts/build-test-guest").path
        let part = path + ".\(UUID().uuidString.prefix(8))"
        let builder = Command(
            program: "env", arguments: ["HOME=\(folder)", "ALTOSTACK_CACHE=\(folder)", script, part], deadline: .seconds(600))
        try await builder.runSuccessfully()
        try FileSystem.rename(part, to: path)
        return path
    }
}
