import CloudStore
import CloudWorkflow

/// The first step of a workflow that takes bytes away, moves or changes them: what is to be made of them was accepted before, and is made
/// first.
extension Step {
    /// Waits for the volumes that are being made of a volume and of its snapshots.
    static func awaitCopies(ofVolume id: @escaping @Sendable (State) -> String, _ storage: BlockStorage.Parts) -> Step {
        .action("await-copies", timeout: BlockStorage.Parts.copyTime) { state, _ in
            let volume = id(state)
            try await storage.wait { try VolumeRecords.areBeingMade(ofVolume: volume, in: $0) }
        }
    }

    /// Waits for the volumes that are being made of a snapshot.
    static func awaitCopies(ofSnapshot id: @escaping @Sendable (State) -> String, _ storage: BlockStorage.Parts) -> Step {
        .action("await-copies", timeout: BlockStorage.Parts.copyTime) { state, _ in
            let snapshot = id(state)
            try await storage.wait { try VolumeRecords.areBeingMade(ofSnapshot: snapshot, in: $0) }
        }
    }
}

extension BlockStorage.Parts {
    /// How long the making of a volume may take.
    fileprivate static let copyTime = Duration.seconds(2 * 3600)

    /// Looks again and again, until the condition does not hold any more or the step's time is up.
    fileprivate func wait(while condition: @escaping @Sendable (any Reader) throws -> Bool) async throws {
        var pause = Duration.milliseconds(20)
        while try await database.read(condition) {
            try await Task.sleep(for: pause)
            pause = min(pause * 1.5, .seconds(1))
        }
    }
}
