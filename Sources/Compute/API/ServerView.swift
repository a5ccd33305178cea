import CloudAPI
import CloudCore
import CloudCrypto
import CloudStore
import ComputeMessages
import Synchronization

/// A server as a microversion and the caller's rights show it.
struct ServerView: JSONWritable {
    let server: Server
    let ports: [ServerPort]
    let context: ServerViewContext
    private let around: ServerSurroundings

    init(server: Server, ports: [ServerPort], context: ServerViewContext) {
        (self.server, self.ports, self.context) = (server, ports, context)
        around = context.surroundings[server.id] ?? ServerSurroundings()
    }

    private var at: Microversion { context.microversion }
    private func from(_ minor: Int) -> Bool { at >= Microversion(2, minor) }

    func write(to json: inout JSONWriter) {
        json.object { writeMembers(to: &$0) }
    }

    /// Writes the server's members into an object that has further ones.
    func writeMembers(to json: inout JSONWriter) {
        writeCore(to: &json)
        writeFlavorAndImage(to: &json)
        json.member("OS-DCF:diskConfig", server.details.diskConfig ?? "MANUAL")
        if context.showsAll { writeExtended(to: &json) }
        if !context.showsAll, context.isRebuild, from(54) { json.member("key_name", server.keyName) }
        writeLater(to: &json)
        if context.showsAll { writeAdministration(to: &json) }
    }

    private static let progressing: Set = ["ACTIVE", "BUILD", "REBUILD", "RESIZE", "VERIFY_RESIZE", "MIGRATING"]

    private func writeCore(to json: inout JSONWriter) {
        json.member("id", server.id)
        json.member("name", server.name)
        json.member("status", server.status)
        json.member("tenant_id", server.projectID)
        json.member("user_id", server.userID)
        json.member("metadata", server.metadata)
        json.member("hostId", server.host.map { HostIdentity.text(host: $0, projectID: server.projectID) } ?? "")
        json.member("created", server.createdAt.iso8601)
        json.member("updated", server.updatedAt.iso8601)
        json.member("addresses") { writeAddresses(to: &$0) }
        json.member("accessIPv4", server.details.accessIPv4 ?? "")
        json.member("accessIPv6", server.details.accessIPv6 ?? "")
        writeLinks("servers", server.id, context.address, to: &json)
        if Self.progressing.contains(server.status) { json.member("progress", server.progress) }
        if let fault = server.fault, server.state == .error || server.state == .deleted {
            json.member("fault") { writeFault(fault, to: &$0) }
        }
    }

    private func writeFault(_ fault: Server.Fault, to json: inout JSONWriter) {
        json.object {
            $0.member("code", fault.code)
            $0.member("created", fault.createdAt.iso8601)
            $0.member("message", fault.message)
            if let details = fault.details, context.isAdmin { $0.member("details", details) }
        }
    }

    private func writeAddresses(to json: inout JSONWriter) {
        var networks: [(name: String, ports: [ServerPort])] = []
        for port in ports {
            if let position = networks.firstIndex(where: { $0.name == port.networkName }) {
                networks[position].ports.append(port)
            } else {
                networks.append((port.networkName, [port]))
            }
        }
        json.object { json in
            for network in networks {
                json.member(network.name) { json in
                    json.array { json in for port in network.ports { writeAddresses(of: port, to: &json) } }
                }
            }
        }
    }

    private func writeAddresses(of port: ServerPort, to json: inout JSONWriter) {
        for address in port.addresses {
            write(address: address.address, version: address.version, kind: "fixed", mac: port.mac, to: &json)
            for floating in address.floatingIPs {
                write(address: floating, version: 4, kind: "floating", mac: port.mac, to: &json)
            }
        }
    }

    private func write(address: String, version: Int, kind: String, mac: String, to json: inout JSONWriter) {
        json.object {
            $0.member("version", version)
            $0.member("addr", address)
            guard context.showsAll else { return }
            $0.member("OS-EXT-IPS:type", kind)
            $0.member("OS-EXT-IPS-MAC:mac_addr", mac)
        }
    }

    private func writeFlavorAndImage(to json: inout JSONWriter) {
        writeImage(to: &json)
        json.member("flavor") { json in
            json.object {
                if from(47) { writeEmbeddedFlavor(to: &$0) } else { writeFlavorReference(to: &$0) }
            }
        }
    }

    /// A server made from a volume has an empty text for its image.
    private func writeImage(to json: inout JSONWriter) {
        guard let image = server.image else { return json.member("image", "") }
        json.member("image") { json in
            json.object {
                $0.member("id", image.id)
                $0.member("links") {
                    $0.array { writeLink("bookmark", "\(context.address.root)/images/\(image.id)", to: &$0) }
                }
                if from(98) { $0.member("properties", image.properties) }
            }
        }
    }

