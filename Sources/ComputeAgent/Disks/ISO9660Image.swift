/// A CD-ROM's image (ECMA-119) with Joliet's names, which is what gives files longer names in lower case.
struct ISO9660Image: Sendable {
    private static let sector = 2048

    /// A folder in the order of the path table, with its place in the image.
    private struct Entry {
        var name: String
        var folder: FileTree.Folder
        var parent: Int
        /// The numbers of the folders in it.
        var children: [Int] = []
        var shortExtent = 0
        var longExtent = 0
    }

    /// The image.
    let bytes: [UInt8]

    /// An image of files with a label.
    init(_ tree: FileTree, label: String) {
        var layout = Layout(tree)
        bytes = layout.write(label: label)
    }

    /// Two sets of names over one set of files: the short ones that the standard asks for, and Joliet's.
    private enum Names { case short, long }

    private struct Layout {
        var entries: [Entry] = []
        /// Where each file's content begins, in the order of entries and their files.
        var extents: [[Int]] = []
        var next = 19
        var tables: [Names: (size: Int, little: Int, big: Int)] = [:]

        init(_ tree: FileTree) {
            entries = [Entry(name: "", folder: tree.root, parent: 0)]
            var index = 0
            while index < entries.count {
                for child in entries[index].folder.folders {
                    entries[index].children.append(entries.count)
                    entries.append(Entry(name: child.name, folder: child.folder, parent: index))
                }
                index += 1
            }
            for names in [Names.short, .long] {
                let size = pathTable(names, bigEndian: false).count
                tables[names] = (size, take(size), take(size))
            }
            for index in entries.indices { entries[index].shortExtent = take(directory(index, .short).count) }
            for index in entries.indices { entries[index].longExtent = take(directory(index, .long).count) }
            extents = entries.map { $0.folder.files.map { _ in 0 } }
            for index in entries.indices {
                for (number, file) in entries[index].folder.files.enumerated() { extents[index][number] = take(file.bytes.count) }
            }
        }

        /// Sets room aside, at least one sector.
        private mutating func take(_ size: Int) -> Int {
            defer { next += max(1, (size + sector - 1) / sector) }
            return next
        }

        mutating func write(label: String) -> [UInt8] {
            var image = [UInt8](repeating: 0, count: next * sector)
            func put(_ bytes: [UInt8], at extent: Int) { image.replaceSubrange(extent * sector..<extent * sector + bytes.count, with: bytes) }
            put(descriptor(.short, label), at: 16)
            put(descriptor(.long, label), at: 17)
            put([255] + Array("CD001".utf8) + [1], at: 18)
            for names in [Names.short, .long] {
                guard let table = tables[names] else { continue }
                put(pathTable(names, bigEndian: false), at: table.little)
                put(pathTable(names, bigEndian: true), at: table.big)
            }
            for index in entries.indices {
                put(directory(index, .short), at: entries[index].shortExtent)
                put(directory(index, .long), at: entries[index].longExtent)
                for (number, file) in entries[index].folder.files.enumerated() { put(file.bytes, at: extents[index][number]) }
            }
            return image
        }

        // MARK: Parts

        private func identifier(_ name: String, _ names: Names, _ short: String) -> [UInt8] {
            names == .short ? Array(short.utf8) : name.utf16.flatMap { [UInt8($0 >> 8), UInt8(truncatingIfNeeded: $0)] }
        }

        private func extent(_ index: Int, _ names: Names) -> Int { names == .short ? entries[index].shortExtent : entries[index].longExtent }

        /// Numbers as names sort as the names that they stand for.
        private static func short(_ letter: String, _ number: Int) -> String {
            let digits = String(number)
            return letter + String(repeating: "0", count: max(0, 7 - digits.count)) + digits
        }

        private func pathTable(_ names: Names, bigEndian: Bool) -> [UInt8] {
            var table: [UInt8] = []
            for (index, entry) in entries.enumerated() {
                let name = index == 0 ? [0] : identifier(entry.name, names, Self.short("D", index))
                table += [UInt8(name.count), 0] + number(extent(index, names), 4, bigEndian: bigEndian)
                table += number(entry.parent + 1, 2, bigEndian: bigEndian) + name + (name.count.isMultiple(of: 2) ? [] : [0])
            }
            return table
        }

