import CloudSettings
import CloudWorkflow
import Foundation
import Identity
import ImageStores
import Images

/// The settings of image imports.
enum ImageImportSettingKeys {
    static let methods = SettingKey<[String]>(
        "images.enabled_import_methods", default: ImportMethod.allCases.map(\.rawValue),
        "How clients may import images: glance-direct, web-download, copy-image, glance-download."
    ) { methods in
        methods.allSatisfy { ImportMethod(rawValue: $0) != nil } ? nil : "must be a list of import methods"
    }
    static let allowPrivate = SettingKey(
        "images.web_download.allow_private", default: false,
        "Whether images may be fetched from loopback, link-local, private and unique-local addresses.")
    static let allowedSchemes = SettingKey<[String]>(
        "images.web_download.allowed_schemes", default: ["http", "https"],
        "The URL schemes that images may be fetched by; with an empty list, all that are not disallowed.")
    static let disallowedSchemes = SettingKey<[String]>(
        "images.web_download.disallowed_schemes", default: [], "The URL schemes that images may not be fetched by.")
    static let allowedHosts = SettingKey<[String]>(
        "images.web_download.allowed_hosts", default: [],
        "The hosts that images may be fetched from; with an empty list, all that are not disallowed.")
    static let disallowedHosts = SettingKey<[String]>(
        "images.web_download.disallowed_hosts", default: [], "The hosts that images may not be fetched from.")
    static let allowedPorts = SettingKey<[String]?>(
        "images.web_download.allowed_ports", default: nil,
        "The ports that images may be fetched from; with an empty list, all that are not disallowed. When nothing is set, "
            + "80 and 443, or every port where allow_private is set."
    ) { $0.flatMap(ports) }
    static let disallowedPorts = SettingKey<[String]>(
        "images.web_download.disallowed_ports", default: [], "The ports that images may not be fetched from.", validate: ports)
    static let sizeLimit = SettingKey(
        "images.web_download.size_limit", default: 1 << 40, in: 1...(1 << 53), "The largest image that is fetched, in bytes.")
    static let timeLimit = SettingKey<Duration>(
        "images.web_download.time_limit", default: .seconds(3600), in: .seconds(1)...(.seconds(604_800)),
        "How long fetching an image may take, in seconds.")
    static let certificateAuthorities = SettingKey<String?>(
        "images.web_download.ca_file", default: nil,
        "A PEM file with the certificate authorities to trust when images are fetched; the system's when nothing is set.")
    static let plugins = SettingKey<[String]>(
        "images.image_import_plugins", default: [],
        "What is done with imported images, in this order: image_decompression, image_conversion, inject_image_metadata, no_op."
    ) { plugins in
        plugins.allSatisfy { ImportPlugin(rawValue: $0) != nil } ? nil : "must be a list of import plugins"
    }
    static let conversionFormat = SettingKey<ConversionFormat>(
        "images.image_conversion.output_format", default: .raw,
        "The format that image_conversion brings disks into: raw, qcow2 or vmdk. Discs (iso) stay as they are.")
    static let conversionTimeLimit = SettingKey<Duration>(
        "images.image_conversion.time_limit", default: .seconds(3600), in: .seconds(1)...(.seconds(86_400)),
        "How long one conversion may take, in seconds.")
    static let injected = SettingKey<[String: String]>(
        "images.inject_metadata_properties.inject", default: [:], "The properties that inject_image_metadata sets, name=value.")
    static let ignoredRoles = SettingKey<[String]>(
        "images.inject_metadata_properties.ignore_user_roles", default: ["admin"],
        "The roles whose imports inject_image_metadata leaves alone.")
    static let copiedProperties = SettingKey<[String]>(
        "images.glance_download_properties.extra_properties",
        default: ["hw_", "trait:", "os_distro", "os_secure_boot", "os_type"],
        "The beginnings of the names of properties that glance-download takes over.")
    static let taskLifetime = SettingKey(
        "images.task_time_to_live", default: 48, in: 1...87_600, "How many hours a task is remembered after its end.")
    static let stagingPath = SettingKey<String?>(
        "images.staging_path", default: nil, "The folder where imported images wait; one in the data folder when nothing is set.")

    static let all: [any SettingDeclaration] = [
        methods,
        allowPrivate,
        allowedSchemes,
        disallowedSchemes,
        allowedHosts,
        disallowedHosts,
        allowedPorts,
        disallowedPorts,
        sizeLimit,
        timeLimit,
        certificateAuthorities,
        plugins,
        conversionFormat,
        conversionTimeLimit,
        injected,
        ignoredRoles,
        copiedProperties,
        taskLifetime,
        stagingPath,
    ]

    private static func ports(_ ports: [String]) -> String? {
        ports.allSatisfy { Int($0).map((1...65535).contains) ?? false } ? nil : "must be a list of ports"
    }
}

extension ConversionFormat: SettingValue {}

extension ServiceOptions {
    /// How images are imported.
    var imageImports: ImageImportOptions {
        typealias Keys = ImageImportSettingKeys
        var options = ImageImportOptions()
        (options.methods, options.filter, options.hostName) = (settings[Keys.methods], webFilter, hostName)
        (options.limits.size, options.limits.total) = (settings[Keys.sizeLimit], settings[Keys.timeLimit])
        options.authorities = settings[Keys.certificateAuthorities]
        options.plugins = settings[Keys.plugins]
        options.conversionFormat = settings[Keys.conversionFormat]
        options.conversionDeadline = settings[Keys.conversionTimeLimit]
        (options.injected, options.ignoredRoles) = (settings[Keys.injected], settings[Keys.ignoredRoles])
        options.copiedProperties = settings[Keys.copiedProperties]
        options.taskLifetime = .seconds(3600 * settings[Keys.taskLifetime])
        return options
    }

    /// Which URLs the cloud fetches for its users.
    var webFilter: WebFilter {
        typealias Keys = ImageImportSettingKeys
        var filter = WebFilter()
        filter.allowsPrivate = settings[Keys.allowPrivate]
        (filter.allowedSchemes, filter.disallowedSchemes) = (settings[Keys.allowedSchemes], settings[Keys.disallowedSchemes])
        (filter.allowedHosts, filter.disallowedHosts) = (settings[Keys.allowedHosts], settings[Keys.disallowedHosts])
        let ports = settings[Keys.allowedPorts]?.compactMap { Int($0) }
        filter.allowedPorts = ports ?? (filter.allowsPrivate ? [] : filter.allowedPorts)
        filter.disallowedPorts = settings[Keys.disallowedPorts].compactMap { Int($0) }
        return filter
    }

    /// What imports work with.
    func imageImportMeans(identity: Identity, workflows: any WorkflowEngine, bells: ReconcilerBells) throws -> ImportMeans {
        let path = settings[ImageImportSettingKeys.stagingPath] ?? "\(directory.images)/staging"
        return ImportMeans(
            staging: try StagingArea(folder: URL(filePath: path)), workflows: workflows,
            endpoint: { region, interface, token in
                try await identity.endpointURL(type: "image", region: region, interface: interface, for: token)
            },
            collectStaged: { bells.ring("images.staging") })
    }
}
