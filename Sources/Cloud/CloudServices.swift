import BlockStorage
import CloudAPI
import CloudBus
import CloudCore
import CloudSettings
import CloudStore
import CloudWorkflow
import Compute
import ComputeMessages
import Foundation
import Identity
import ImageStores
import Images
import KeyManager
import MetadataDefinitions
import NetworkMessages
import Networking
import Placement
import Synchronization
import VolumeMessages

/// The controller role: every API service over one database, with the workflows and reconcilers that carry out what
/// they accept. Services meet here and nowhere else.
final class CloudServices: Sendable {
    let identity: Identity
    let images: Images
    let metadataDefinitions: MetadataDefinitions
    let placement: Placement
    let networking: Networking
    let compute: Compute
    let blockStorage: BlockStorage
    let keyManager: KeyManager
    let runner: WorkflowRunner
    let reconcilers: ReconcilerLoop
    /// The faults ordered for a simulated cloud; nil for a real one.
    let faults: FaultBoard?
    private let database: any Database
    private let bus: any Bus
    /// What compute passes on to other services goes through here, once the server is connected.
    let relay = ServiceRelay()

    /// Brings the tables up to date and builds the services.
    /// - Parameter consoleURL: where the consoles' proxy is reached.
    init(
        database: any Database, bus: any Bus, directory: DataDirectory, settings: Settings, simulate: Bool, consoleURL: String
    ) async throws {
        (self.database, self.bus) = (database, bus)
        faults = simulate ? FaultBoard() : nil
        // Those first that change tables again which they have made: that is the dearer the more tables there are.
        for set in [
            Images.migrations, Networking.migrations, WorkflowSchema.migrations, Identity.migrations, MetadataDefinitions.migrations,
            Placement.migrations, Compute.migrations,
            BlockStorage.migrations,
            KeyManager.migrations,
        ] { try await database.migrate(set) }
        let options = ServiceOptions(settings: settings, directory: directory, simulate: simulate)
        var computeOptions = options.compute
        computeOptions.consoleURL = consoleURL
        let bells = ReconcilerBells()
        runner = WorkflowRunner(database: database, owner: options.hostName)
        identity = try Identity(database: database, options: options.identity)
        keyManager = KeyManager(
            database: database,
            cipher: KeyManagerCipher(keys: try KeyRepository(directory: directory.secretKeys, maximumActiveKeys: .max)))
        images = Images(
            database: database, stores: try options.imageStores(), cache: try options.imageCache(), options: options.images,
            imports: try options.imageImportMeans(identity: identity, workflows: runner, bells: bells),
            limits: settings[ImageLimitSettingKeys.useUnifiedLimits]
                ? ImageLimitsAdapter(identity: identity, region: settings[CloudSettingKeys.region]) : nil,
            keys: ImageKeysAdapter(keyManager: keyManager), collectGarbage: { bells.ring("images.garbage") })
        metadataDefinitions = MetadataDefinitions(database: database)
        placement = Placement(database: database, candidates: options.candidates)
        networking = Networking(
            database: database, bus: bus, options: options.networking, placement: NetworkPlacementAdapter(placement: placement))
        let volumeServers = VolumeServersAdapter()
        blockStorage = BlockStorage(
            database: database, bus: bus, workflows: runner,
            neighbours: VolumeNeighbours(
                images: VolumeImagesAdapter(images: images), identity: VolumeIdentityAdapter(identity: identity),
                keys: VolumeKeysAdapter(keyManager: keyManager), servers: volumeServers),
            options: VolumeSettingKeys.options(settings, hostName: options.hostName), ring: { bells.ring($0) })
        var neighbours = ComputeNeighbours(
            identity: ComputeIdentityAdapter(identity: identity, region: settings[CloudSettingKeys.region]), names: PlacementNames(),
            services: relay)
        neighbours.volumes = ComputeVolumesAdapter(storage: blockStorage)
        neighbours.vendorData = VendorDataSettingKey.services(settings)
        compute = Compute(
            database: database, bus: bus, workflows: runner, images: ComputeImagesAdapter(images: images),
            networking: ComputeNetworkingAdapter(networking: networking),
            placement: ComputePlacementAdapter(placement: placement), options: computeOptions,
            others: neighbours)
        volumeServers.connect(compute)
        runner.register(compute.workflows)
        runner.register(blockStorage.workflows)
        runner.register(images.workflows)
        reconcilers = ReconcilerLoop(
            networking.reconcilers + compute.reconcilers + images.reconcilers + blockStorage.reconcilers
                + [WorkflowPurge(database: database)])
        bells.connect(reconcilers)
        networking.connect { bells.ring($0) }
        try await images.recover()
    }

    /// The fronts, for the server.
    var apis: [ServiceAPI] {
        [identity.api, imageAPI, placement.api, networking.api, compute.api, blockStorage.api, keyManager.api]
            + (faults.map { [FaultAPI(board: $0).api] } ?? [])
    }

    /// The image service's front with the catalogue of metadata definitions, which is a part of it.
    private var imageAPI: ServiceAPI {
        images.api.adding(metadataDefinitions.endpoints, rules: MetadataDefinitions.rules)
    }

    /// Hears what hosts report, and answers guests' questions about themselves.
    func listen() async throws -> [BusSubscription] {
        var network = BusService()
        networking.listen(on: &network)
        network.on(MetadataRequest.self) { [metadata = compute.metadata] request, _ in
            let found = try await metadata.answer(
                network: request.networkID, address: request.address, path: request.path, leaving: request.leaving)
            switch found {
            case .document(let type, let body): return MetadataResponse(status: 200, contentType: type, body: body)
            case .status(let status):
                return MetadataResponse(
                    status: status, contentType: "text/plain; charset=UTF-8", body: Array(status == 404 ? "Not Found".utf8 : "".utf8))
            }
        }
        return [
            try await bus.serve(network, at: BusAddress(topic: NetworkTopic.controller), concurrency: 32, queueLimit: 4096),
            try await bus.serve(
                compute.reports, at: BusAddress(topic: ComputeTopic.controller), concurrency: 32, queueLimit: 16384),
            try await bus.serve(
                blockStorage.reports, at: BusAddress(topic: VolumeTopic.controller), concurrency: 8, queueLimit: 4096),
        ]
    }
}

/// Rings reconcilers' bells; made before the loop that answers them.
final class ReconcilerBells: Sendable {
    private let loop = Mutex<ReconcilerLoop?>(nil)

    func connect(_ loop: ReconcilerLoop) { self.loop.withLock { $0 = loop } }

    /// Before the loop is there nobody hears, and its first run finds everything.
    func ring(_ name: String) { loop.withLock { $0 }?.signal(name) }
}