        private func directory(_ index: Int, _ names: Names) -> [UInt8] {
            let entry = entries[index]
            var records = [
                record([0], extent(index, names), directorySize(index, names), isDirectory: true),
                record([1], extent(entry.parent, names), directorySize(entry.parent, names), isDirectory: true),
            ]
            for child in entry.children {
                let name = identifier(entries[child].name, names, Self.short("D", child))
                records.append(record(name, extent(child, names), directorySize(child, names), isDirectory: true))
            }
            for (number, file) in entry.folder.files.enumerated() {
                let name = identifier(file.name, names, Self.short("F", number) + ".;1")
                let place = extents.isEmpty ? 0 : extents[index][number]
                records.append(record(name, place, file.bytes.count, isDirectory: false))
            }
            return Self.inSectors(records)
        }

        private func directorySize(_ index: Int, _ names: Names) -> Int {
            let entry = entries[index]
            let lengths = entry.children.map { identifier(entries[$0].name, names, Self.short("D", $0)).count }
                + entry.folder.files.enumerated().map { identifier($0.element.name, names, Self.short("F", $0.offset) + ".;1").count }
            return Self.inSectors(([1, 1] + lengths).map { [UInt8](repeating: 0, count: 33 + $0 + ($0.isMultiple(of: 2) ? 1 : 0)) }).count
        }

        /// No record goes from one sector into the next.
        private static func inSectors(_ records: [[UInt8]]) -> [UInt8] {
            var bytes: [UInt8] = []
            for record in records {
                if bytes.count % sector + record.count > sector { bytes += [UInt8](repeating: 0, count: sector - bytes.count % sector) }
                bytes += record
            }
            return bytes + [UInt8](repeating: 0, count: (sector - bytes.count % sector) % sector)
        }

        private func record(_ name: [UInt8], _ extent: Int, _ size: Int, isDirectory: Bool) -> [UInt8] {
            let body = both(extent, 4) + both(size, 4) + ISO9660Image.date + [isDirectory ? 2 : 0, 0, 0] + both(1, 2)
                + [UInt8(name.count)] + name + (name.count.isMultiple(of: 2) ? [0] : [])
            return [UInt8(body.count + 2), 0] + body
        }

        private func descriptor(_ names: Names, _ label: String) -> [UInt8] {
            func text(_ text: String, _ length: Int) -> [UInt8] {
                let bytes = identifier(text, names, text)
                let pad: [UInt8] = names == .short ? [32] : [0, 32]
                let filled = Array((bytes + (0..<length).flatMap { _ in pad }).prefix(length / pad.count * pad.count))
                return filled + [UInt8](repeating: 0, count: length - filled.count)
            }
            let table = tables[names] ?? (0, 0, 0)
            var bytes: [UInt8] = [names == .short ? 1 : 2] + Array("CD001".utf8) + [1, 0]
            bytes += text("", 32) + text(label, 32) + [UInt8](repeating: 0, count: 8) + both(next, 4)
            // Joliet's mark: UCS-2, level 3.
            bytes += (names == .short ? [] : [0x25, 0x2f, 0x45]) + [UInt8](repeating: 0, count: names == .short ? 32 : 29)
            bytes += both(1, 2) + both(1, 2) + both(sector, 2) + both(table.size, 4)
            bytes += number(table.little, 4, bigEndian: false) + number(0, 4, bigEndian: false)
            bytes += number(table.big, 4, bigEndian: true) + number(0, 4, bigEndian: true)
            bytes += record([0], extent(0, names), directorySize(0, names), isDirectory: true)
            for _ in 0..<4 { bytes += text("", 128) }
            for _ in 0..<3 { bytes += text("", 37) }
            for _ in 0..<4 { bytes += [UInt8](repeating: 0x30, count: 16) + [0] }
            return bytes + [1]
        }

        private func number(_ value: Int, _ length: Int, bigEndian: Bool) -> [UInt8] {
            let bytes = (0..<length).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
            return bigEndian ? bytes.reversed() : bytes
        }

        /// A number in both byte orders.
        private func both(_ value: Int, _ length: Int) -> [UInt8] {
            number(value, length, bigEndian: false) + number(value, length, bigEndian: true)
        }
    }

    /// The first day of 2026: equal files make equal images.
    private static let date: [UInt8] = [126, 1, 1, 0, 0, 0, 0]
}
