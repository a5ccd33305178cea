import CloudSettings
import Compute

/// The settings of what moves servers.
enum MoveSettingKeys {
    static let allowResizeToSameHost = SettingKey(
        "compute.allow_resize_to_same_host", default: false,
        "Whether a server may be resized on the host where it is. Where there is one host it always may.")
    static let resizeConfirmWindow = SettingKey(
        "compute.resize_confirm_window", default: 0, in: 0...31_536_000,
        "Seconds after which a resize that nobody confirmed or reverted is confirmed; 0 for never.")
    static let shelvedOffloadTime = SettingKey(
        "compute.shelved_offload_time", default: 0, in: -1...31_536_000,
        "Seconds for which a shelved server stays on its host; 0 to leave at once, -1 to stay.")

    static let all: [any SettingDeclaration] = [
        allowResizeToSameHost,
        resizeConfirmWindow,
        shelvedOffloadTime,
    ]

    static func apply(_ settings: Settings, to options: inout ComputeOptions) {
        options.allowsResizeToSameHost = settings[allowResizeToSameHost]
        options.resizeConfirmWindow = .seconds(settings[resizeConfirmWindow])
        options.shelvedOffloadSeconds = settings[shelvedOffloadTime]
    }
}
