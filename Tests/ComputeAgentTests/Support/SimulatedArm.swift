import CloudBus
import CloudCore
import ComputeMessages
import Testing

@testable import ComputeAgent

/// The arm that needs nothing.
final class SimulatedArm: HypervisorArm {
    private let driver: SimulatedHypervisor
    private let running = TaskBox()
    let agent: ComputeAgent
    let bus: any Bus = InProcessBus()
    let controller = ControllerStub()
    let network = NetworkAgentStub(makesTaps: false)
    let images = MemoryImageSink()
    let root = RootDisk(imageID: Identifier.uuid(), format: "qcow2", checksum: nil, sizeGiB: 1)
    let driveMarks = ["config drive found: label config-2"]
    let bootMark = "hostname set to"
    let bootDeadline = Duration.seconds(5)

    init() async throws {
        driver = SimulatedHypervisor()
        agent = ComputeAgent(host: "node-1", driver: driver, disks: driver, bus: bus, imageSink: images)
        try await controller.listen(on: bus)
        try await network.listen(on: bus, host: "node-1")
        try await running.run(agent)
    }

    func makeVolume() async throws -> String { "/simulated/volume" }

    func crash(_ id: String) async throws { try driver.crash(id) }

    func isClean() async throws -> Bool {
        try await driver.guests().isEmpty && driver.diskIDs.isEmpty && network.plugged.isEmpty
    }

    func restartAgent() async throws {
        await running.end()
        try await running.run(agent)
    }

    func close() async { await running.end() }
}
