import CloudCore
import CloudSettings
import Foundation
import HostCommands

/// What a guest needs, each made only if there is none of its name.
extension Demo {
    func image(_ file: String?) async throws -> String {
        if let known = try find("image", "/v2/images?name=\(Self.name)&status=active", "images") { return known }
        let format: String, bytes: [UInt8]
        if isSimulated, file == nil {
            (format, bytes) = ("raw", Array("A disk that nobody boots from.\n".utf8))
        } else {
            let path = try await imageFile(file)
            guard let data = FileManager.default.contents(atPath: path) else { throw ProgramError("cannot read \(path)") }
            // Every qcow2 begins with these four bytes.
            (format, bytes) = (data.starts(with: [0x51, 0x46, 0x49, 0xfb]) ? "qcow2" : "raw", Array(data))
        }
        let body: JSON = [
            "name": .string(Self.name), "disk_format": .string(format), "container_format": "bare", "visibility": "private",
        ]
        guard let id = try client.demand("POST", "image", "/v2/images", body)["id"]?.string else {
            throw ProgramError("the image has no id")
        }
        try client.upload("image", "/v2/images/\(id)/file", bytes)
        return id
    }

    /// The test image's file: the one that was named, one that was built before, or one that is built now.
    private func imageFile(_ file: String?) async throws -> String {
        let built = folder + "/test-guest.qcow2"
        let sources = Self.sources
        let known = [file, built, sources.map { $0 + "/.build/test-guest.qcow2" }].compactMap(\.self)
        if let file, !FileManager.default.fileExists(atPath: file) { throw ProgramError("there is no file \(file)") }
        if let found = known.first(where: { FileManager.default.fileExists(atPath: $0) }) { return found }
        guard let script = sources.map({ $0 + "/scripts/build-test-guest" }), FileManager.default.isExecutableFile(atPath: script) else {
            throw ProgramError("the test image's script is not here: name a disk image that takes cloud-init's metadata with --image")
        }
        say("  building the test image from Debian's packages, about a minute …")
        try makeFolder()
        // Programs are started with next to no environment; apt wants to know of proxies, the script where it may keep packages.
        let environment = ProcessInfo.processInfo.environment
        let names = ["HOME", "TMPDIR", "XDG_CACHE_HOME", "ALTOSTACK_CACHE", "http_proxy", "https_proxy", "no_proxy"]
        let handedOn = names.compactMap { name in environment[name].map { "\(name)=\($0)" } }
        try await CloudBackup.run("env", handedOn + [script, built])
        return built
    }

    /// The folder of the sources, or of what was installed of them: `…/.build/release/altostack` or `…/bin/altostack`.
    static var sources: String? {
        guard let program = Bundle.main.executablePath else { return nil }
        let folder = URL(filePath: program).resolvingSymlinksInPath().deletingLastPathComponent()
        var candidates = ["../share/altostack"].map { folder.appending(path: $0).standardizedFileURL.path }
        var parent = folder
        for _ in 0..<4 {
            parent = parent.deletingLastPathComponent()
            candidates.append(parent.path)
        }
        return candidates.first { FileManager.default.fileExists(atPath: $0 + "/scripts/build-test-guest") }
    }

    func flavor() throws -> String {
        let body: JSON = ["flavor": ["name": .string(Self.name), "id": .string(Self.name), "ram": 256, "vcpus": 1, "disk": 1]]
        if try client.call("GET", "compute", "/flavors/\(Self.name)").status != 200 {
            try client.demand("POST", "compute", "/flavors", body)
        }
        return Self.name
    }

