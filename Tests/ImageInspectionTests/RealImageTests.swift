import Foundation
import ImageInspection
import Testing

/// Where qemu-img is.
enum ImageTool {
    static let path = ["/usr/bin/qemu-img", "/usr/local/bin/qemu-img"].first { FileManager.default.isExecutableFile(atPath: $0) }
}

/// Images that qemu-img makes, where it is installed.
@Suite(.enabled(if: ImageTool.path != nil, "there is no qemu-img"))
struct RealImageTests {
    private static let size = 3 << 20

    /// Runs `body` with an image that qemu-img made with these arguments.
    private func make(_ arguments: [String], with body: (InspectionReport) throws -> Void) async throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "image-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let process = Process()
        process.executableURL = URL(fileURLWithPath: try #require(ImageTool.path))
        process.currentDirectoryURL = folder
        process.arguments = ["create", "-q"] + arguments + ["image", String(Self.size)]
        let status = try await withCheckedThrowingContinuation { (ended: CheckedContinuation<Int32, any Error>) in
            process.terminationHandler = { ended.resume(returning: $0.terminationStatus) }
            do {
                try process.run()
            } catch {
                process.terminationHandler = nil
                ended.resume(throwing: error)
            }
        }
        try #require(status == 0)
        try body([UInt8](try Data(contentsOf: folder.appending(path: "image"))).inspected())
    }

    @Test(arguments: [
        ("qcow2", ""), ("qcow2", "compat=0.10"), ("qcow2", "compression_type=zstd"), ("qcow2", "lazy_refcounts=on"), ("vdi", ""),
        ("vdi", "static=on"), ("vhdx", ""), ("vhdx", "subformat=fixed"), ("vmdk", ""), ("vmdk", "subformat=streamOptimized"),
        ("vpc", "force_size=on"),
    ])
    func isLetIn(format: String, options: String) async throws {
        let name = format == "vpc" ? "vhd" : format
        try await make(["-f", format] + (options.isEmpty ? [] : ["-o", options])) { report in
            let admitted = try report.admit(as: ImageClaim(diskFormat: name, containerFormat: "bare"))
            #expect(admitted.virtualSize == Self.size)
        }
    }

    @Test(arguments: [
        ("qcow2", "data_file=data,data_file_raw=on", SafetyCheck.dataFile), ("qcow2", "extended_l2=on", .unknownFeatures),
        ("qcow2", "backing_file=/etc/hostname,backing_fmt=raw", .backingFile), ("vmdk", "subformat=monolithicFlat", .descriptor),
        ("vmdk", "subformat=twoGbMaxExtentSparse", .descriptor), ("qed", "", .banned),
    ])
    func isRefused(format: String, options: String, check: SafetyCheck) async throws {
        try await make(["-f", format] + (options.isEmpty ? [] : ["-o", options])) { report in
            let found = try report.format()
            #expect(found.failures.map(\.check) == [check])
            for declared in [format, "raw"] {
                let claim = ImageClaim(diskFormat: declared, containerFormat: "bare")
                #expect(throws: ImageRefusal.self) { _ = try report.admit(as: claim) }
            }
        }
    }
}
