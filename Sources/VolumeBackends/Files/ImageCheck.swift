import Foundation
import ImageInspection
import VolumeMessages

/// Looks at an image before any program reads it: what it is declared as is what it has to be, and it may refer to no other file.
enum ImageCheck {
    /// - Throws: `VolumeFailure` with `imageUnavailable`.
    static func inspect(_ path: String, as format: String) async throws -> ImageFile {
        let length = try await Blocking.run { try Files.sizes(of: path).length }
        // Raw bytes are copied as they are, whatever they look like. Disks consist of whole sectors.
        if ["raw", "iso", "luks"].contains(format) {
            return ImageFile(path: path, format: format == "luks" ? "luks" : "raw", virtualSize: (length + 511) / 512 * 512)
        }
        let report = try await report(path, length)
        do {
            let claim = ImageClaim(diskFormat: format, containerFormat: "bare")
            let found = try report.admit(as: claim, by: InspectionRules())
            guard found.format?.rawValue == format, let size = found.virtualSize else {
                throw VolumeFailure(.imageUnavailable, "Volumes can't be made of images of the format \(format).")
            }
            return ImageFile(path: path, format: format, virtualSize: Int64(size))
        } catch let refusal as ImageRefusal {
            throw VolumeFailure(.imageUnavailable, refusal.description)
        }
    }

    private static func report(_ path: String, _ length: Int64) async throws -> InspectionReport {
        let bytes = try FileBytes(path: path)
        var (inspector, offset) = (ImageInspector(), Int64(0))
        while offset < length {
            let end = min(offset + (4 << 20), length)
            inspector.consume(try await bytes.read(offset..<end))
            offset = end
        }
        await bytes.close()
        return inspector.report()
    }
}
