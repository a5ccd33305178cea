import CloudCore
import Foundation
import Testing
import VolumeMessages

@testable import BlockStorage

@Suite struct BackupRecordTests {
    private func backup() -> Backup {
        var backup = Backup(
            id: Identifier.uuid(), projectID: "p", userID: "u", name: "nightly", description: nil, volumeID: Identifier.uuid(),
            status: .available, size: 3, driver: "nfs", createdAt: Timestamp(seconds: 1_700_000_000))
        (backup.parentID, backup.objectCount, backup.metadata) = (Identifier.uuid(), 7, ["a": "b"])
        backup.dataTimestamp = Timestamp(seconds: 1_700_000_000)
        return backup
    }

    @Test func aRecordBringsABackupBack() throws {
        let original = backup()
        let read = try BackupRecord.backup(BackupRecord.text(of: original), driver: "nfs", projectID: "q", userID: "v")
        #expect(read.id == original.id)
        #expect(read.dataID == original.id)
        #expect(read.parentID == original.parentID)
        #expect(read.size == 3)
        #expect(read.objectCount == 7)
        #expect(read.metadata == ["a": "b"])
        #expect(read.dataTimestamp == original.dataTimestamp)
        #expect(read.projectID == "q")
    }

    /// Its bytes are where the first one's are, whatever id the record is given.
    @Test func anotherIdKeepsTheBytes() throws {
        let original = backup()
        let other = Identifier.uuid()
        let text = try #require(Data(base64Encoded: BackupRecord.text(of: original)))
        let changed = String(decoding: text, as: UTF8.self).replacing("\"id\":\"\(original.id)\"", with: "\"id\":\"\(other)\"")
        let read = try BackupRecord.backup(
            Data(changed.utf8).base64EncodedString(), driver: "nfs", projectID: "q", userID: "v")
        #expect(read.id == other)
        #expect(read.specification.id == original.id)
    }

    @Test(arguments: ["", "bm9uc2Vuc2U=", "e30=", "eyJpZCI6Ii4uLy4uL2V0YyIsInNpemUiOjF9"])
    func whatIsNoRecordIsRefused(text: String) {
        #expect(throws: BlockStorageError.self) {
            _ = try BackupRecord.backup(text, driver: "file", projectID: "q", userID: "v")
        }
    }

    @Test func everyDriverHasAServiceOfItsOwn() {
        for driver in ["file", "nfs", "swift"] { #expect(BackupRecord.driver(of: BackupRecord.service(of: driver)) == driver) }
        #expect(BackupRecord.driver(of: "cinder.backup.drivers.none") == nil)
    }
}
