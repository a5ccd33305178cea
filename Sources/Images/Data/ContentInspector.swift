import ImageInspection
import ImageStores
import NIOCore
import Synchronization

/// Looks at one image's bytes while they come, whichever way they come, so that nothing is published that is unsafe or
/// not what it is declared as.
final class ContentInspector: UploadInspector {
    private let inspector = Mutex(ImageInspector())
    private let claim: ImageClaim
    private let rules: InspectionRules

    /// An inspector for an image's bytes.
    init(image: Image, rules: InspectionRules) {
        claim = ImageClaim(diskFormat: image.diskFormat ?? "", containerFormat: image.containerFormat ?? "")
        self.rules = rules
    }

    func inspect(_ bytes: ByteBuffer) {
        inspector.withLock { inspector in bytes.withUnsafeReadableBytes { inspector.consume($0) } }
    }

    func finish() throws -> UploadVerdict {
        let report = inspector.withLock { $0.report() }
        do throws(ImageRefusal) {
            let image = try report.admit(as: claim, by: rules)
            return UploadVerdict(virtualSize: image.virtualSize, format: image.format?.rawValue)
        } catch {
            throw UploadRefusal(error.description)
        }
    }
}
