internal import CLibvirt
import ComputeMessages
import Foundation

/// What libvirt says of guests that run, and what it says to them.
extension LibvirtHypervisor {
    /// libvirt's counters.
    public func diagnostics(_ id: String) async throws -> GuestDiagnostics {
        let uptime = Self.uptime(of: id, in: daemon?.directory)
        let hypervisor = hasKVM ? "kvm" : "qemu"
        return try await call { connection in
            let domain = try Self.existing(id, on: connection)
            let power = try domain.power
            guard power.isOn else { throw GuestFailure(.wrongState, "The guest is off.") }
            let description = try domain.description
            let info = try domain.info()
            return GuestDiagnostics(
                power: power, driver: "libvirt", hypervisor: hypervisor, hypervisorOS: "linux",
                uptime: uptime(description.nodes("name").first?.text ?? ""), hasConfigDrive: description.hasConfigDrive,
                processors: domain.processorTimes(count: Int(info.nrVirtCpu)).enumerated().map { .init(id: $0, time: $1) },
                interfaces: description.interfaces.map { domain.traffic(mac: $0.mac, device: $0.device) },
                disks: description.disks.filter { $0.node.attributes["device"] == "disk" }.map { domain.usage(of: $0.name) },
                memoryMaximumMiB: Int(info.maxMem / 1024), memoryUsedMiB: Int(info.memory / 1024))
        }
    }

    /// How long a guest's process has run, by the file with its number.
    private static func uptime(of id: String, in directory: String?) -> @Sendable (String) -> Int? {
        { name in
            guard let directory, let start = try? FileSystem.modificationDate(of: "\(directory)/run/qemu/\(name).pid") else { return nil }
            return max(0, Int(Date().timeIntervalSince(start)))
        }
    }

    /// Where QEMU listens.
    public func consoleAddress(_ id: String, _ kind: OpenGuestConsole.Kind) async throws -> GuestConsoleAddress {
        try await call { connection in
            let domain = try Self.existing(id, on: connection)
            guard try domain.power.isOn else { throw GuestFailure(.wrongState, "The guest is off.") }
            let description = try domain.description
            let address: GuestConsoleAddress? = switch kind {
            case .vnc, .spice: description.screen(kind.rawValue)
            case .serial: description.serialSocket.map { .unix(path: $0) }
            case .rdp, .mks: nil
            }
            guard let address else { throw GuestFailure(.unsupported, "The guest has no \(kind.rawValue) console.") }
            return address
        }
    }

    // MARK: The guest's agent

    /// Has the guest's agent set a password.
    public func setPassword(_ id: String, user: String?, password: String) async throws {
        try await callAgent(id) { domain in
            let name = try user ?? domain.administrator ?? "root"
            guard virDomainSetUserPassword(domain.pointer, name, password, 0) == 0 else { throw LibvirtError.last }
        }
    }

    /// Has the guest's agent freeze or thaw file systems.
    public func quiesce(_ id: String, freeze: Bool) async throws {
        try await callAgent(id) { domain in
            let count = freeze ? virDomainFSFreeze(domain.pointer, nil, 0, 0) : virDomainFSThaw(domain.pointer, nil, 0, 0)
            guard count >= 0 else { throw LibvirtError.last }
        }
    }

    private func callAgent(_ id: String, _ body: @escaping @Sendable (LibvirtDomain) throws -> Void) async throws {
        try await call { connection in
            let domain = try Self.existing(id, on: connection)
            guard try domain.description.hasAgentChannel else {
                throw GuestFailure(.unsupported, "The guest's image doesn't say that it runs QEMU's guest agent.")
            }
            try body(domain)
        }
    }

    // MARK: Live migration

    private static let immovable = GuestFailure(.unsupported, "Guests on libvirt can't migrate live yet: its hosts don't listen to each other.")

    /// No host listens for others' guests yet.
    public func prepareArrival(_ guest: GuestSpecification) async throws -> String { throw Self.immovable }

    /// No host listens for others' guests yet.
    public func migrate(_ guest: GuestSpecification, to plan: ArrivalPlan) async throws { throw Self.immovable }

    /// None is ever begun.
    public func migration(_ id: String) async -> MigrationStatus { MigrationStatus(state: .none) }

    /// None is ever begun.
    public func abortMigration(_ id: String) async throws { throw Self.immovable }

    /// None is ever begun.
    public func forceCompleteMigration(_ id: String) async throws { throw Self.immovable }

    /// None ever arrives.
    public func finishArrival(_ definition: GuestDefinition) async throws -> GuestStatus { throw Self.immovable }
}

extension LibvirtDomain {
    func info() throws -> virDomainInfo {
        var info = virDomainInfo()
        try attempt { virDomainGetInfo($0, &info) }
        return info
    }

    /// Each processor's time in nanoseconds; nil where it isn't known.
    func processorTimes(count: Int) -> [Int?] {
        var infos = [virVcpuInfo](repeating: virVcpuInfo(), count: count)
        let found = virDomainGetVcpus(pointer, &infos, Int32(count), nil, 0)
        return (0..<count).map { $0 < Int(found) ? Int(infos[$0].cpuTime) : nil }
    }

    /// What went through an interface.
    func traffic(mac: String, device: String) -> GuestDiagnostics.Interface {
        var stats = virDomainInterfaceStatsStruct()
        let isKnown = virDomainInterfaceStats(pointer, device, &stats, MemoryLayout<virDomainInterfaceStatsStruct>.size) == 0
        func known(_ value: Int64) -> Int? { isKnown && value >= 0 ? Int(value) : nil }
        let received = GuestDiagnostics.Interface.Traffic(
            octets: known(stats.rx_bytes), packets: known(stats.rx_packets), errors: known(stats.rx_errs), dropped: known(stats.rx_drop))
        let sent = GuestDiagnostics.Interface.Traffic(
            octets: known(stats.tx_bytes), packets: known(stats.tx_packets), errors: known(stats.tx_errs), dropped: known(stats.tx_drop))
        return GuestDiagnostics.Interface(mac: mac, device: device, received: received, sent: sent)
    }

    /// What was read from and written to a disk.
    func usage(of name: String) -> GuestDiagnostics.Disk {
        var stats = virDomainBlockStatsStruct()
        let isKnown = virDomainBlockStats(pointer, name, &stats, MemoryLayout<virDomainBlockStatsStruct>.size) == 0
        func known(_ value: Int64) -> Int? { isKnown && value >= 0 ? Int(value) : nil }
        return GuestDiagnostics.Disk(
            device: name, readBytes: known(stats.rd_bytes), readRequests: known(stats.rd_req), writeBytes: known(stats.wr_bytes),
            writeRequests: known(stats.wr_req), errors: known(stats.errs))
    }
}
