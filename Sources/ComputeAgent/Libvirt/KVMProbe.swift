import Foundation
import Glibc
import HostCommands
import Logging

/// Finds out whether guests can run on the processor itself. That /dev/kvm exists proves nothing: on machines that
/// are guests themselves it may open and make a machine whose every step before paging is on takes microseconds, so
/// that no guest gets through its firmware. So a guest is started whose firmware is a loop of 40 million steps, after
/// which it tells QEMU to exit with a certain status: 20 ms on a processor, minutes where KVM only pretends.
struct KVMProbe: Sendable {
    /// QEMU's program.
    var emulator = "qemu-system-x86_64"
    /// The folder that remembers the outcome until the machine boots again.
    var directory: String
    /// How long the guest may take to answer.
    var deadline: Duration = .seconds(5)

    private struct Memory: Codable {
        var bootID: String
        var hasKVM: Bool
    }

    private var memoryPath: String { directory + "/kvm-probe.json" }
    /// QEMU's isa-debug-exit leaves with twice the written byte plus one.
    private static let signal: UInt8 = 0x31
    private static let expectedStatus = Int32(signal) * 2 + 1

    /// Whether KVM works, as remembered or as found out now.
    func run() async -> Bool {
        let bootID = (try? String(contentsOfFile: "/proc/sys/kernel/random/boot_id", encoding: .utf8)) ?? ""
        if let data = FileManager.default.contents(atPath: memoryPath),
            let memory = try? JSONDecoder().decode(Memory.self, from: data), !bootID.isEmpty, memory.bootID == bootID
        {
            return memory.hasKVM
        }
        let logger = Logger(label: "altostack.kvm-probe")
        do {
            let hasKVM = access("/dev/kvm", R_OK | W_OK) == 0 ? try await guestAnswers(accelerator: "kvm") : false
            let memory = String(decoding: try JSONEncoder().encode(Memory(bootID: bootID, hasKVM: hasKVM)), as: UTF8.self)
            try FileSystem.write(memory, to: memoryPath)
            logger.info("probed KVM", metadata: ["works": "\(hasKVM)"])
            return hasKVM
        } catch {
            logger.notice("KVM could not be probed; guests will be emulated", metadata: ["error": "\(error)"])
            return false
        }
    }

    /// Whether a guest with this accelerator answers in time.
    func guestAnswers(accelerator: String) async throws -> Bool {
        let firmware = directory + "/kvm-probe.\(UUID().uuidString).bin"
        try writeFirmware(firmware)
        defer { unlink(firmware) }
        let command = Command(
            program: emulator,
            arguments: [
                "-accel", accelerator, "-machine", "pc", "-m", "16", "-nodefaults", "-no-user-config", "-display", "none",
                "-bios", firmware, "-device", "isa-debug-exit,iobase=0xf4,iosize=0x04",
            ], deadline: deadline)
        do {
            return try await command.run().status == Self.expectedStatus
        } catch CommandError.timedOut {
            return false
        }
    }

    /// 64 KiB that lie at the end of the first 4 GiB; the processor enters them 16 bytes before their end, in real mode.
    private static let firmware: [UInt8] = {
        var firmware = [UInt8](repeating: 0xf4, count: 65536)
        func place(_ bytes: [UInt8], at offset: Int) { firmware.replaceSubrange(offset..<offset + bytes.count, with: bytes) }
        place([0xe9, 0x0d, 0x00], at: 0xfff0)  // jmp 0
        place([0xfa], at: 0)  // cli
        place([0x2e, 0x66, 0x0f, 0x01, 0x16, 0x80, 0x00], at: 1)  // lgdt cs:[0x80]
        place([0x0f, 0x20, 0xc0, 0x0c, 0x01, 0x0f, 0x22, 0xc0], at: 8)  // protected mode on
        place([0x66, 0xea, 0x18, 0x00, 0xff, 0xff, 0x08, 0x00], at: 16)  // jmp 8:0xffff0018
        place([0xb9, 0x00, 0x2d, 0x31, 0x01], at: 24)  // mov ecx, 20000000
        place([0x49, 0x75, 0xfd], at: 29)  // dec ecx; jnz to itself
        place([0xb0, signal, 0xe6, 0xf4], at: 32)  // out 0xf4, signal
        place([0xf4, 0xeb, 0xfd], at: 36)  // hlt; again
        place([0x0f, 0x00, 0x90, 0x00, 0xff, 0xff], at: 0x80)  // two descriptors at 0xffff0090
        place([0, 0, 0, 0, 0, 0, 0, 0], at: 0x90)
        place([0xff, 0xff, 0, 0, 0, 0x9b, 0xcf, 0], at: 0x98)  // code, 4 GiB, 32 bits
        return firmware
    }()

    private func writeFirmware(_ path: String) throws {
        let file = try NewFile(path)
        defer { file.close() }
        try file.write(Self.firmware[...])
    }
}
