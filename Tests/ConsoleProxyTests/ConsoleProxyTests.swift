import CloudCore
import Foundation
import NIOCore
import NIOHTTP1
import Synchronization
import Testing

@testable import ConsoleProxy

@Suite struct ConsoleRequestTests {
    private func head(_ uri: String, _ headers: HTTPHeaders = [:]) -> HTTPRequestHead {
        HTTPRequestHead(version: .http1_1, method: .GET, uri: uri, headers: headers)
    }

    @Test(arguments: ["/?token=abc", "/websockify?x=1&token=abc"])
    func findsTheTokenInTheAddress(uri: String) {
        #expect(ConsoleRequest.token(of: head(uri))?.reveal() == "abc")
    }

    @Test func findsTheTokenInTheCookie() {
        #expect(ConsoleRequest.token(of: head("/websockify", ["Cookie": "a=b; token=abc"]))?.reveal() == "abc")
        #expect(ConsoleRequest.token(of: head("/websockify?token=", ["Cookie": "a=b"])) == nil)
    }

    @Test func refusesTheRequestsOfOtherSites() {
        let own: HTTPHeaders = ["Host": "cloud:6080", "Origin": "http://cloud:6080"]
        let other: HTTPHeaders = ["Host": "cloud:6080", "Origin": "http://evil.example"]
        #expect(ConsoleRequest.comesFromItsOwnPage(head("/", own)))
        #expect(ConsoleRequest.comesFromItsOwnPage(head("/")))
        #expect(!ConsoleRequest.comesFromItsOwnPage(head("/", other)))
    }
}

@Suite struct PageFolderTests {
    private let root = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString).path

    @Test func servesPlainFilesOfTheFolderAlone() throws {
        try FileManager.default.createDirectory(atPath: root + "/core", withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: root) }
        try Data("<html>".utf8).write(to: URL(fileURLWithPath: root + "/vnc_lite.html"))
        try Data("x".utf8).write(to: URL(fileURLWithPath: root + "/core/rfb.js"))
        try FileManager.default.createSymbolicLink(atPath: root + "/leak", withDestinationPath: "/etc/passwd")
        let folder = PageFolder(root: root)
        #expect(folder.page(at: "/").bytes == Array("<html>".utf8))
        #expect(folder.page(at: "/core/rfb.js").type == "text/javascript; charset=utf-8")
        for path in ["/../etc/passwd", "/.hidden", "/leak", "/core", "/absent.js", "/%2e%2e/x"] {
            #expect(folder.page(at: path).status == .notFound)
        }
    }

    @Test func saysWhatIsMissing() {
        #expect(PageFolder(root: root).page(at: "/vnc_lite.html").status == .serviceUnavailable)
    }
}
