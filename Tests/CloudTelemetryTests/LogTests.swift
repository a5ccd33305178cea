import CloudCore
import CloudTelemetry
import Foundation
import Logging
import Synchronization
import Testing

@Suite struct LogTests {
    private final class Lines: Sendable {
        private let lines = Mutex<[String]>([])
        var all: [String] { lines.withLock { $0 } }
        func logger(_ format: LogFormat, level: Logger.Level = .info) -> Logger {
            let output = LineWriter { line in self.lines.withLock { $0.append(line) } }
            return Logger(label: "compute") { CloudLogHandler(label: $0, level: level, format: format, output: output) }
        }
    }

    private let lines = Lines()

    @Test func textLines() throws {
        var logger = lines.logger(.text)
        logger[metadataKey: "host"] = "node 1"
        logger.info("Spawned", metadata: ["server": "abc"])
        logger.debug("Not shown")
        #expect(lines.all.count == 1)
        #expect(try #require(lines.all.first).hasSuffix(#" INFO compute: Spawned host="node 1" server=abc"#))
    }

    @Test func JSONLines() throws {
        lines.logger(.json).warning("Disk \"full\"", metadata: ["free": "0"])
        let line = try JSON(parsing: try #require(lines.all.first))
        #expect(line["level"] == "warning")
        #expect(line["logger"] == "compute")
        #expect(line["message"] == "Disk \"full\"")
        #expect(line["free"] == "0")
        #expect(Timestamp(iso8601: line["time"]?.string ?? "") != nil)
    }

    @Test func theRequestIsNamed() throws {
        let logger = lines.logger(.json)
        RequestContext.$requestID.withValue("req-1") { logger.info("In a request") }
        logger.info("Outside")
        let ids = try lines.all.map { try JSON(parsing: $0)["request_id"] }
        #expect(ids == ["req-1", nil])
    }

    @Test func aLineCannotBeForged() throws {
        lines.logger(.text).info("name: a\nERROR forged", metadata: ["x": "1\r2 y=3"])
        let line = try #require(lines.all.first)
        #expect(!line.contains("\n") && !line.contains("\r"))
        #expect(line.contains(#"a\nERROR forged x="1\r2 y=3""#))
    }

    private struct Credentials {
        let user = "demo"
        let password = Secret("hunter2")
    }

    @Test(arguments: LogFormat.allCases) func secretsAreNeverPrinted(format: LogFormat) {
        let logger = lines.logger(format, level: .trace)
        let credentials = Credentials()
        var dumped = ""
        dump(credentials, to: &dumped)
        logger.info("\(credentials.password) \(credentials) \(String(reflecting: credentials)) \(dumped)")
        logger.info("in metadata", metadata: [
            "a": "\(credentials.password)", "b": .secret(credentials.password), "c": .stringConvertible(credentials.password),
            "d": ["\(Optional(credentials.password) as Any)"],
        ])
        #expect(lines.all.count == 2)
        for line in lines.all {
            #expect(line.contains("***"))
            #expect(!line.contains("hunter2"))
        }
    }

    @Test func requestIDs() {
        #expect(RequestContext.isRequestID(RequestContext.makeRequestID()))
        #expect(RequestContext.isRequestID("req-3dccb8c4-08fe-4706-a91d-e843b8fe9ed2"))
        for text in [
            "", "req-", "3dccb8c4-08fe-4706-a91d-e843b8fe9ed2", "req-3DCCB8C4-08FE-4706-A91D-E843B8FE9ED2",
            "req-3dccb8c4008fe-4706-a91d-e843b8fe9ed2", "req-3dccb8c4-08fe-4706-a91d-e843b8fe9ed2\n",
        ] {
            #expect(!RequestContext.isRequestID(text), "\(text)")
        }
    }

    @Test func linesReachAFileWhole() throws {
        let path = FileManager.default.temporaryDirectory.appendingPathComponent("log-\(UUID().uuidString)").path
        let descriptor = Foundation.open(path, O_WRONLY | O_CREAT | O_APPEND, 0o600)
        try #require(descriptor >= 0)
        defer { unlink(path) }
        let writer = LineWriter(descriptor: descriptor)
        DispatchQueue.concurrentPerform(iterations: 50) { number in writer("\(number) " + String(repeating: "x", count: 5000)) }
        close(descriptor)
        let written = try String(contentsOfFile: path, encoding: .utf8).split(separator: "\n")
        #expect(written.count == 50)
        #expect(written.allSatisfy { $0.hasSuffix(String(repeating: "x", count: 5000)) && $0.count < 5010 })
    }
}
