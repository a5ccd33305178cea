import CloudCore
import CloudSettings
import Compute
import ImageStores

/// The settings of what the operator tells guests. Those of services have upstream's names.
enum VendorDataSettingKey {
    static let vendorData = SettingKey(
        "compute.vendordata", default: "",
        "A JSON object that every guest finds in vendor_data.json, and under `static` in vendor_data2.json; empty for none.")
    static let targets = SettingKey<[String]>(
        "compute.vendordata_dynamic_targets", default: [],
        "The services that are asked by POST what to tell a guest, as NAME@URL: guests find the answer under the name in "
            + "vendor_data2.json; nothing for none.") { problem($0) }
    static let connectTimeout = SettingKey<Duration>(
        "compute.vendordata_dynamic_connect_timeout", default: .seconds(5), in: .seconds(1)...(.seconds(60)),
        "How many seconds the way to such a service may take.")
    static let readTimeout = SettingKey<Duration>(
        "compute.vendordata_dynamic_read_timeout", default: .seconds(5), in: .seconds(1)...(.seconds(60)),
        "How many seconds its answer may take then.")
    static let isFailureFatal = SettingKey(
        "compute.vendordata_dynamic_failure_fatal", default: false,
        "Whether no server is made while such a service does not answer; else its answer is empty.")
    static let authorities = SettingKey<String?>(
        "compute.vendordata_dynamic_ssl_certfile", default: nil,
        "A PEM file with the certificate authorities that such services are trusted by; nothing for the system's.")

    static let all: [any SettingDeclaration] = [vendorData, targets, connectTimeout, readTimeout, isFailureFatal, authorities]

    /// More are no way to tell guests something quickly.
    private static let limit = 16

    static func apply(_ settings: Settings, to options: inout ComputeOptions) {
        options.isVendorDataFailureFatal = settings[isFailureFatal]
        guard let json = try? JSON(parsing: settings[vendorData]), json.object != nil else { return }
        options.vendorData = json
    }

    /// The services; nil where there are none.
    static func services(_ settings: Settings) -> (any VendorDataServices)? {
        let targets = settings[targets].compactMap(VendorDataTarget.init)
        guard !targets.isEmpty else { return nil }
        // The operator named the addresses, so they may be this site's own.
        var filter = WebFilter()
        (filter.allowsPrivate, filter.allowedPorts) = (true, [])
        var limits = WebClient.Limits()
        (limits.connect, limits.idle, limits.redirects) = (settings[connectTimeout], settings[readTimeout], 0)
        limits.total = settings[connectTimeout] + settings[readTimeout]
        return VendorDataTargets(targets: targets, client: WebClient(filter: filter, limits: limits, authorities: settings[authorities]))
    }

    private static func problem(_ texts: [String]) -> String? {
        guard texts.count <= limit else { return "has more than \(limit) services" }
        var names: Set = ["static"]
        for text in texts {
            guard let target = VendorDataTarget(text), (try? WebTarget(target.url)) != nil else { return "\(text) is not NAME@URL" }
            guard names.insert(target.name).inserted else { return "the name \(target.name) is taken" }
        }
        return nil
    }
}
