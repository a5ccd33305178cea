import CloudSettings
import ImageInspection

/// The settings of images' formats.
enum ImageFormatSettingKeys {
    static let requiresMatch = SettingKey(
        "images.require_image_format_match", default: true,
        "Whether an image's content must be in the format that it is declared in. Unsafe content is refused either way.")
    static let vmdkTypes = SettingKey<[String]>(
        "images.vmdk_allowed_types", default: ["streamOptimized", "monolithicSparse"],
        "The create types that a VMDK may have; types that keep their data in other files are refused all the same.")
    static let toleratedPartitionChecks = SettingKey<[String]>(
        "images.gpt_safety_checks_nonfatal", default: [], "What may be wrong with a partition table: mbr."
    ) { names in names.allSatisfy { SafetyCheck(rawValue: $0) == .mbr } ? nil : "there is one check, mbr" }

    static let all: [any SettingDeclaration] = [
        requiresMatch,
        vmdkTypes,
        toleratedPartitionChecks,
    ]
}

extension ServiceOptions {
    /// How images' content is judged.
    var imageInspection: InspectionRules {
        var rules = InspectionRules()
        rules.requiresMatch = settings[ImageFormatSettingKeys.requiresMatch]
        rules.allowedVMDKTypes = settings[ImageFormatSettingKeys.vmdkTypes]
        rules.toleratedPartitionChecks = Set(
            settings[ImageFormatSettingKeys.toleratedPartitionChecks].compactMap(SafetyCheck.init(rawValue:)))
        return rules
    }
}
