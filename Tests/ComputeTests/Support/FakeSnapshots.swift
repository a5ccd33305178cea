import CloudAPI
import CloudBus
import CloudCore
import CloudStore
import ComputeMessages
import Testing

@testable import Compute

/// Images of servers, in a table.
extension FakeImages {
    static let other = "dddddddd-2222-4333-8444-555555555555"
    /// An image that wants a trait no host has.
    static let choosy = "eeeeeeee-2222-4333-8444-555555555555"
    static let migration = Migration(
        2, "images of servers",
        [
            """
            CREATE TABLE fake_images (id TEXT PRIMARY KEY, owner TEXT NOT NULL, name TEXT NOT NULL, status TEXT NOT NULL,
                member TEXT, properties TEXT NOT NULL, number BIGINT NOT NULL)
            """
        ])

    func snapshotMaker(for token: TokenContext) async throws -> SnapshotMaker {
        { new, transaction in
            guard new.properties["forbidden"] == nil else { throw SnapshotRefusal(.invalid, "Attribute 'forbidden' is reserved.") }
            try transaction.execute(
                """
                INSERT INTO fake_images (id, owner, name, status, member, properties, number)
                SELECT \(new.id), \(token.projectID ?? ""), \(new.name), 'queued', \(new.sharedWith), \(JSON(new.properties)), COUNT(*)
                FROM fake_images
                """)
        }
    }

    func snapshotStatus(_ id: String, in reader: any Reader) throws -> String? {
        try reader.scalar("SELECT status FROM fake_images WHERE id = \(id)")
    }

    func discardSnapshot(_ id: String, in transaction: any Transaction) throws {
        try transaction.execute("DELETE FROM fake_images WHERE id = \(id)")
    }

    func finishWithoutBytes(_ id: String) async throws {}

    func snapshots(of projectID: String, with properties: [String: String], in reader: any Reader) throws -> [String] {
        let images = try reader.all(
            "SELECT id, properties FROM fake_images WHERE owner = \(projectID) ORDER BY number DESC"
        ) { (try $0[0] as String, (try $0[1] as JSON).stringDictionary) }
        return images.filter { image in properties.allSatisfy { image.1[$0.key] == $0.value } }.map(\.0)
    }
}

extension Site {
    /// What the images of servers are called, the oldest first.
    func snapshots() async throws -> [String] {
        try await database.read { try $0.all("SELECT name FROM fake_images ORDER BY number") { try $0[0] } }
    }

    /// An image's properties.
    func properties(ofImage name: String) async throws -> [String: String] {
        let found: JSON? = try await database.read { try $0.scalar("SELECT properties FROM fake_images WHERE name = \(name)") }
        return try #require(found).stringDictionary
    }

    /// Lets hosts send the bytes of images.
    func acceptUploads() {
        agents.takeUploads { [database] id in
            let count = try await database.write { try $0.execute("UPDATE fake_images SET status = 'active' WHERE id = \(id)") }
            guard count == 1 else { throw BusFailure(code: "image_unavailable", message: "There is no image \(id).") }
        }
    }
}

extension FakeAgents {
    /// Serves what changes guests where they are.
    func serveLife(on service: inout BusService, host: String) {
        service.on(RebuildGuest.self) { request, _ in
            try await self.begin("rebuild", host)
            _ = try self.status(request.guest.id, host)
            let power: PowerState = request.start ? .running : .shutdown
            self.put(request.guest.id, on: host, power)
            return GuestStatus(id: request.guest.id, power: power)
        }
        service.on(SnapshotGuest.self) { request, _ in
            try await self.begin("snapshot", host)
            _ = try self.status(request.id, host)
            try await self.upload(request.imageID)
            return GuestSnapshot(sizeBytes: 100, virtualSizeBytes: 1000, checksum: "5ca1ab1e")
        }
        service.on(LocateGuest.self) { request, _ in
            try await self.begin("locate", host)
            _ = try self.status(request.id, host)
            return GuestPlacement(processors: [0: 5], cells: [0: 1])
        }
        service.on(SetGuestPassword.self) { request, _ in
            try await self.begin("password", host)
            _ = try self.status(request.id, host)
            return BusNothing()
        }
    }

    /// What an action makes of a guest's power.
    static func power(after action: PowerGuest.Action) -> PowerState {
        switch action {
        case .stop: .shutdown
        case .pause: .paused
        case .suspend: .suspended
        case .start, .softReboot, .hardReboot, .unpause, .resume, .injectCrashDump: .running
        }
    }
}
