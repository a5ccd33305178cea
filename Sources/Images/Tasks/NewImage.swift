import CloudCore

extension Image {
    /// An image of which nothing is known yet but whose it is.
    init(id: String, owner: String?, now: Timestamp = .now) {
        self.init(
            id: id, name: nil, owner: owner, status: .queued, visibility: .shared, diskFormat: nil, containerFormat: nil,
            minimumDiskGiB: 0, minimumMemoryMiB: 0, size: nil, virtualSize: nil, md5: nil, hashAlgorithm: nil, hash: nil,
            isProtected: false, isHidden: false, tags: [], properties: [:], locations: [], createdAt: now, updatedAt: now)
    }
}
