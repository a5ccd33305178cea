import Foundation
import NIOCore
import NIOHTTP1
import NIOPosix

extension ConsoleProxy {
    typealias Pages = NIOAsyncChannel<HTTPServerRequestPart, HTTPServerResponsePart>

    /// Answers requests for pages until the client hangs up.
    func answer(_ channel: Pages) async throws {
        try await channel.executeThenClose { requests, responses in
            for try await part in requests {
                guard case .head(let head) = part else { continue }
                try await write(try await page(head), head, close: !head.isKeepAlive, to: responses)
                if !head.isKeepAlive { return }
            }
        }
    }

    private func page(_ head: HTTPRequestHead) async throws -> Page {
        guard head.method == .GET || head.method == .HEAD else { return Page(status: .methodNotAllowed, type: nil, bytes: []) }
        let path = head.uri.prefix { $0 != "?" && $0 != "#" }
        return try await NIOThreadPool.singleton.runIfActive { [pages, spicePages] in
            let page = pages.page(at: String(path))
            // The two have no name in common that matters: what noVNC lacks is the other's.
            guard page.status != .ok, let spicePages, path.hasSuffix(Self.spicePage) || spicePages.isThere else { return page }
            return spicePages.page(at: String(path))
        }
    }

    /// Where addresses of SPICE consoles lead.
    private static let spicePage = "/spice_auto.html"

    private func write(
        _ page: Page, _ head: HTTPRequestHead, close: Bool, to responses: NIOAsyncChannelOutboundWriter<HTTPServerResponsePart>
    ) async throws {
        var headers: HTTPHeaders = ["Content-Length": "\(page.bytes.count)", "X-Content-Type-Options": "nosniff"]
        if let type = page.type { headers.add(name: "Content-Type", value: type) }
        if close { headers.add(name: "Connection", value: "close") }
        try await responses.write(.head(HTTPResponseHead(version: .http1_1, status: page.status, headers: headers)))
        if head.method != .HEAD, !page.bytes.isEmpty { try await responses.write(.body(.byteBuffer(ByteBuffer(bytes: page.bytes)))) }
        try await responses.write(.end(nil))
    }
}

/// An answer to a request for a page.
struct Page: Sendable {
    let status: HTTPResponseStatus
    let type: String?
    let bytes: [UInt8]
}

/// A viewer's files, as its package installs them.
struct PageFolder: Sendable {
    let root: String
    /// The Debian package.
    var package = "novnc"
    /// No file of theirs comes near it, in bytes.
    private static let largest = 4 << 20
    private static let types = [
        "html": "text/html; charset=utf-8", "js": "text/javascript; charset=utf-8", "css": "text/css; charset=utf-8",
        "json": "application/json", "svg": "image/svg+xml", "png": "image/png", "ico": "image/x-icon", "ttf": "font/ttf",
        "woff": "font/woff", "woff2": "font/woff2", "oga": "audio/ogg", "mp3": "audio/mpeg",
    ]

    /// The file at a path below the folder; the plain page for the root.
    func page(at path: String) -> Page {
        let parts = path.split(separator: "/").map(String.init)
        let names = parts.isEmpty ? ["vnc_lite.html"] : parts
        guard names.allSatisfy(Self.isPlain) else { return Page(status: .notFound, type: nil, bytes: []) }
        guard isThere else { return missing }
        let file = URL(fileURLWithPath: root).appending(path: names.joined(separator: "/")).resolvingSymlinksInPath().path
        let top = URL(fileURLWithPath: root).resolvingSymlinksInPath().path
        guard file.hasPrefix(top + "/"), let size = Self.size(of: file), size <= Self.largest,
            let content = FileManager.default.contents(atPath: file)
        else { return Page(status: .notFound, type: nil, bytes: []) }
        let suffix = names.last?.split(separator: ".").last.map(String.init) ?? ""
        return Page(status: .ok, type: Self.types[suffix] ?? "application/octet-stream", bytes: Array(content))
    }

    /// Whether the package is installed.
    var isThere: Bool { FileManager.default.fileExists(atPath: root) }

    /// The size of a regular file in bytes.
    private static func size(of file: String) -> Int? {
        guard let attributes = try? FileManager.default.attributesOfItem(atPath: file),
            attributes[.type] as? FileAttributeType == .typeRegular
        else { return nil }
        return attributes[.size] as? Int
    }

    private static func isPlain(_ name: String) -> Bool {
        !name.hasPrefix(".") && name.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"),
                UInt8(ascii: "."), UInt8(ascii: "-"), UInt8(ascii: "_"):
                true
            default: false
            }
        }
    }

    private var missing: Page {
        Page(
            status: .serviceUnavailable, type: "text/html; charset=utf-8",
            bytes: Array(
                """
                <!DOCTYPE html><html lang="en"><title>Console</title>
                <p>\(package) is not installed on this host. On Debian: <code>apt-get install \(package)</code>.</p></html>
                """.utf8))
    }
}