    private func writeFlavorReference(to json: inout JSONWriter) {
        json.member("id", server.flavor.id)
        json.member("links") {
            $0.array { writeLink("bookmark", "\(context.address.root)/flavors/\(server.flavor.id)", to: &$0) }
        }
    }

    private func writeEmbeddedFlavor(to json: inout JSONWriter) {
        json.member("vcpus", server.flavor.vcpus)
        json.member("ram", server.flavor.memoryMiB)
        json.member("disk", server.flavor.diskGiB)
        json.member("ephemeral", server.flavor.ephemeralGiB)
        json.member("swap", server.flavor.swapMiB)
        json.member("original_name", server.flavor.name)
        if context.showsExtraSpecs { json.member("extra_specs", server.flavor.extraSpecs) }
    }

    private func writeExtended(to json: inout JSONWriter) {
        json.member("key_name", server.keyName)
        json.member("config_drive", server.configDrive ? "True" : "")
        json.member("OS-EXT-AZ:availability_zone", server.host == nil ? server.availabilityZone ?? "" : around.zone ?? context.zone)
        json.member("OS-EXT-STS:task_state", server.task?.rawValue)
        json.member("OS-EXT-STS:vm_state", server.state.rawValue)
        json.member("OS-EXT-STS:power_state", server.power.rawValue)
        json.member("OS-SRV-USG:launched_at", server.launchedAt?.iso8601Naive)
        json.member("OS-SRV-USG:terminated_at", server.deletedAt?.iso8601Naive)
        json.member("os-extended-volumes:volumes_attached") { writeVolumes(to: &$0) }
        let groups = Set(ports.flatMap(\.securityGroups)).sorted()
        if !groups.isEmpty {
            json.member("security_groups") { json in
                json.array { for name in groups { writeNamed(name, to: &$0) } }
            }
        }
        if from(96) { json.member("pinned_availability_zone", server.availabilityZone) }
    }

    private func writeVolumes(to json: inout JSONWriter) {
        json.array { json in
            for disk in around.volumes {
                json.object {
                    $0.member("id", disk.volumeID)
                    if from(3) { $0.member("delete_on_termination", disk.deletesOnTermination) }
                }
            }
        }
    }

    /// What microversions have added, in every answer.
    private func writeLater(to json: inout JSONWriter) {
        if from(9) { json.member("locked", server.isLocked) }
        if from(73) { json.member("locked_reason", server.details.lock?.reason) }
        if from(19) { json.member("description", server.description) }
        if from(26) { json.member("tags", around.tags) }
        if from(63) { writeCertificates(to: &json) }
        if from(71), context.isSingle { json.member("server_groups", around.groups) }
        if from(100) { json.member("scheduler_hints", server.details.schedulerHints.flatMap { try? JSON(parsing: $0) } ?? .object([:])) }
    }

    private func writeCertificates(to json: inout JSONWriter) {
        guard let certificates = server.details.trustedCertificates else {
            return json.member("trusted_image_certificates", String?.none)
        }
        json.member("trusted_image_certificates", certificates)
    }

    private func writeNamed(_ name: String, to json: inout JSONWriter) {
        json.object { $0.member("name", name) }
    }

    private func writeAdministration(to json: inout JSONWriter) {
        if let status = context.hostStatuses?.text(of: server.host) { json.member("host_status", status) }
        if from(90), !context.showsHost { json.member("OS-EXT-SRV-ATTR:hostname", server.hostName) }
        guard context.showsHost else { return }
        json.member("OS-EXT-SRV-ATTR:host", server.host)
        json.member("OS-EXT-SRV-ATTR:hypervisor_hostname", around.hypervisorHostName ?? server.host)
        json.member("OS-EXT-SRV-ATTR:instance_name", server.domainName)
        guard from(3) else { return }
        json.member("OS-EXT-SRV-ATTR:reservation_id", server.reservationID)
        json.member("OS-EXT-SRV-ATTR:launch_index", server.launchIndex)
        json.member("OS-EXT-SRV-ATTR:hostname", server.hostName)
        json.member("OS-EXT-SRV-ATTR:kernel_id", "")
        json.member("OS-EXT-SRV-ATTR:ramdisk_id", "")
        json.member("OS-EXT-SRV-ATTR:root_device_name", server.details.rootDeviceName ?? "/dev/vda")
        // The answer to a rebuild has it under a name of its own.
        if !context.isRebuild { json.member("OS-EXT-SRV-ATTR:user_data", server.userData) }
    }
}

