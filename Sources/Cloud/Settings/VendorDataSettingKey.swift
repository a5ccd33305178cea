import CloudCore
import CloudSettings
import Compute

/// The setting of what the operator tells every guest.
enum VendorDataSettingKey {
    static let vendorData = SettingKey(
        "compute.vendordata", default: "",
        "A JSON object that every guest finds in vendor_data.json, and under `static` in vendor_data2.json; empty for none.")

    static let all: [any SettingDeclaration] = [vendorData]

    static func apply(_ settings: Settings, to options: inout ComputeOptions) {
        guard let json = try? JSON(parsing: settings[vendorData]), json.object != nil else { return }
        options.vendorData = json
    }
}
