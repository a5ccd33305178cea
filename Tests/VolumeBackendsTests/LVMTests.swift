import CloudCore
import Foundation
import Testing
import VolumeMessages

@testable import VolumeBackends

/// The commands that LVM is given (lvcreate(8), lvs(8), lvrename(8), lvchange(8)), and what a killed program leaves.
@Suite(.serialized, .timeLimit(.minutes(1))) struct LVMTests {
    private let arm: LVMArm

    init() throws { arm = try LVMArm() }

    @Test func commandsAreAsRecorded() async throws {
        let backend = try await arm.openVolumes()
        var one = VolumeSpecification(id: "1", name: "volume-1", sizeGiB: 1)
        try await backend.create(one, .blank)
        #expect(arm.commands.takeCommands() == [
            "lvcreate -q -y -W n -V 1073741824b --thin -n volume-1 --addtag altostack.part vg/thin",
            "lvchange -q --deltag altostack.part vg/volume-1",
        ])
        let taken = SnapshotSpecification(id: "2", name: "snapshot-2", volume: one)
        _ = try await backend.createSnapshot(taken, isAttached: true, isCopied: false)
        one.sizeGiB = 2
        _ = try await backend.extend(one, isAttached: false)
        #expect(arm.commands.takeCommands() == [
            "lvcreate -q -y -s -k n -n _snapshot-2 --addtag altostack.of=volume-1 vg/volume-1",
            "lvextend -q -L 2147483648b vg/volume-1",
        ])
        _ = try await backend.rename("volume-1", to: "volume-3", of: nil, in: "")
        #expect(arm.commands.takeCommands() == [
            "lvrename -q vg volume-1 volume-3",
            "lvchange -q --addtag altostack.of=volume-3 --deltag altostack.of=volume-1 vg/_snapshot-2",
        ])
        one.name = "volume-3"
        try await backend.deleteSnapshot(SnapshotSpecification(id: "2", name: "snapshot-2", volume: one))
        try await backend.delete(one)
        #expect(arm.commands.takeCommands() == ["lvremove -q -f vg/_snapshot-2", "lvremove -q -f vg/volume-3"])
    }

    /// Killed while it made a volume, and between the two steps of setting one back.
    @Test func aStartGoesOnFromWhatWasLeft() async throws {
        let backend = try await arm.openVolumes()
        let (one, kept) = (volume(), volume())
        try await backend.volumes.create(one.name, bytes: 1 << 30, tags: [LogicalVolume.partTag])
        try await backend.create(kept, .blank)
        try await backend.put(3, in: kept)
        let marks = [LogicalVolume.partTag, LogicalVolume.tag(replacing: kept.name)]
        try await backend.volumes.snapshot("part-1", of: kept.name, tags: marks)
        try await backend.volumes.remove(kept.name)
        let again = try await arm.openVolumes()
        #expect(try await again.volumes(in: "").map(\.name) == [kept.name])
        #expect(try await again.pattern(in: kept) == 3)
    }

    @Test func whatLVMCantDoIsRefused() async throws {
        let backend = try await arm.openVolumes()
        #expect(await code { try await backend.create(volume("a/b"), .blank) } == .notFound)
        let encryption = VolumeEncryption(keyID: "k", passphrase: "p")
        #expect(await code { try await backend.create(volume(encryption: encryption), .blank) } == .unsupported)
        let pool = try #require(try await backend.pools().first)
        #expect(pool.totalGiB == 100)
        #expect(pool.freeGiB == 98.5)
    }
}
