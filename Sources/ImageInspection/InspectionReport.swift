/// What an image's content was found to be.
public struct InspectionReport: Sendable, Hashable {
    /// How many bytes there are.
    public let size: Int
    /// The formats whose signs the content bears; empty when it bears none, which makes it `raw`.
    public let matches: [FormatMatch]

    init(size: Int, matches: [FormatMatch]) { (self.size, self.matches) = (size, matches) }

    /// The one format that the content is in.
    /// - Throws: `ImageRefusal.ambiguous` when it bears the signs of several, which is how one image is hidden in
    ///   another. An ISO with a partition table in front is an ISO: that is what lets a machine boot it from a disk.
    public func format() throws(ImageRefusal) -> FormatMatch {
        guard let first = matches.first else { return FormatMatch(.raw, virtualSize: size) }
        if matches.count == 1 { return first }
        if Set(matches.map(\.format)) == [.iso, .gpt], let iso = matches.first(where: { $0.format == .iso }) { return iso }
        throw .ambiguous(matches.map(\.format))
    }

    /// Decides whether the content may become an image.
    /// - Returns: what is known of the image from now on.
    public func admit(as claim: ImageClaim, by rules: InspectionRules = InspectionRules()) throws(ImageRefusal) -> InspectedImage {
        guard claim.isBare, rules.requiresMatch || !isAmbiguous else { return try admitUnrecognised() }
        let found = try format()
        let isExpected = isExpected(found.format, of: claim.diskFormat)
        guard isExpected || !rules.requiresMatch else {
            throw .mismatch(declared: claim.diskFormat, found: found.format)
        }
        let failures = failures(of: found, claim, rules)
        guard failures.isEmpty else { throw .unsafe(found.format, failures) }
        return InspectedImage(format: found.format, virtualSize: virtualSize(found, claim.diskFormat, isExpected))
    }

    private var isAmbiguous: Bool {
        do throws(ImageRefusal) {
            _ = try format()
            return false
        } catch {
            return true
        }
    }

    /// Content inside another format's container can't be told, but what is recognised all the same has to be safe. A
    /// kernel bears a boot sector's signature, so partition tables say nothing here.
    private func admitUnrecognised() throws(ImageRefusal) -> InspectedImage {
        for match in matches where match.format != .gpt && !match.failures.isEmpty {
            throw .unsafe(match.format, match.failures)
        }
        return InspectedImage(format: nil, virtualSize: nil)
    }

    /// Whether content in a format may be declared so. Formats that nobody can recognise, such as `ami`, hold what is
    /// not recognised; a kernel or RAM disk may look partitioned.
    private func isExpected(_ found: ImageFormat, of declared: String) -> Bool {
        guard let format = ImageFormat(rawValue: declared) else {
            return found == .raw || found == .gpt && Self.bootFormats.contains(declared)
        }
        return format == .raw ? ImageFormat.plain.contains(found) : format == found
    }

    private static let bootFormats: Set<String> = ["aki", "ari"]

    private func failures(of found: FormatMatch, _ claim: ImageClaim, _ rules: InspectionRules) -> [SafetyFailure] {
        var failures = found.failures
        if found.format == .gpt {
            failures.removeAll { rules.toleratedPartitionChecks.contains($0.check) }
            if Self.bootFormats.contains(claim.diskFormat) { failures.removeAll { $0.check == .mbr } }
        }
        if found.format == .vmdk, failures.isEmpty, !rules.allows(vmdk: found.subformat) {
            failures.append(SafetyFailure(.descriptor, "its create type is not allowed"))
        }
        return failures
    }

    /// A disk declared raw is as large as its bytes, whatever is on it.
    private func virtualSize(_ found: FormatMatch, _ declared: String, _ isExpected: Bool) -> Int? {
        guard isExpected else { return nil }
        if declared == ImageFormat.raw.rawValue { return size }
        return ImageFormat(rawValue: declared) == nil ? nil : found.virtualSize
    }
}

/// What its owner says an image is.
public struct ImageClaim: Sendable, Hashable {
    /// Glance's `disk_format`.
    public let diskFormat: String
    /// Glance's `container_format`; only `bare` content is the disk itself.
    public let containerFormat: String

    /// A claim.
    public init(diskFormat: String, containerFormat: String) {
        (self.diskFormat, self.containerFormat) = (diskFormat, containerFormat)
    }

    var isBare: Bool { containerFormat == "bare" }
}

/// The operator's choices; the defaults are upstream's.
public struct InspectionRules: Sendable, Hashable {
    /// Whether content must be in the format that it is declared in (upstream's `require_image_format_match`).
    public var requiresMatch = true
    /// The create types that a VMDK may have (upstream's `vmdk_allowed_types`); case does not matter. Types that name
    /// other files are unsafe even when they are listed.
    public var allowedVMDKTypes = ["streamOptimized", "monolithicSparse"]
    /// What may be wrong with a partition table (upstream's `gpt_safety_checks_nonfatal`).
    public var toleratedPartitionChecks: Set<SafetyCheck> = []

    /// Upstream's defaults.
    public init() {}

    func allows(vmdk type: String?) -> Bool {
        guard let type else { return false }
        return allowedVMDKTypes.contains { $0.lowercased() == type }
    }
}

/// An image that was let in.
public struct InspectedImage: Sendable, Hashable {
    /// What it is; nil when the container hides it.
    public let format: ImageFormat?
    /// The size in bytes of the disk that a guest sees, where it is known.
    public let virtualSize: Int?
}

/// Why content may not become an image.
public enum ImageRefusal: Error, Sendable, Hashable {
    /// It bears the signs of several formats.
    case ambiguous([ImageFormat])
    /// It is in another format than it is declared in.
    case mismatch(declared: String, found: ImageFormat)
    /// It is unsafe to use, or cut off.
    case unsafe(ImageFormat, [SafetyFailure])
}

extension ImageRefusal: CustomStringConvertible {
    /// One sentence for the image's owner.
    public var description: String {
        switch self {
        case .ambiguous(let formats):
            "The image's content is in several formats at once: \(formats.map(\.rawValue).joined(separator: ", "))."
        case .mismatch(let declared, let found):
            "The image is declared as \(declared), but its content is \(found.rawValue)."
        case .unsafe(let format, let failures):
            "The image failed the safety checks of \(format.rawValue): \(failures.map(\.reason).joined(separator: "; "))."
        }
    }
}
