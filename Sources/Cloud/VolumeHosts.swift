import CloudBus
import CloudSettings
import HostCommands
import Images
import VolumeBackends

extension LocalImageSource: VolumeImageSource {}
extension LocalImageSink: VolumeImageSink {}

/// This host's hand on volumes.
enum VolumeHosts {
    /// Back ends in memory, under the names that the settings give.
    static func simulated(directory: DataDirectory, settings: Settings, hostName: String, faults: FaultBoard) -> [SimulatedBackend] {
        let latency = settings[CloudSettingKeys.simulatedLatency]
        return settings[VolumeBackendSettingKeys.backends].backends.map { setting in
            let backend = simulated(setting, directory: directory, latency: latency)
            backend.faults.follow(faults.volumes(of: setting.name, on: hostName))
            return backend
        }
    }

    /// An agent with simulated back ends.
    static func simulated(
        _ backends: [SimulatedBackend], bus: any Bus, directory: DataDirectory, settings: Settings, hostName: String, images: Images
    ) -> VolumeAgent {
        agent(backends, bus: bus, directory: directory, settings: settings, hostName: hostName, images: images)
    }

    /// An agent with the settings' back ends.
    static func real(
        bus: any Bus, directory: DataDirectory, settings: Settings, hostName: String, images: Images
    ) -> VolumeAgent {
        let latency = settings[CloudSettingKeys.simulatedLatency]
        let backends = settings[VolumeBackendSettingKeys.backends].backends.map { backend -> any VolumeBackend in
            backend.driver == .simulated
                ? simulated(backend, directory: directory, latency: latency) : real(backend, directory: directory)
        }
        return agent(backends, bus: bus, directory: directory, settings: settings, hostName: hostName, images: images)
    }

    private static func simulated(
        _ backend: VolumeBackendSetting, directory: DataDirectory, latency: Duration
    ) -> SimulatedBackend {
        // A real back end's options say nothing to a simulated one.
        var options = VolumeBackendOptions(backend).simulated(directory: directory.file("volumes/simulated/\(backend.name)"))
        if latency > .zero {
            options.latencies = Dictionary(uniqueKeysWithValues: SimulatedStorageOperation.allCases.map { ($0, latency) })
        }
        return SimulatedBackend(name: backend.name, options: options)
    }

    private static func real(_ backend: VolumeBackendSetting, directory: DataDirectory) -> any VolumeBackend {
        let options = VolumeBackendOptions(backend)
        let folder = directory.file("volumes/\(backend.name)")
        let files = options.files(directory: folder)
        let state = directory.file("volumes/tgt-\(backend.name)")
        return switch backend.driver {
        case .nfs: FileBackend(name: backend.name, options: files, export: options.value("export") ?? "")
        case .iscsi: FileBackend(name: backend.name, options: files, portal: options.portal, state: state)
        case .lvm:
            LVMBackend(
                name: backend.name, options: options.logicalVolumes(directory: folder), portal: options.portal, state: state)
        case .rbd: RBDBackend(name: backend.name, options: options.ceph(directory: folder))
        case .file, .simulated: FileBackend(name: backend.name, options: files)
        }
    }

    private static func agent(
        _ backends: [any VolumeBackend], bus: any Bus, directory: DataDirectory, settings: Settings, hostName: String, images: Images
    ) -> VolumeAgent {
        var options = VolumeAgentOptions(scratch: directory.file("volumes/scratch"))
        options.backupDriver = settings[BackupSettingKeys.driver].rawValue
        return VolumeAgent(
            host: hostName, backends: backends, backups: BackupStores.all(directory: directory, settings: settings), bus: bus,
            source: LocalImageSource(images: images), sink: LocalImageSink(images: images), options: options)
    }
}
