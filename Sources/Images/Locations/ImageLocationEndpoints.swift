import CloudAPI
import CloudCore
import CloudCrypto
import CloudStore
import ImageStores

/// Where an image's bytes are: said by clients of images that have none yet, and read by other services (image API 2.17).
struct ImageLocationEndpoints: Sendable {
    let images: Images.Parts

    var table: [Endpoint] {
        [
            Endpoint(
                .get, "/v2/images/{image_id}/locations", "List the places of an image's bytes",
                access: .ruleOnResource("fetch_image_location"), handler: list),
            Endpoint(
                .post, "/v2/images/{image_id}/locations", "Say where an image's bytes are",
                access: .ruleOnResource("add_image_location"), body: .json(Self.body), success: .accepted, handler: add),
        ]
    }

    private static let algorithms = Digest.Algorithm.allCases.map { JSON.string($0.rawValue) }

    private static let body: Schema = .object(
        [
            ("url", .string(length: 1...2048)),
            (
                "validation_data",
                .object([("os_hash_algo", .oneOf(algorithms)), ("os_hash_value", .string(length: 0...128))])
            ),
        ], required: ["url"], additional: .any)

    @Sendable private func list(_ request: APIRequest) async throws -> APIResponse {
        let places = images.shownLocations(try await images.find(request), request)
        return .json { $0.array(places.map { LocationView(place: $0, stores: images.stores) }) }
    }

    @Sendable private func add(_ request: APIRequest) async throws -> APIResponse {
        let seen = try await images.see(request)
        try LocationState.checkStatus(of: seen.image)
        try request.authorize(images.target(seen, request))
        let url = request.body["url"]?.string ?? ""
        try checkMayName(url, request)
        let proof = try proof(request.body["validation_data"])
        let place = try await place(url)
        let said = request.body["validation_data"] ?? [:]
        let input: JSON = ["image_id": .string(seen.image.id), "loc_url": .string(url), "validation_data": said]
        let task = ImageTask(
            kind: .locationImport, owner: request.token?.projectID, userID: request.token?.userID,
            requestID: request.requestID, imageID: seen.image.id, input: input)
        let state = LocationState(
            imageID: seen.image.id, taskID: task.id, store: place.store, location: place.location, expected: proof,
            isHashed: images.options.hashesLocations, algorithm: proof?.algorithm ?? images.options.hashAlgorithm.rawValue)
        try await images.database.write { try images.begin(task, state, in: $0) }
        return .empty()
    }

    /// Users other than services name addresses in the web only, where there is a store for them.
    private func checkMayName(_ url: String, _ request: APIRequest) throws {
        guard request.token?.roles.contains("service") != true else { return }
        guard url.hasPrefix("http"), images.stores.all.contains(where: { $0.store.kind == "http" }) else {
            throw ImageError.forbidden("http store must be enabled to use location API by normal user.")
        }
    }

    /// What a client says about the bytes; nil when it says nothing.
    private func proof(_ said: JSON?) throws -> LocationState.Proof? {
        guard let said, said.object?.isEmpty == false else { return nil }
        guard let algorithm = said["os_hash_algo"]?.string.flatMap(Digest.Algorithm.init), let hash = said["os_hash_value"]?.string
        else { throw ImageError.badRequest("os_hash_algo and os_hash_value are given together or not at all.") }
        guard LocationProof.isDigest(hash, algorithm) else {
            throw ImageError.badRequest("os_hash_value (\(hash)) is not a valid \(algorithm.rawValue) in hexadecimal")
        }
        return LocationState.Proof(algorithm: algorithm.rawValue, hash: hash.lowercased())
    }

    /// The store that reads a URL. A path on this host is nothing that clients may name.
    private func place(_ url: String) async throws -> (store: String, location: String) {
        if url.hasPrefix("http:") || url.hasPrefix("https:") {
            try await ImportSource(images: images).check(url, for: "add location")
        }
        guard let found = images.stores.resolve(url: url), found.store.store.kind != "file" else { throw ImageError.invalidLocation }
        return (found.store.id, found.location)
    }
}
