/// A flavor of a network service: what users choose among the ways the operator offers it.
struct ServiceFlavor: Sendable, Hashable {
    let id: String
    var name: String
    var description: String
    /// The service it is a flavor of, such as `L3_ROUTER_NAT`.
    let serviceType: String
    var isEnabled: Bool

    /// The services that can have flavors, by upstream's constants.
    static let serviceTypes: Set = [
        "CORE", "L3_ROUTER_NAT", "FLAVORS", "METERING", "QOS", "FIREWALL_V2", "PORTFORWARDING", "FLOATINGIPPOOL",
        "CONNTRACKHELPER", "LOCAL_IP", "LOGGING", "NETWORK_SEGMENT_RANGE", "segments", "trunk", "timestamp", "revision_plugin",
        "tag", "network_ip_availability", "auto-allocated-topology",
    ]
}

/// How a flavor is carried out: a driver, or settings for one.
struct ServiceProfile: Sendable, Hashable {
    let id: String
    var description: String
    /// The driver of a service provider; empty when the settings say it.
    var driver: String
    /// Settings for the driver, in its own form.
    var metainfo: String
    var isEnabled: Bool
}

/// What carries out a network service.
struct ServiceProvider: Sendable, Hashable {
    let serviceType: String
    let name: String
    /// The name by which service profiles choose it, as upstream has it: profiles written for it keep working.
    let driver: String
    let isDefault: Bool

    static let all = [
        ServiceProvider(
            serviceType: "L3_ROUTER_NAT", name: "ovn", driver: "neutron.services.ovn_l3.service_providers.ovn.OvnDriver",
            isDefault: true),
    ]
}

extension NetworkingError {
    static func flavorNotFound(_ id: String) -> Self { notFound("FlavorNotFound", "Flavor", id) }
    static func serviceProfileNotFound(_ id: String) -> Self { notFound("ServiceProfileNotFound", "Service Profile", id) }
    static func profileNotBound(_ profile: String, flavor: String) -> Self {
        Self(
            .notFound, "FlavorServiceProfileBindingNotFound",
            "Service profile \(profile) does not belong to flavor \(flavor).")
    }
    static func driverNotFound(_ driver: String) -> Self {
        notFound("ServiceProfileDriverNotFound", "Service Profile driver", driver)
    }
}
