import CloudAPI
import CloudCore
import CloudCrypto
import Foundation
import Testing

@testable import Identity

/// Keys that another process rotates.
@Suite struct KeyRotationTests {
    private static func run(_ body: (URL) throws -> Void) throws {
        let directory = FileManager.default.temporaryDirectory.appending(path: "keys-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: directory) }
        try body(directory)
    }

    @Test func anUnknownKeyHasTheFilesReadAgain() throws {
        try Self.run { directory in
            let mine = try KeyRepository(directory: directory.path, maximumActiveKeys: 3)
            let theirs = try KeyRepository(directory: directory.path, maximumActiveKeys: 3)
            let before = mine.fernet.seal([1]).reveal()
            try theirs.rotate()
            #expect(mine.open(theirs.fernet.seal([2]).reveal())?.payload == [2], "the staged key became the primary one")
            try theirs.rotate()
            #expect(mine.open(theirs.fernet.seal([3]).reveal())?.payload == [3], "a key made after the last look")
            #expect(theirs.open(before) == nil)
            #expect(mine.open("gAAAA") == nil)
        }
    }

    @Test func noRememberedTokenOutlivesItsKey() async throws {
        try await TestCloud.run { cloud in
            let token = Secret(try await cloud.token())
            #expect(try await cloud.identity.authenticate(token) != nil)
            try cloud.identity.rotateTokenKeys()
            #expect(try await cloud.identity.authenticate(token) != nil, "its key is an older one now")
            try cloud.identity.rotateTokenKeys()
            #expect(try await cloud.identity.authenticate(token) == nil, "its key was dropped")
        }
    }

    @Test func rotationsTakeTurns() async throws {
        let directory = FileManager.default.temporaryDirectory.appending(path: "keys-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: directory) }
        _ = try KeyRepository(directory: directory.path, maximumActiveKeys: 4)
        try await withThrowingTaskGroup { group in
            for _ in 0..<4 {
                group.addTask { try KeyRepository(directory: directory.path, maximumActiveKeys: 4).rotate() }
            }
            try await group.waitForAll()
        }
        let files = try FileManager.default.contentsOfDirectory(atPath: directory.path).sorted()
        #expect(files == ["0", "3", "4", "5"])
    }

    @Test func aChangeIsSeenOnce() throws {
        try Self.run { directory in
            try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
            let past = Date(timeIntervalSinceNow: -60)
            func touch(_ date: Date) throws {
                try FileManager.default.setAttributes([.modificationDate: date], ofItemAtPath: directory.path)
            }
            try touch(past)
            var watch = DirectoryWatch([directory])
            let first = watch.hasChanged(eagerly: true)
            let repeated = watch.hasChanged(eagerly: true)
            #expect(first && !repeated, "an old directory is read once")
            try touch(past.addingTimeInterval(1))
            let lazily = watch.hasChanged(eagerly: false)
            #expect(!lazily, "a look was not long ago")
            let eagerly = watch.hasChanged(eagerly: true)
            #expect(eagerly)
            watch.forget()
            let forgotten = watch.hasChanged(eagerly: true)
            #expect(forgotten)
        }
    }
}
