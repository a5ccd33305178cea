import CloudBus
import CloudCore
import CloudSettings
import ComputeAgent
import ComputeMessages
import HostCommands
import Images
import Logging
import NetworkAgent
import VolumeBackends

/// The roles that touch a machine: the network, compute and volume agents of this process, simulated or real. They
/// reach the controllers over the bus alone.
struct CloudHosts: Sendable {
    let network: [NetworkAgent]
    let compute: [ComputeAgent]
    let volumes: [VolumeAgent]
    /// The real data plane's daemons; nil where it is simulated.
    var ovn: OVNHost?

    /// Hosts that exist in memory; their guests survive restarts in a file of the data folder.
    static func simulated(
        bus: any Bus, directory: DataDirectory, settings: Settings, hostName: String, images: Images, faults: FaultBoard
    ) -> CloudHosts {
        let count = settings[CloudSettingKeys.simulatedHosts]
        // The network's controller needs a data plane even where there is no compute host.
        let names = count <= 1 ? [hostName] : (1...count).map { "\(hostName)-\($0)" }
        let latency = settings[CloudSettingKeys.simulatedLatency]
        faults.connect(hosts: names, backends: settings[VolumeBackendSettingKeys.backends].backends.map(\.name))
        func networkFaults(_ host: String) -> SimulatedFaults {
            var own = SimulatedFaults(latency: latency)
            own.source = faults.network(of: host)
            return own
        }
        let backends = VolumeHosts.simulated(directory: directory, settings: settings, hostName: hostName, faults: faults)
        let disks = SimulatedDisks(backends: backends)
        let plane = SimulatedDataPlane(faults: networkFaults(names.first ?? hostName))
        var (network, compute): ([NetworkAgent], [ComputeAgent]) = ([], [])
        for (position, name) in names.enumerated() {
            let drivers = NetworkDrivers(dataPlane: position == 0 ? plane : nil, interfaces: SimulatedInterfaces(faults: networkFaults(name)))
            network.append(NetworkAgent(
                host: name, bus: bus, drivers: drivers, bandwidths: DataPlaneSettingKeys.bandwidths(settings),
                logger: Logger(label: "network-agent")))
            guard count > 0 else { continue }
            compute.append(simulatedGuests(
                bus: bus, directory: directory, settings: settings, host: name, seed: position + 1, images: images, faults: faults,
                copyVolume: { try await copy($0, to: $1, disks) }))
        }
        let volumes = VolumeHosts.simulated(
            backends, bus: bus, directory: directory, settings: settings, hostName: hostName, images: images)
        return CloudHosts(network: network, compute: compute, volumes: [volumes])
    }

    private static func simulatedGuests(
        bus: any Bus, directory: DataDirectory, settings: Settings, host name: String, seed: Int, images: Images,
        faults: FaultBoard? = nil,
        copyVolume: @escaping @Sendable (GuestVolume.Connection, GuestVolume.Connection) async throws -> Void = { _, _ in
            throw GuestFailure(.unsupported, "A simulated guest copies no volume that is real.")
        }
    ) -> ComputeAgent {
        var options = SimulatedHypervisor.Options()
        options.seed = UInt64(seed)
        (options.processors, options.pci) = (HostResourceSettingKeys.sets(settings), HostResourceSettingKeys.pci(settings))
        let latency = settings[CloudSettingKeys.simulatedLatency]
        if latency > .zero {
            options.latencies = Dictionary(uniqueKeysWithValues: SimulatedHostOperation.allCases.map { ($0, latency...latency) })
        }
        options.directory = directory.file("compute/simulated/\(name)")
        options.copyVolume = copyVolume
        let hypervisor = SimulatedHypervisor(options: options)
        if let faults { hypervisor.faults.follow(faults.guests(of: name)) }
        return ComputeAgent(
            host: name, driver: hypervisor, disks: hypervisor, bus: bus, imageSink: LocalImageSink(images: images))
    }

