import CloudCore
import NIOCore

/// Images that other web servers keep: an image's location is a URL, which is fetched when the image is downloaded.
/// Nothing can be put there. What may be reached, and for how long, is the client's filter and limits.
public struct HTTPImageStore: ImageStore {
    private let client: WebClient

    /// `http`.
    public var kind: String { "http" }
    /// Nothing is ever written.
    public var isReadOnly: Bool { true }
    /// Upstream shows none either.
    public var properties: JSONObject { [:] }

    /// A store behind a client.
    public init(client: WebClient) { self.client = client }

    /// Always refused.
    public func beginUpload(id: String, expectedSize: Int?) async throws -> any ImageUpload { throw ImageStoreError.readOnly }

    /// Asks for the URL; the answer's body waits until it is read.
    public func open(_ location: String) async throws -> any ImageContent {
        guard self.location(of: location) != nil else { throw ImageStoreError.missing(location) }
        return try await HTTPImageContent(client, location)
    }

    /// Always refused: the bytes are somebody else's.
    public func remove(_ location: String) async throws { throw ImageStoreError.readOnly }

    /// None: what others keep is no orphan of ours.
    public func locations(olderThan age: Duration) async throws -> [String] { [] }

    /// The URL itself.
    public func url(of location: String) -> String { location }

    /// The URL, if it is one that may be fetched.
    public func location(of url: String) -> String? { (try? client.filter.target(url)).map { _ in url } }

    /// Nothing of ours.
    public func usage() async throws -> StoreUsage { StoreUsage(used: 0, capacity: nil) }
}

/// A body on another web server. Reads one after another come from one answer; a read elsewhere begins a new one there.
actor HTTPImageContent: ImageContent {
    nonisolated let size: Int
    private let client: WebClient
    private let url: String
    private var download: WebDownload?
    /// Where in the body the next unread byte of `pending` stands.
    private var position = 0
    private var pending = ByteBuffer()

    init(_ client: WebClient, _ url: String) async throws {
        (self.client, self.url) = (client, url)
        if let (download, length) = try await Self.sized(client, url) {
            (self.download, size) = (download, length)
        } else {
            // Some servers tell the size of what they make as they go only when they are asked for nothing else. The first
            // answer is let go of before: a server may have one hand only.
            size = try await Self.length(client, url)
        }
    }

    /// The body from its beginning, if the answer tells how long it is.
    private static func sized(_ client: WebClient, _ url: String) async throws -> (WebDownload, Int)? {
        let download = try await begin(client, url, from: 0)
        return download.answer.length.map { (download, $0) }
    }

    private static func length(_ client: WebClient, _ url: String) async throws -> Int {
        do {
            let length = try await client.send("HEAD", url) { answer, _ in answer.status == 200 ? answer.length : nil }
            if let length { return length }
        } catch let error where error is WebRefusal || error is WebError {
            throw ImageStoreError.unavailable("\(url) does not answer how large it is: \(error)")
        }
        throw ImageStoreError.unavailable("the server does not say how large \(url) is")
    }

    func read(at offset: Int, count: Int) async throws -> ByteBuffer {
        guard offset < size else { return ByteBuffer() }
        let count = min(count, size - offset)
        do {
            return try await take(at: offset, count: count)
        } catch is WebError {
            // A connection may have gone while a slow reader kept it waiting: a second one is worth a try.
            download = nil
            do {
                return try await take(at: offset, count: count)
            } catch let error as WebError {
                throw ImageStoreError.unavailable(error.description)
            }
        }
    }

    private func take(at offset: Int, count: Int) async throws -> ByteBuffer {
        let download = try await download(at: offset)
        while pending.readableBytes < count, var more = try await download.next() { pending.writeBuffer(&more) }
        let bytes = pending.readSlice(length: min(count, pending.readableBytes)) ?? ByteBuffer()
        pending.discardReadBytes()
        position += bytes.readableBytes
        return bytes
    }

    private func download(at offset: Int) async throws -> WebDownload {
        if let download, position == offset { return download }
        let fresh = try await Self.begin(client, url, from: offset)
        (download, position, pending) = (fresh, offset, ByteBuffer())
        // A server that knows no ranges sends everything: what comes before is dropped.
        var skipped = fresh.answer.status == 206 ? offset : 0
        while skipped < offset, var more = try await fresh.next() {
            let drop = min(offset - skipped, more.readableBytes)
            more.moveReaderIndex(forwardBy: drop)
            skipped += drop
            pending = more
        }
        return fresh
    }

    private static func begin(_ client: WebClient, _ url: String, from offset: Int) async throws -> WebDownload {
        do {
            let download = try await WebDownload.begin(client, url, headers: offset > 0 ? ["Range": "bytes=\(offset)-"] : [:])
            switch download.answer.status {
            case 200, 206: return download
            case 404, 410: throw ImageStoreError.missing(url)
            default: throw ImageStoreError.unavailable("\(url) answers \(download.answer.status)")
            }
        } catch let refusal as WebRefusal {
            throw ImageStoreError.unavailable(refusal.description)
        } catch let error as WebError where offset == 0 {
            throw ImageStoreError.unavailable(error.description)
        }
    }
}
