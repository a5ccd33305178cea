import CloudAPI
import CloudBus
import CloudCore
import ComputeMessages

/// What a guest has used since it was started.
struct DiagnosticsEndpoints: Sendable {
    let compute: Compute.Parts

    var table: [Endpoint] {
        [
            Endpoint(
                .get, "/v2.1/servers/{server_id}/diagnostics", "Show what a server has used",
                access: .ruleOnResource("os_compute_api:os-server-diagnostics"), handler: show)
        ]
    }

    @Sendable private func show(_ request: APIRequest) async throws -> APIResponse {
        try QueryRules.none.check(request)
        let server = try await compute.server(request["server_id"], for: request)
        guard let host = server.host else { throw ComputeError.conflict("Instance \(server.id) is not ready") }
        let diagnostics: GuestDiagnostics
        do {
            diagnostics = try await compute.bus.call(
                DiagnoseGuest(id: server.id), to: BusAddress(topic: ComputeTopic.agent, host: host), deadline: .seconds(30))
        } catch BusError.remote(let code, let message) {
            switch GuestFailureCode(rawValue: code) {
            case .guestNotFound?: throw ComputeError.conflict("Instance \(server.id) is not ready")
            case .wrongState?:
                throw ActionRefused(
                    action: "get_diagnostics", server: server.id, attribute: "power state", value: server.power.diagnosis)
            case .unsupported?: throw Fault(.notImplemented, message)
            default: throw Fault(.serviceUnavailable, message)
            }
        } catch let error as BusError {
            throw Fault(.serviceUnavailable, "The server's host does not answer.", cause: error)
        }
        guard request.microversion >= Microversion(2, 48) else { return .json { write(early: diagnostics, to: &$0) } }
        return .json { write(diagnostics, to: &$0) }
    }

    // MARK: From 2.48 on

    private func write(_ diagnostics: GuestDiagnostics, to json: inout JSONWriter) {
        json.object {
            $0.member("state", diagnostics.power.diagnosis)
            // Upstream's list of drivers has none for simulations: they stand for the one that they imitate.
            $0.member("driver", diagnostics.driver == "fake" ? "libvirt" : diagnostics.driver)
            $0.member("hypervisor", diagnostics.hypervisor)
            $0.member("hypervisor_os", diagnostics.hypervisorOS)
            $0.member("uptime", diagnostics.uptime)
            $0.member("config_drive", diagnostics.hasConfigDrive)
            $0.member("num_cpus", diagnostics.processors.count)
            $0.member("num_nics", diagnostics.interfaces.count)
            $0.member("num_disks", diagnostics.disks.count)
            $0.member("cpu_details") { json in
                json.array { json in for processor in diagnostics.processors { write(processor, to: &json) } }
            }
            $0.member("nic_details") { json in
                json.array { json in for interface in diagnostics.interfaces { write(interface, to: &json) } }
            }
            $0.member("disk_details") { json in json.array { json in for disk in diagnostics.disks { write(disk, to: &json) } } }
            $0.member("memory_details") {
                $0.object {
                    $0.member("maximum", diagnostics.memoryMaximumMiB)
                    $0.member("used", diagnostics.memoryUsedMiB)
                }
            }
        }
    }

    private func write(_ processor: GuestDiagnostics.Processor, to json: inout JSONWriter) {
        json.object {
            $0.member("id", processor.id)
            $0.member("time", processor.time)
            $0.member("utilisation", processor.utilisation)
        }
    }

    private func write(_ interface: GuestDiagnostics.Interface, to json: inout JSONWriter) {
        json.object { json in
            json.member("mac_address", interface.mac)
            for (prefix, traffic) in [("rx", interface.received), ("tx", interface.sent)] {
                json.member("\(prefix)_octets", traffic.octets)
                json.member("\(prefix)_packets", traffic.packets)
                json.member("\(prefix)_errors", traffic.errors)
                json.member("\(prefix)_drop", traffic.dropped)
                json.member("\(prefix)_rate", traffic.rate)
            }
        }
    }

    private func write(_ disk: GuestDiagnostics.Disk, to json: inout JSONWriter) {
        json.object {
            $0.member("read_bytes", disk.readBytes)
            $0.member("read_requests", disk.readRequests)
            $0.member("write_bytes", disk.writeBytes)
            $0.member("write_requests", disk.writeRequests)
            $0.member("errors_count", disk.errors)
        }
    }

    // MARK: Before 2.48

    /// The names that upstream's libvirt driver gives the figures; there was no common form. What is not known is absent.
    private func write(early diagnostics: GuestDiagnostics, to json: inout JSONWriter) {
        var figures: [(String, Int?)] = diagnostics.processors.map { ("cpu\($0.id)_time", $0.time) }
        for (number, disk) in diagnostics.disks.enumerated() {
            let name = disk.device ?? "disk\(number)"
            figures += [
                ("\(name)_read_req", disk.readRequests), ("\(name)_read", disk.readBytes), ("\(name)_write_req", disk.writeRequests),
                ("\(name)_write", disk.writeBytes), ("\(name)_errors", disk.errors),
            ]
        }
        for (number, interface) in diagnostics.interfaces.enumerated() {
            let name = interface.device ?? "nic\(number)"
            for (direction, traffic) in [("rx", interface.received), ("tx", interface.sent)] {
                figures += [
                    ("\(name)_\(direction)", traffic.octets), ("\(name)_\(direction)_errors", traffic.errors),
                    ("\(name)_\(direction)_drop", traffic.dropped), ("\(name)_\(direction)_packets", traffic.packets),
                ]
            }
        }
        figures.append(("memory", diagnostics.memoryMaximumMiB.map { $0 * 1024 }))
        json.object { json in
            for (name, figure) in figures where figure != nil { json.member(name, figure) }
        }
    }
}

extension PowerState {
    /// The word that upstream's diagnostics have for it.
    fileprivate var diagnosis: String {
        switch self {
        case .noState: "pending"
        case .running: "running"
        case .paused: "paused"
        case .shutdown: "shutdown"
        case .crashed: "crashed"
        case .suspended: "suspended"
        }
    }
}
