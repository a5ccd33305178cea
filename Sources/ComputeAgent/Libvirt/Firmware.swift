import Foundation

/// UEFI for guests, as Debian's package ovmf brings it.
struct Firmware: Sendable, Hashable {
    /// The code, which all guests share.
    var code: String
    /// What a guest's variables begin as.
    var variables: String

    private static let folder = "/usr/share/OVMF/"
    private static let usual = [("OVMF_CODE_4M.fd", "OVMF_VARS_4M.fd"), ("OVMF_CODE.fd", "OVMF_VARS.fd")]
    private static let secure = [
        ("OVMF_CODE_4M.ms.fd", "OVMF_VARS_4M.ms.fd"), ("OVMF_CODE_4M.secboot.fd", "OVMF_VARS_4M.ms.fd"),
        ("OVMF_CODE.secboot.fd", "OVMF_VARS.ms.fd"),
    ]

    /// The firmware that is installed here; nil for none.
    static func find(checksSignatures: Bool) -> Firmware? {
        (checksSignatures ? secure : usual).map { Firmware(code: folder + $0.0, variables: folder + $0.1) }
            .first { FileSystem.exists($0.code) && FileSystem.exists($0.variables) }
    }
}
