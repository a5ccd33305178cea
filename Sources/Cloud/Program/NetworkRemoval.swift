import CloudSettings
import Logging
import NetworkAgent

/// Takes a stopped cloud's networks off this machine.
public enum NetworkRemoval {
    /// Removes guests' interfaces, metadata namespaces, bridges and the networks' daemons. The databases stay.
    /// - Throws: an error that says, for people, what remains.
    public static func run(directory: DataDirectory, settings: Settings) async throws {
        let services = ServiceOptions(settings: settings, directory: directory, simulate: false)
        let options = CloudHosts.networkOptions(directory: directory, settings: settings, hostName: services.hostName)
        try await OVNHost.remove(options: options, logger: Logger(label: "altostack.ovn"))
    }
}
