/// The uploads under way in this process.
actor UploadRegistry {
    private var images: Set<String> = []

    var isEmpty: Bool { images.isEmpty }

    /// - Returns: false when the image is being uploaded already.
    func begin(_ id: String) -> Bool { images.insert(id).inserted }

    func end(_ id: String) { images.remove(id) }
}