/// What a server's view shows that other tables hold, read once for all servers of an answer.
struct ServerSurroundings: Sendable {
    var tags: [String] = []
    /// The ids of its server groups.
    var groups: [String] = []
    /// Its host's availability zone; nil for the default.
    var zone: String?

    /// Its volumes that are there.
    var volumes: [BlockDeviceMapping] = []

    /// Its hypervisor's name; nil where it is the host's.
    var hypervisorHostName: String?

    /// Reads the surroundings of servers.
    /// - Parameters:
    ///   - tags: whether the servers' tags are read.
    ///   - groups: whether the servers' groups are read.
    static func read(
        _ servers: [Server], _ zones: AvailabilityZones, tags: Bool, groups: Bool, in reader: any Reader
    ) throws -> [String: ServerSurroundings] {
        var found: [String: ServerSurroundings] = [:]
        for server in servers {
            guard let host = server.host else { continue }
            var around = ServerSurroundings()
            around.zone = zones.zone(of: host)
            around.hypervisorHostName = zones.snapshot.host(named: host)?.hypervisorHostName
            found[server.id] = around
        }
        if groups {
            for (id, group) in try ServerGroupRecords.groups(of: servers.map(\.id), in: reader) {
                found[id, default: Self()].groups = [group]
            }
        }
        for (id, disks) in try BlockDeviceRecords.all(servers: servers.map(\.id), in: reader) {
            found[id, default: Self()].volumes = disks.filter { $0.state != .planned }
        }
        guard tags else { return found }
        for (id, tags) in try ServerTagRecords.tags(servers: servers.map(\.id), in: reader) { found[id, default: Self()].tags = tags }
        return found
    }
}

/// What a view of servers depends on beside the server.
struct ServerViewContext: Sendable {
    let microversion: Microversion
    let address: ServiceAddress
    let isAdmin: Bool
    /// Whether the caller may see hosts (os-extended-server-attributes).
    let showsHost: Bool
    /// Whether the caller may see the extra specs of servers' flavors.
    let showsExtraSpecs: Bool
    /// The availability zone of the hosts.
    let zone: String
    /// Whether one server is shown, which has its groups; upstream's lists leave them out.
    let isSingle: Bool
    /// The statuses of the servers' hosts; nil when the caller may know none.
    let hostStatuses: HostStatuses?
    /// What stands around the servers, by server.
    let surroundings: [String: ServerSurroundings]
    /// Whether everything is shown. What changes a server answers less before microversion 2.75.
    var showsAll = true
    /// Whether it answers a rebuild.
    var isRebuild = false
    /// The servers' ports, by server.
    let ports: [String: [ServerPort]]
}

/// What a caller may know of the statuses of servers' hosts.
struct HostStatuses: Sendable {
    /// The statuses by the hosts' names.
    var known: [String: HostStatus] = [:]
    /// Whether the caller may know of those alone whose status nobody knows.
    let isUnknownOnly: Bool

    /// What a server tells: empty without a host, nil where it tells nothing.
    func text(of host: String?) -> String? {
        let status = host.flatMap { known[$0] }
        guard !isUnknownOnly || status == .unknown else { return nil }
        return status?.rawValue ?? ""
    }
}

/// A host's identity as a project may see it: different for each project, always the same for one.
enum HostIdentity {
    /// Identities by host and project, as lists of servers ask for few of them many times.
    private static let known = Mutex<[String: [String: String]]>([:])
    /// How many projects' identities of a host are remembered, and of how many hosts.
    private static let limit = 1024

    static func text(host: String, projectID: String) -> String {
        if let text = known.withLock({ $0[host]?[projectID] }) { return text }
        let text = String(Digest.of(projectID + host, .sha256).hexadecimal.prefix(56))
        known.withLock { known in
            if known.count >= limit || known[host, default: [:]].count >= limit { known = [:] }
            known[host, default: [:]][projectID] = text
        }
        return text
    }
}

/// Writes a link.
func writeLink(_ relation: String, _ href: String, to json: inout JSONWriter) {
    json.object {
        $0.member("rel", relation)
        $0.member("href", href)
    }
}

/// Writes the `links` of a resource: the versioned address and the one that outlives versions.
func writeLinks(_ collection: String, _ id: String, _ request: ServiceAddress, to json: inout JSONWriter) {
    json.member("links") {
        $0.array {
            writeLink("self", "\(request.versioned)/\(collection)/\(id)", to: &$0)
            writeLink("bookmark", "\(request.root)/\(collection)/\(id)", to: &$0)
        }
    }
}

/// Where the client reaches compute.
struct ServiceAddress: Sendable {
    /// Without the version: `http://host:9000/compute`.
    let root: String
    /// With the version.
    let versioned: String

    init(root: String) { (self.root, versioned) = (root, root + "/v2.1") }
}
