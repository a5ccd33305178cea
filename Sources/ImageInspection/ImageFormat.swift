/// The disk formats that content can be told to be in, by Glance's names of them.
public enum ImageFormat: String, Sendable, CaseIterable {
    /// No known structure: a disk's bytes, or anything else.
    case raw
    /// QEMU copy on write, any version.
    case qcow2
    /// QEMU enhanced disk; recognised in order to be refused.
    case qed
    /// Connectix and Microsoft virtual hard disk with its footer's copy in front (dynamic); QEMU's `vpc`.
    case vhd
    /// Hyper-V virtual hard disk.
    case vhdx
    /// VMware disk: a sparse extent, or a descriptor's text alone.
    case vmdk
    /// VirtualBox disk image.
    case vdi
    /// ISO 9660 or UDF.
    case iso
    /// A partitioned disk: GPT, or the older MBR alone.
    case gpt
    /// Linux unified key setup, any version.
    case luks

    /// Formats that are plain sectors: what is in them may be declared `raw`, because no software takes anything but
    /// the disk's own bytes from them.
    static let plain: Set<ImageFormat> = [.raw, .iso, .gpt, .luks]
}

/// What is looked at before a recognised image is let in; the names are those of upstream's checks where it has them.
public enum SafetyCheck: String, Sendable, CaseIterable {
    /// The format is never let in.
    case banned
    /// The image is read together with another file.
    case backingFile = "backing_file"
    /// The disk's data are in another file.
    case dataFile = "data_file"
    /// The header asks for what a reader must know and this one does not.
    case unknownFeatures = "unknown_features"
    /// A VMDK descriptor's text.
    case descriptor
    /// A VMDK's footer, which takes precedence over its header.
    case footer
    /// The partition table in the first sector.
    case mbr
    /// The format's version.
    case version
    /// The header is cut off or contradicts itself.
    case structure
}

/// Why an image is not let in.
public struct SafetyFailure: Sendable, Hashable {
    /// What was looked at.
    public let check: SafetyCheck
    /// What was found, for people.
    public let reason: String

    init(_ check: SafetyCheck, _ reason: String) { (self.check, self.reason) = (check, reason) }
}

/// A format that content is in.
public struct FormatMatch: Sendable, Hashable {
    /// The format.
    public let format: ImageFormat
    /// The size in bytes of the disk that a guest sees; nil when the header does not tell.
    public let virtualSize: Int?
    /// What speaks against letting the image in; empty when nothing does.
    public let failures: [SafetyFailure]
    /// A VMDK's create type in small letters; nil for other formats.
    public let subformat: String?

    init(_ format: ImageFormat, virtualSize: Int?, failures: [SafetyFailure] = [], subformat: String? = nil) {
        (self.format, self.virtualSize, self.failures, self.subformat) = (format, virtualSize, failures, subformat)
    }

    /// A header that is cut off or hostile.
    static func malformed(_ format: ImageFormat, _ reason: String) -> FormatMatch {
        FormatMatch(format, virtualSize: nil, failures: [SafetyFailure(.structure, reason)])
    }
}
