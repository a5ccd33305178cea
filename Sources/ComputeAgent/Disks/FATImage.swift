import ComputeMessages

/// A disk of one FAT16 file system (Microsoft's FAT specification, 1.03) without a partition table, with long names.
struct FATImage: Sendable {
    private static let sector = 512
    private static let sectorsInCluster = 4
    private static let cluster = sector * sectorsInCluster
    private static let rootEntries = 512

    /// The image.
    let bytes: [UInt8]

    /// An image of files with a label.
    /// - Throws: `GuestFailure` when there are too many of them in the topmost folder.
    init(_ tree: FileTree, label: String) throws {
        var contents = Contents()
        let root = Self.labelEntry(label) + contents.add(tree.root, isRoot: true, parent: 0)
        guard root.count <= Self.rootEntries * 32 else {
            throw GuestFailure(.unsupported, "The config drive has too many files for FAT.")
        }
        // FAT16 is what has from 4085 to 65524 clusters.
        let clusters = max(5000, contents.data.count + 16)
        let fatSectors = ((clusters + 2) * 2 + Self.sector - 1) / Self.sector
        var image = Self.bootSector(clusters: clusters, fatSectors: fatSectors, label: label)
        var table = contents.table
        table.replaceSubrange(0..<2, with: [0xfff8, 0xffff])
        let fat = table.flatMap { [UInt8(truncatingIfNeeded: $0), UInt8($0 >> 8)] }
        let paddedFAT = fat + [UInt8](repeating: 0, count: fatSectors * Self.sector - fat.count)
        image += paddedFAT + paddedFAT + root + [UInt8](repeating: 0, count: Self.rootEntries * 32 - root.count)
        image += contents.data.joined()
        image += [UInt8](repeating: 0, count: (clusters - contents.data.count) * Self.cluster)
        bytes = image
    }

    /// What fills clusters, and the chains that link them.
    private struct Contents {
        var table: [UInt16] = [0, 0]
        var data: [[UInt8]] = []

        /// Puts bytes into clusters of their own.
        /// - Returns: the first of them; zero for no bytes.
        mutating func store(_ bytes: [UInt8]) -> Int {
            let first = reserve((bytes.count + cluster - 1) / cluster)
            fill(first, bytes)
            return first
        }

        mutating func reserve(_ count: Int) -> Int {
            guard count > 0 else { return 0 }
            let first = table.count
            for number in 0..<count {
                table.append(number == count - 1 ? 0xffff : UInt16(truncatingIfNeeded: first + number + 1))
                data.append([UInt8](repeating: 0, count: cluster))
            }
            return first
        }

        mutating func fill(_ first: Int, _ bytes: [UInt8]) {
            for start in stride(from: 0, to: bytes.count, by: cluster) {
                let piece = bytes[start..<min(bytes.count, start + cluster)]
                data[first - 2 + start / cluster].replaceSubrange(0..<piece.count, with: piece)
            }
        }

        /// Puts a folder's files and folders into clusters.
        /// - Returns: the folder's own entries.
        mutating func add(_ folder: FileTree.Folder, isRoot: Bool, parent: Int, own: Int = 0) -> [UInt8] {
            var entries = isRoot ? [] : FATImage.entry(".          ", 0x10, own, 0) + FATImage.entry("..         ", 0x10, parent, 0)
            var number = 0
            for file in folder.files {
                number += 1
                entries += FATImage.named(file.name, number, 0x20, store(file.bytes), file.bytes.count)
            }
            for child in folder.folders {
                number += 1
                let place = reserve((FATImage.size(of: child.folder) + cluster - 1) / cluster)
                fill(place, add(child.folder, isRoot: false, parent: isRoot ? 0 : own, own: place))
                entries += FATImage.named(child.name, number, 0x10, place, 0)
            }
            return entries
        }
    }

    /// The bytes of a folder's entries.
    private static func size(of folder: FileTree.Folder) -> Int {
        let names = folder.files.map(\.name) + folder.folders.map(\.name)
        return 64 + names.reduce(0) { $0 + 32 * (1 + ($1.utf16.count + 12) / 13) }
    }

    private static func entry(_ name: String, _ attributes: UInt8, _ cluster: Int, _ size: Int) -> [UInt8] {
        Array(name.utf8.prefix(11)) + [attributes] + [UInt8](repeating: 0, count: 12) + [0x21, 0x5c]
            + little(cluster, 2) + little(size, 4)
    }

    private static func labelEntry(_ label: String) -> [UInt8] { entry(padded(label), 0x08, 0, 0) }

    private static func padded(_ text: String) -> String { String((text + "           ").prefix(11)) }

    /// An entry under a number for a name, and before it those that hold the long name, last part first.
    private static func named(_ name: String, _ number: Int, _ attributes: UInt8, _ cluster: Int, _ size: Int) -> [UInt8] {
        let digits = String(number)
        let short = String(repeating: "0", count: max(0, 8 - digits.count)) + digits + "   "
        let sum = short.utf8.reduce(UInt8(0)) { ($0 >> 1 | $0 << 7) &+ $1 }
        var units = Array(name.utf16)
        let parts = (units.count + 12) / 13
        if units.count < parts * 13 { units += [0] + [UInt16](repeating: 0xffff, count: parts * 13 - units.count - 1) }
        var bytes: [UInt8] = []
        for part in (0..<parts).reversed() {
            let text = units[part * 13..<part * 13 + 13].flatMap { [UInt8(truncatingIfNeeded: $0), UInt8($0 >> 8)] }
            bytes += [UInt8(part + 1) | (part == parts - 1 ? 0x40 : 0)] + text[0..<10] + [0x0f, 0, sum] + text[10..<22] + [0, 0] + text[22..<26]
        }
        return bytes + entry(short, attributes, cluster, size)
    }

    private static func bootSector(clusters: Int, fatSectors: Int, label: String) -> [UInt8] {
        let total = 1 + fatSectors * 2 + rootEntries * 32 / sector + clusters * sectorsInCluster
        var bytes: [UInt8] = [0xeb, 0x3c, 0x90] + Array("ALTOSTCK".utf8)
        bytes += little(sector, 2) + [UInt8(sectorsInCluster)] + little(1, 2) + [2] + little(rootEntries, 2)
        bytes += little(total < 65_536 ? total : 0, 2) + [0xf8] + little(fatSectors, 2) + little(32, 2) + little(64, 2)
        bytes += little(0, 4) + little(total < 65_536 ? 0 : total, 4) + [0x80, 0, 0x29] + little(0x2026_0101, 4)
        bytes += Array(padded(label).utf8) + Array("FAT16   ".utf8)
        return bytes + [UInt8](repeating: 0, count: 510 - bytes.count) + [0x55, 0xaa]
    }

    private static func little(_ value: Int, _ length: Int) -> [UInt8] {
        (0..<length).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
    }
}
