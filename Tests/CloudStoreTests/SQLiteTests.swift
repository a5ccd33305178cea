import CloudStore
import Foundation
import Testing

@Suite struct SQLiteTests {
    @Test func keepsWhatWasWrittenAcrossOpenings() async throws {
        let path = NSTemporaryDirectory() + "store-\(UUID().uuidString).db"
        defer { for suffix in ["", "-wal", "-shm"] { unlink(path + suffix) } }
        let set = MigrationSet(module: "test", [Migration(1, "items", ["CREATE TABLE items (id TEXT PRIMARY KEY)"])])
        for _ in 0..<2 {
            let database = try SQLiteDatabase(path: path)
            try await database.migrate(set)
            try await database.write { try $0.execute("INSERT INTO items (id) VALUES (\("a")) ON CONFLICT DO NOTHING") }
            await database.close()
        }
        let database = try SQLiteDatabase(path: path)
        #expect(try await database.read { try $0.all("SELECT id FROM items") { try $0[0] as String } } == ["a"])
        await database.close()
    }
}
