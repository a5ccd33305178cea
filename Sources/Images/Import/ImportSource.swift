import CloudAPI
import CloudCore
import CloudWorkflow
import ImageStores

/// Where an import's bytes come from.
struct ImportSource: Sendable {
    let images: Images.Parts

    private var options: ImageImportOptions { images.options.imports }

    // MARK: URLs

    /// Fetches what users name, within the operator's filter.
    private var web: WebClient { client(options.filter) }

    /// Fetches from an address of the catalog, which the operator wrote: it may be anywhere, and leads nowhere else.
    private var peer: WebClient {
        var filter = WebFilter()
        (filter.allowsPrivate, filter.allowedPorts) = (true, [])
        var client = client(filter)
        client.limits.redirects = 0
        return client
    }

    private func client(_ filter: WebFilter) -> WebClient {
        var limits = options.limits
        limits.size = min(limits.size, images.options.maximumSize)
        return WebClient(filter: filter, limits: limits, authorities: options.authorities)
    }

    /// Judges a URL before its import is accepted, the addresses of its host included.
    /// - Parameter use: what it is for, as the refusal names it.
    /// - Throws: 400.
    func check(_ uri: String?, for use: String = ImportMethod.webDownload.rawValue) async throws {
        do {
            try await web.check(uri ?? "")
        } catch let error where error is WebRefusal || error is WebError {
            throw ImageError.badRequest("URI for \(use) does not pass filtering: \(error)")
        }
    }

    // MARK: Bytes

    /// Gets the bytes into the staging area, unless they are there.
    /// - Returns: how many there are.
    func fetch(_ state: ImportState, into name: StagingArea.Name) async throws -> Int {
        do {
            switch state.method {
            case .glanceDirect, .copyImage:
                guard let size = images.imports.staging.size(of: name) else { throw WorkflowStop("The staged data is gone.") }
                return size
            case .webDownload:
                return try await download(web, state.uri ?? "", headers: [:], into: name)
            case .glanceDownload:
                let url = try remoteURL(state) + "/file"
                let size = try await download(peer, url, headers: try credentials(state), into: name)
                guard size == state.size else {
                    throw WorkflowStop("The downloaded data has \(size) bytes where \(state.size ?? 0) were expected.")
                }
                return size
            }
        } catch let error where error is WebRefusal || error is WebError {
            throw WorkflowStop("The data could not be downloaded: \(error).", cause: error)
        } catch ImageStoreError.full {
            throw WorkflowStop("The staging area is full.")
        }
    }

    private func download(
        _ client: WebClient, _ url: String, headers: [String: String], into name: StagingArea.Name
    ) async throws -> Int {
        let file = try images.imports.staging.begin(name)
        do {
            try await client.send("GET", url, headers: headers) { answer, body in
                guard answer.status == 200 else { throw WebError.status(answer.status) }
                var chunks = ChunkGatherer()
                while let piece = try await body.next() { try await chunks.add(piece) { try await file.append($0) } }
                try await chunks.finish { try await file.append($0) }
            }
            return try await file.finish()
        } catch {
            await file.abort()
            throw error
        }
    }

    // MARK: Other clouds

    /// Reads the description of another cloud's image.
    /// - Returns: what is taken over from it, and how many bytes it has.
    func describe(_ state: ImportState) async throws -> (changes: ImportState.Changes, size: Int) {
        let (url, headers) = (try remoteURL(state), try credentials(state))
        let json: JSON
        do {
            json = try await peer.send("GET", url, headers: headers) { answer, body in
                guard answer.status == 200 else { throw WebError.status(answer.status) }
                return try JSON(parsing: try await body.collect(upTo: 1 << 20))
            }
        } catch {
            throw WorkflowStop("The remote image could not be looked up: \(error).", cause: error)
        }
        return try taken(json)
    }

    private func taken(_ json: JSON) throws -> (changes: ImportState.Changes, size: Int) {
        guard json["status"] == "active" else {
            throw WorkflowStop("Source image status should be active instead of \(json["status"]?.string ?? "unknown")")
        }
        guard let size = json["size"]?.int else { throw WorkflowStop("The remote image does not tell its size.") }
        var changes = ImportState.Changes()
        (changes.diskFormat, changes.containerFormat) = (json["disk_format"]?.string, json["container_format"]?.string)
        guard Image.diskFormats.contains(changes.diskFormat ?? ""), Image.containerFormats.contains(changes.containerFormat ?? "")
        else { throw WorkflowStop("The remote image is of a format that is not known here.") }
        for (name, value) in json.object ?? [:] where isTaken(name) { changes.properties[name] = value.string }
        return (changes, size)
    }

    private func isTaken(_ name: String) -> Bool {
        !name.hasPrefix(ImportMark.reserved) && !ImageSchemas.attributes.contains { $0.name == name }
            && options.copiedProperties.contains(where: name.hasPrefix)
    }

    private func remoteURL(_ state: ImportState) throws -> String {
        guard let remote = state.remote else { throw WorkflowStop("The import names no remote image.") }
        guard let endpoint = state.endpoint else {
            throw WorkflowStop("There is no image service in the region \(remote.region) for the interface \(remote.interface).")
        }
        let base = endpoint.hasSuffix("/") ? String(endpoint.dropLast()) : endpoint
        return "\(base.hasSuffix("/v2") ? base : base + "/v2")/images/\(remote.imageID)"
    }

    private func credentials(_ state: ImportState) throws -> [String: String] {
        guard let token = images.imports.tokens.token(of: state.taskID) else {
            throw WorkflowStop("The import was interrupted, and its token is not kept; import again.")
        }
        return ["X-Auth-Token": token.reveal()]
    }
}
