import ComputeMessages

/// A config drive as the bytes of a disk.
enum ConfigDriveImage {
    /// The label by which guests find it.
    static let label = "config-2"
    /// The most bytes of all files together; Nova's drives have 64 MiB.
    static let limit = 64 << 20

    /// The drive's image.
    /// - Throws: `GuestFailure` for a path that leads elsewhere, for too much content, and for a format that isn't made.
    static func bytes(of drive: ConfigDrive) throws -> [UInt8] {
        guard drive.files.reduce(0, { $0 + $1.bytes.count }) <= limit else {
            throw GuestFailure(.unsupported, "The config drive's files have more than \(limit >> 20) MiB.")
        }
        let tree = try FileTree(drive.files)
        switch drive.format {
        case .iso9660: return ISO9660Image(tree, label: label).bytes
        case .vfat: return try FATImage(tree, label: label).bytes
        }
    }
}

/// Files in folders.
struct FileTree: Sendable {
    /// A folder's content, each by its name.
    struct Folder: Sendable {
        var folders: [(name: String, folder: Folder)] = []
        var files: [(name: String, bytes: [UInt8])] = []

        mutating func add(_ bytes: [UInt8], at path: ArraySlice<Substring>) {
            guard let first = path.first.map(String.init) else { return }
            if path.count == 1 {
                files.removeAll { $0.name == first }
                return files.append((first, bytes))
            }
            if let index = folders.firstIndex(where: { $0.name == first }) {
                folders[index].folder.add(bytes, at: path.dropFirst())
            } else {
                var folder = Folder()
                folder.add(bytes, at: path.dropFirst())
                folders.append((first, folder))
            }
        }

        func sorted() -> Folder {
            Folder(
                folders: folders.map { ($0.name, $0.folder.sorted()) }.sorted { $0.name < $1.name },
                files: files.sorted { $0.name < $1.name })
        }
    }

    /// The topmost folder, sorted throughout.
    let root: Folder

    /// Sorts files into folders.
    /// - Throws: `GuestFailure` for a path that isn't plain.
    init(_ files: [ConfigDrive.File]) throws {
        var root = Folder()
        for file in files {
            let parts = file.path.split(separator: "/", omittingEmptySubsequences: false)
            let isPlain = parts.count <= 8 && parts.allSatisfy { part in
                (1...64).contains(part.utf16.count) && part != "." && part != ".."
                    && part.unicodeScalars.allSatisfy { $0.value >= 32 && !"\\*/:;?\"<>|".unicodeScalars.contains($0) }
            }
            guard isPlain else { throw GuestFailure(.unsupported, "A file of the config drive has a path that can't be: \(file.path)") }
            root.add([UInt8](file.bytes), at: parts[...])
        }
        self.root = root.sorted()
    }
}
