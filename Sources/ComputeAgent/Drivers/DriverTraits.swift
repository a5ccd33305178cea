/// The standard traits (os-traits) that a driver's abilities and a processor's features stand for.
enum DriverTraits {
    /// What both drivers can do.
    private static let common = [
        "COMPUTE_DEVICE_TAGGING", "COMPUTE_IMAGE_TYPE_ISO", "COMPUTE_IMAGE_TYPE_QCOW2", "COMPUTE_IMAGE_TYPE_RAW",
        "COMPUTE_NET_ATTACH_INTERFACE", "COMPUTE_NET_ATTACH_INTERFACE_WITH_TAG", "COMPUTE_NODE", "COMPUTE_RESCUE_BFV",
        "COMPUTE_SAME_HOST_COLD_MIGRATE", "COMPUTE_VOLUME_ATTACH_WITH_TAG", "COMPUTE_VOLUME_EXTEND",
        "COMPUTE_VOLUME_MULTI_ATTACH",
    ]

    /// A simulated host's.
    static let simulated = (common + ["HW_ARCH_X86_64"]).sorted()

    /// A host's with libvirt.
    /// - Parameters:
    ///   - flags: the processor's features as /proc/cpuinfo has them.
    ///   - hasSecureBoot: whether firmware that checks signatures is there.
    ///   - hasTPM: whether software that stands in for a TPM is there.
    static func libvirt(flags: Set<String>, hasSecureBoot: Bool, hasTPM: Bool) -> [String] {
        var traits = common + models + ["HW_ARCH_X86_64"] + features.filter { flags.contains($0.key) }.values
        if hasSecureBoot { traits.append("COMPUTE_SECURITY_UEFI_SECURE_BOOT") }
        if hasTPM { traits += ["COMPUTE_SECURITY_TPM_1_2", "COMPUTE_SECURITY_TPM_2_0", "COMPUTE_SECURITY_TPM_TIS", "COMPUTE_SECURITY_TPM_CRB"] }
        return Set(traits).sorted()
    }

    /// The devices that guests can have, as `MachineProperties` admits them.
    private static let models =
        ["BOCHS", "CIRRUS", "NONE", "QXL", "VGA", "VIRTIO"].map { "COMPUTE_GRAPHICS_MODEL_" + $0 }
        + ["E1000", "E1000E", "NE2K_PCI", "PCNET", "RTL8139", "VIRTIO", "VMXNET3"].map { "COMPUTE_NET_VIF_MODEL_" + $0 }
        + ["IDE", "SATA", "SCSI", "USB", "VIRTIO"].map { "COMPUTE_STORAGE_BUS_" + $0 }

    private static let features = [
        "aes": "HW_CPU_X86_AESNI", "avx": "HW_CPU_X86_AVX", "avx2": "HW_CPU_X86_AVX2", "avx512f": "HW_CPU_X86_AVX512F",
        "avx512dq": "HW_CPU_X86_AVX512DQ", "avx512cd": "HW_CPU_X86_AVX512CD", "avx512bw": "HW_CPU_X86_AVX512BW",
        "avx512vl": "HW_CPU_X86_AVX512VL", "bmi1": "HW_CPU_X86_BMI", "bmi2": "HW_CPU_X86_BMI2", "f16c": "HW_CPU_X86_F16C",
        "fma": "HW_CPU_X86_FMA3", "mmx": "HW_CPU_X86_MMX", "pclmulqdq": "HW_CPU_X86_CLMUL", "sha_ni": "HW_CPU_X86_SHA",
        "sse": "HW_CPU_X86_SSE", "sse2": "HW_CPU_X86_SSE2", "sse4_1": "HW_CPU_X86_SSE41", "sse4_2": "HW_CPU_X86_SSE42",
        "sse4a": "HW_CPU_X86_SSE4A", "ssse3": "HW_CPU_X86_SSSE3", "svm": "HW_CPU_X86_SVM", "vmx": "HW_CPU_X86_VMX",
        "pdpe1gb": "HW_CPU_X86_PDPE1GB",
    ]
}
