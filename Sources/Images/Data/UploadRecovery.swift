import CloudCore
import CloudStore
import ImageStores

/// What a crash of this host cut off is given up at its next start. What other hosts do goes on.
extension Images.Parts {
    /// Images whose upload was cut off wait for their bytes again.
    func recoverUploads() async throws {
        for id in try await database.read({ try ImageRecords.withStatus(.saving, in: $0) }) { try await giveUp(id, in: .saving) }
    }

    /// Images whose staged bytes were cut off wait for new ones.
    func recoverStaged() async throws {
        let uploading = try await database.read { try ImageRecords.withStatus(.uploading, in: $0) }
        for id in uploading where StagingArea.Name(image: id).flatMap(imports.staging.size) == nil {
            try await giveUp(id, in: .uploading)
        }
    }

    private func giveUp(_ id: String, in status: Image.Status) async throws {
        let here = options.imports.hostName
        try await database.write { transaction in
            guard var image = try ImageRecords.find(id, in: transaction), image.status == status,
                image.properties[ImportMark.stageHost].map({ $0 == here }) ?? true
            else { return }
            (image.status, image.size, image.updatedAt) = (.queued, nil, .now)
            image.properties[ImportMark.stageHost] = nil
            try ImageRecords.update(image, in: transaction)
        }
    }
}
