import CloudAPI
import CloudCore
import CloudStore
import ImageStores

/// Administrators' view of this host's cache of images (glance.api.v2.cached_images).
struct CacheEndpoints: Sendable {
    let images: Images.Parts

    var table: [Endpoint] {
        [
            Endpoint(.get, "/v2/cache", "Show what is cached and queued", access: .rule("cache_list"), handler: list),
            Endpoint(
                .delete, "/v2/cache", "Empty the cache and its queue", access: .rule("cache_delete"), success: .noContent,
                handler: clear),
            Endpoint(
                .put, "/v2/cache/{image_id}", "Queue an image for the cache", access: .ruleOnResource("cache_image"),
                success: .accepted, handler: enqueue),
            Endpoint(
                .delete, "/v2/cache/{image_id}", "Remove an image from the cache and its queue",
                access: .ruleOnResource("cache_delete"), success: .noContent, handler: remove),
            Endpoint(
                .get, "/v2/cache/nodes/{image_id}", "List the nodes that have an image in their cache",
                access: .rule("list_cached_nodes"), handler: nodes),
            Endpoint(
                .post, "/v2/cache/clean", "Remove what is broken from the cache", access: .rule("cache_clean"), handler: clean),
            Endpoint(.post, "/v2/cache/prune", "Make the cache fit its limit", access: .rule("cache_prune"), handler: prune),
        ]
    }

    /// The cache, where there is one.
    private func queue() throws -> CacheQueue {
        guard let queue = images.cache else { throw ImageError.missing("Caching via API is not supported at this site.") }
        return queue
    }

    @Sendable private func list(_ request: APIRequest) async throws -> APIResponse {
        let queue = try queue()
        return .json {
            $0.object { json in
                json.member("cached_images") { json in
                    json.array { json in for entry in queue.cache.entries { Self.write(entry, to: &json) } }
                }
                json.member("queued_images", queue.images)
            }
        }
    }

    /// Times are seconds since 1970, with a fraction.
    private static func write(_ entry: ImageCache.Entry, to json: inout JSONWriter) {
        json.object { json in
            json.member("image_id", entry.imageID)
            json.member("hits", entry.hits)
            json.member("last_accessed", JSON.double(Double(entry.lastAccessed.microseconds) / 1_000_000))
            json.member("last_modified", JSON.double(Double(entry.lastModified.microseconds) / 1_000_000))
            json.member("size", entry.size)
        }
    }

    @Sendable private func clear(_ request: APIRequest) async throws -> APIResponse {
        let queue = try queue()
        let target = request.head.headerFields[.imageCacheClearTarget]?.lowercased() ?? ""
        guard ["", "cache", "queue"].contains(target) else {
            throw ImageError.badRequest("If provided 'x-image-cache-clear-target' must be 'cache', 'queue' or empty string.")
        }
        if target != "cache" { queue.removeAll() }
        if target != "queue" { queue.cache.removeAll() }
        return .empty()
    }

    @Sendable private func enqueue(_ request: APIRequest) async throws -> APIResponse {
        let image = try await images.find(request)
        let queue = try queue()
        guard image.status == .active else {
            throw ImageError.badRequest("Only images with status active can be targeted for queueing")
        }
        queue.add(image.id) { [images] id in
            guard let image = try await images.database.read({ try ImageRecords.find(id, in: $0) }) else { return nil }
            guard let content = try await images.openStored(image) else { return nil }
            return await queue.cache.copying(content, of: id, md5: image.md5)
        }
        return .empty()
    }

    /// An image that is gone can still be in the cache, until the reconciler has seen that.
    @Sendable private func remove(_ request: APIRequest) async throws -> APIResponse {
        let id = request["image_id"]
        if let cache = images.cache, cache.cache.holds(id) || cache.images.contains(id) {
            try request.authorize(request.callerTarget)
        } else {
            _ = try await images.find(request)
        }
        let queue = try queue()
        queue.remove(id)
        queue.cache.remove(id)
        return .empty()
    }

    /// Upstream answers this only with a cache that several nodes share, which ours never is.
    @Sendable private func nodes(_ request: APIRequest) async throws -> APIResponse {
        throw ImageError.conflict("Centralized caching is not enabled")
    }

    @Sendable private func clean(_ request: APIRequest) async throws -> APIResponse {
        try queue().cache.clean()
        return .empty()
    }

    @Sendable private func prune(_ request: APIRequest) async throws -> APIResponse {
        let (files, bytes) = try queue().cache.prune()
        return .json {
            $0.object {
                $0.member("total_files_pruned", files)
                $0.member("total_bytes_pruned", bytes)
            }
        }
    }
}

extension HTTPField.Name {
    /// What of the cache is emptied.
    static let imageCacheClearTarget = HTTPField.Name("x-image-cache-clear-target") ?? .contentLocation
}
