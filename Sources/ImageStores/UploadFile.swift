import Foundation

/// Files that are being written. Their writer holds a lock on them, which the system takes back when the writer's process
/// ends in whatever way: what nobody has locked is a leftover.
enum UploadFile {
    /// Makes a file that isn't there, for writing, and locks it.
    /// - Throws: `ImageStoreError.io`.
    static func make(_ path: String) throws -> Descriptor {
        while true {
            let descriptor = try Descriptor(opening: path, O_WRONLY | O_CREAT | O_EXCL, mode: 0o640)
            guard flock(descriptor.number, LOCK_EX) == 0 else { throw ImageStoreError.io(operation: "lock", errno: errno) }
            var info = stat()
            guard fstat(descriptor.number, &info) == 0 else { throw ImageStoreError.io(operation: "stat", errno: errno) }
            // Another process may have taken it for a leftover before it was locked.
            if info.st_nlink > 0 { return descriptor }
        }
    }

    /// Removes a file unless somebody writes it.
    /// - Throws: `ImageStoreError.io`.
    static func removeLeftover(_ path: String) throws {
        let descriptor: Descriptor
        do {
            descriptor = try Descriptor(opening: path, O_WRONLY)
        } catch ImageStoreError.io(_, ENOENT) {
            return
        }
        guard flock(descriptor.number, LOCK_EX | LOCK_NB) == 0 else { return }
        guard unlink(path) == 0 || errno == ENOENT else { throw ImageStoreError.io(operation: "unlink", errno: errno) }
    }
}