    /// What a simulated host does when a guest goes over to another volume.
    private static func copy(_ source: GuestVolume.Connection, to target: GuestVolume.Connection, _ disks: SimulatedDisks) async throws {
        guard case .file(let source, _) = source, case .file(let target, _) = target else {
            throw GuestFailure(.unsupported, "A simulated guest copies simulated volumes alone.")
        }
        do {
            try await disks.copy(source, to: target)
        } catch let failure as VolumeFailure {
            throw GuestFailure(.volumeUnavailable, failure.message, cause: failure)
        }
    }

    /// This machine: OVN and Open vSwitch for packets, libvirt and QEMU for guests.
    static func real(
        bus: any Bus, directory: DataDirectory, settings: Settings, hostName: String, images: Images
    ) async throws -> CloudHosts {
        let compute = settings[DataPlaneSettingKeys.simulatedGuests]
            ? simulatedGuests(
                bus: bus, directory: directory, settings: settings, host: hostName, seed: 1, images: images)
            : realGuests(bus: bus, directory: directory, settings: settings, hostName: hostName, images: images)
        let ovn = try OVNHost(
            options: networkOptions(directory: directory, settings: settings, hostName: hostName), metadata: BusMetadataSource(bus: bus), logger: Logger(label: "altostack.ovn"))
        let network = NetworkAgent(
            host: hostName, bus: bus, drivers: ovn.drivers, bandwidths: DataPlaneSettingKeys.bandwidths(settings),
            logger: Logger(label: "altostack.network-agent"))
        let volumes = VolumeHosts.real(bus: bus, directory: directory, settings: settings, hostName: hostName, images: images)
        return CloudHosts(network: [network], compute: [compute], volumes: [volumes], ovn: ovn)
    }

    /// How this host joins the cloud's networks.
    static func networkOptions(directory: DataDirectory, settings: Settings, hostName: String) -> NetworkAgentOptions {
        let bridge = settings[CloudSettingKeys.externalBridge]
        var options = NetworkAgentOptions(
            stateDirectory: directory.network, hostName: hostName, physicalNetworks: [ServiceOptions.publicNetwork: bridge],
            bridgeAddresses: settings[CloudSettingKeys.externalAddress].map { [bridge: $0] } ?? [:])
        DataPlaneSettingKeys.apply(settings, to: &options)
        return options
    }

    private static func realGuests(
        bus: any Bus, directory: DataDirectory, settings: Settings, hostName: String, images: Images
    ) -> ComputeAgent {
        var options = LibvirtHypervisor.Options(directory: directory.file("compute/libvirt"))
        options.uri = settings[CloudSettingKeys.libvirtURI]
        options.acceleration = switch settings[CloudSettingKeys.acceleration] {
        case .automatic: .automatic
        case .kvm: .kvm
        case .emulation: .emulation
        }
        options.hasSPICE = settings[ConsoleSettingKeys.spice]
        (options.processors, options.pci) = (HostResourceSettingKeys.sets(settings), HostResourceSettingKeys.pci(settings))
        var disks = FileDisks.Options()
        disks.ephemeralFormat = settings[HostResourceSettingKeys.ephemeralFormat]
        return ComputeAgent(
            host: hostName, driver: LibvirtHypervisor(options: options),
            disks: FileDisks(directory: directory.compute, images: LocalImageSource(images: images), options: disks), bus: bus,
            imageSink: LocalImageSink(images: images))
    }

    /// Starts the agents, the networks' first: guests need their interfaces.
    func start() async throws {
        try await ovn?.start()
        for agent in network { try await agent.start() }
        for agent in volumes { try await agent.start() }
        for agent in compute { try await agent.start() }
    }

    /// Runs the agents until the task is cancelled.
    func run() async throws {
        try await withThrowingTaskGroup { group in
            for agent in volumes { group.addTask { try await agent.run() } }
            for agent in compute { group.addTask { try await agent.run() } }
            // Without a host there is nothing to run, and the roles last as long as the program all the same.
            if compute.isEmpty { group.addTask { while !Task.isCancelled { try? await Task.sleep(for: .seconds(3_600)) } } }
            try await group.waitForAll()
        }
        for agent in network { await agent.stop() }
        await ovn?.stop()
    }
}
