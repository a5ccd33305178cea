import CloudStore

/// What the image service needs of the key manager.
public protocol ImageKeys: Sendable {
    /// Removes a key within the caller's transaction, if it is a project's. Another's, or one that is gone, is left alone.
    func deleteKey(_ id: String, of projectID: String, in transaction: any Transaction) throws
}

extension Images.Parts {
    /// Removes an image's row, lets go of its bytes, and removes the key of those that were encrypted for it alone.
    func remove(_ image: Image, in transaction: any Transaction) throws {
        try ImageRecords.delete(image, in: transaction)
        try abandonImport(of: image.id, in: transaction)
        if let owner = image.owner, let key = image.properties["cinder_encryption_key_id"],
            image.properties["cinder_encryption_key_deletion_policy"] == "on_image_deletion" {
            try keys?.deleteKey(key, of: owner, in: transaction)
        }
        transaction.onCommit(collectGarbage)
    }
}