    /// A network that floating IPs come from: one that is there, or one on the physical network `public`.
    func outsideNetwork() throws -> String {
        let known = try find("network", "/v2.0/networks?router:external=true", "networks")
        // Its own may have been begun by a demonstration that was interrupted.
        let own = try find("network", "/v2.0/networks?name=\(Self.outside)", "networks")
        if let known, known != own { return known }
        if let own, try find("network", "/v2.0/subnets?network_id=\(own)", "subnets") != nil { return own }
        guard let address = settings[CloudSettingKeys.externalAddress], let range = Self.range(of: address) else {
            throw ProgramError("there is no external network, and network.external_address names no range to make one of: make one first")
        }
        let network: JSON = ["network": [
            "name": .string(Self.outside), "router:external": true, "provider:network_type": "flat",
            "provider:physical_network": .string(ServiceOptions.publicNetwork),
        ]]
        let id = try own ?? make("network", network["network"] ?? .null)
        let gateway = String(address.prefix { $0 != "/" })
        try client.demand("POST", "network", "/v2.0/subnets", ["subnet": [
            "name": .string(Self.outside), "network_id": .string(id), "ip_version": 4, "cidr": .string(range),
            "gateway_ip": .string(gateway), "enable_dhcp": false,
        ]])
        return id
    }

    /// The range of an IPv4 address with its prefix length: `172.24.4.1/24` lies in `172.24.4.0/24`.
    static func range(of address: String) -> String? {
        let parts = address.split(separator: "/"), bytes = parts.first?.split(separator: ".").compactMap { UInt32($0) } ?? []
        guard parts.count == 2, bytes.count == 4, bytes.allSatisfy({ $0 < 256 }), let length = Int(parts[1]), (1...30).contains(length)
        else { return nil }
        let value = bytes.reduce(0) { $0 << 8 | $1 } & ~UInt32(0) << UInt32(32 - length)
        return [24, 16, 8, 0].map { String(value >> $0 & 255) }.joined(separator: ".") + "/\(length)"
    }

    private func make(_ kind: String, _ body: JSON) throws -> String {
        let path = "/v2.0/\(kind.replacing("_", with: "-"))s"
        guard let id = try client.demand("POST", "network", path, [kind: body])[kind]?["id"]?.string else {
            throw ProgramError("the \(kind) has no id")
        }
        return id
    }

    /// Each part is looked for by itself: a demonstration that was interrupted may have left the first ones alone.
    func insideNetwork(outside: String) throws -> String {
        let mine = "name=\(Self.name)&project_id=\(client.projectID)"
        let network = try find("network", "/v2.0/networks?\(mine)", "networks") ?? make("network", ["name": .string(Self.name)])
        let subnet = try find("network", "/v2.0/subnets?network_id=\(network)", "subnets") ?? make("subnet", [
            "name": .string(Self.name), "network_id": .string(network), "ip_version": 4, "cidr": "10.177.0.0/24",
        ])
        let router = try find("network", "/v2.0/routers?\(mine)", "routers") ?? make("router", [
            "name": .string(Self.name), "external_gateway_info": ["network_id": .string(outside)],
        ])
        if try find("network", "/v2.0/ports?device_id=\(router)&network_id=\(network)", "ports") == nil {
            try client.demand("PUT", "network", "/v2.0/routers/\(router)/add_router_interface", ["subnet_id": .string(subnet)])
        }
        return network
    }

    func securityGroup() throws -> String {
        let path = "/v2.0/security-groups?name=\(Self.name)&project_id=\(client.projectID)"
        let id = try find("network", path, "security_groups") ?? make("security_group", ["name": .string(Self.name)])
        let rules: [(String, JSONObject)] = [("tcp", ["port_range_min": 22, "port_range_max": 22]), ("icmp", [:])]
        for (kind, ports) in rules {
            let known = "/v2.0/security-group-rules?security_group_id=\(id)&direction=ingress&protocol=\(kind)"
            guard try find("network", known, "security_group_rules") == nil else { continue }
            var rule = ports
            (rule["protocol"], rule["direction"], rule["security_group_id"]) = (.string(kind), "ingress", .string(id))
            _ = try make("security_group_rule", .object(rule))
        }
        return id
    }

    private func makeFolder() throws {
        try FileManager.default.createDirectory(
            atPath: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
    }

    func keyPair() async throws {
        try makeFolder()
        if !FileManager.default.fileExists(atPath: key) {
            try await CloudBackup.run("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-C", Self.name, "-f", key])
        }
        let text = try String(contentsOfFile: key + ".pub", encoding: .utf8).trimmingCharacters(in: .newlines)
        let known = try client.call("GET", "compute", "/os-keypairs/\(Self.name)")
        if known.status == 200, known.json["keypair"]?["public_key"]?.string == text { return }
        if known.status == 200 { try client.demand("DELETE", "compute", "/os-keypairs/\(Self.name)") }
        try client.demand("POST", "compute", "/os-keypairs", ["keypair": ["name": .string(Self.name), "public_key": .string(text)]])
    }

    func floatingIP(_ server: String, outside: String) throws -> String {
        guard let port = try find("network", "/v2.0/ports?device_id=\(server)", "ports") else {
            throw ProgramError("the server has no port")
        }
        let known = try client.demand("GET", "network", "/v2.0/floatingips?port_id=\(port)")["floatingips"]?[0]
        if let address = known?["floating_ip_address"]?.string { return address }
        let body: JSON = ["floatingip": [
            "floating_network_id": .string(outside), "port_id": .string(port), "description": .string(Self.name),
        ]]
        let made = try client.demand("POST", "network", "/v2.0/floatingips", body)["floatingip"]
        guard let address = made?["floating_ip_address"]?.string else { throw ProgramError("the floating IP has no address") }
        return address
    }

    // MARK: The end

    /// Takes away all that `run` made, and nothing else.
    public func remove() async throws {
        for server in try all("compute", "/servers?name=%5E\(Self.name)%24", "servers") {
            try await timed("server \(server)") {
                for port in try all("network", "/v2.0/ports?device_id=\(server)", "ports") {
                    for address in try all("network", "/v2.0/floatingips?port_id=\(port)", "floatingips") {
                        try client.demand("DELETE", "network", "/v2.0/floatingips/\(address)")
                    }
                }
                try client.demand("DELETE", "compute", "/servers/\(server)")
                try await gone(server)
            }
        }
        try await timed("networks") { try removeNetworks() }
        for group in try all("network", "/v2.0/security-groups?name=\(Self.name)&project_id=\(client.projectID)", "security_groups") {
            try client.demand("DELETE", "network", "/v2.0/security-groups/\(group)")
        }
        for (path, what) in [("/os-keypairs/\(Self.name)", "key"), ("/flavors/\(Self.name)", "flavor")]
        where try client.call("GET", "compute", path).status == 200 {
            try client.demand("DELETE", "compute", path)
            say("✓ \(what)")
        }
        for image in try all("image", "/v2/images?name=\(Self.name)", "images") {
            try client.demand("DELETE", "image", "/v2/images/\(image)")
        }
        if FileManager.default.fileExists(atPath: folder) { try FileManager.default.removeItem(atPath: folder) }
        say("Nothing of the demonstration is left.")
    }

    private func removeNetworks() throws {
        let mine = "name=\(Self.name)&project_id=\(client.projectID)"
        for address in try all("network", "/v2.0/floatingips?description=\(Self.name)", "floatingips") {
            try client.demand("DELETE", "network", "/v2.0/floatingips/\(address)")
        }
        let subnets = try all("network", "/v2.0/subnets?\(mine)", "subnets")
        for router in try all("network", "/v2.0/routers?\(mine)", "routers") {
            for subnet in subnets {
                let body: JSON = ["subnet_id": .string(subnet)]
                let answer = try client.call("PUT", "network", "/v2.0/routers/\(router)/remove_router_interface", body)
                guard [200, 404].contains(answer.status) else {
                    throw ProgramError("the router keeps its interface: \(CloudClient.reason(answer))")
                }
            }
            try client.demand("DELETE", "network", "/v2.0/routers/\(router)")
        }
        let networks = try all("network", "/v2.0/networks?\(mine)", "networks")
            + all("network", "/v2.0/networks?name=\(Self.outside)", "networks")
        for network in networks { try client.demand("DELETE", "network", "/v2.0/networks/\(network)") }
    }

    func gone(_ server: String) async throws {
        let limit = ContinuousClock.now + .seconds(300)
        while ContinuousClock.now < limit {
            if try client.call("GET", "compute", "/servers/\(server)").status == 404 { return }
            try await Task.sleep(for: .milliseconds(50))
        }
        throw ProgramError("the server \(server) is not gone after 5 minutes; see `altostack workflows list`")
    }

    private func all(_ service: String, _ path: String, _ member: String) throws -> [String] {
        (try client.demand("GET", service, path)[member]?.array ?? []).compactMap { $0["id"]?.string }
    }
}
