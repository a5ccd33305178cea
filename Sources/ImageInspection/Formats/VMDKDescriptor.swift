/// A VMDK descriptor's text, read with suspicion: a line that is not understood makes it invalid.
///
/// Three rules are stricter than upstream's. A parent's name is refused, because QEMU opens that file. Extents are sparse,
/// which they are within one file. And there is one create type only: upstream takes the first whatever its case, QEMU
/// the first in its own spelling.
struct VMDKDescriptor {
    /// All create types there are, in small letters; such as are too long to be one are empty.
    let createTypes: [String]
    private let text: ArraySlice<UInt8>

    private static let singleFile: Set<String> = ["monolithicsparse", "streamoptimized"]
    private static let longestType = 64
    private static let typeName = Array("createtype=\"".utf8)
    private static let parentName = Array("parentfilenamehint".utf8)
    private static let noParent = Array("=\"\"".utf8)
    private static let quote = UInt8(ascii: "\"")

    /// Reads a descriptor; nil when it is not ASCII.
    init?(_ bytes: ArraySlice<UInt8>) {
        guard bytes.allSatisfy({ $0 < 0x80 }) else { return nil }
        let text = bytes.map { (0x41...0x5A).contains($0) ? $0 | 0x20 : $0 }[...]
        self.text = text
        createTypes = Self.whatFollows(Self.typeName, in: text).map {
            let value = $0.prefix(Self.longestType).prefix { $0 != Self.quote }
            return value.count < Self.longestType ? String(decoding: value, as: UTF8.self) : ""
        }
    }

    /// The rest of the text after each place where a name stands.
    private static func whatFollows(_ name: [UInt8], in text: ArraySlice<UInt8>) -> [ArraySlice<UInt8>] {
        var found: [ArraySlice<UInt8>] = []
        var rest = text
        while let place = rest.firstIndex(of: name[0]) {
            rest = rest[place...]
            if rest.starts(with: name) { found.append(rest.dropFirst(name.count)) }
            rest = rest.dropFirst()
        }
        return found
    }

    /// What speaks against it.
    var failures: [SafetyFailure] {
        (typeFailure ?? parentFailure ?? lineFailure).map { [SafetyFailure(.descriptor, $0)] } ?? []
    }

    private var typeFailure: String? {
        guard let type = createTypes.first else { return "its descriptor has no create type" }
        if createTypes.count > 1 { return "its descriptor has several create types" }
        return Self.singleFile.contains(type) ? nil : "its create type is not within one file"
    }

    private var parentFailure: String? {
        let isAlone = Self.whatFollows(Self.parentName, in: text).allSatisfy { $0.starts(with: Self.noParent) }
        return isAlone ? nil : "its descriptor names a parent"
    }

    private var lineFailure: String? {
        var hasExtent = false
        for raw in text.split(separator: UInt8(ascii: "\n")) {
            switch Line(raw) {
            case .plain: continue
            case .extent(let failure?): return failure
            case .extent: hasExtent = true
            case .unknown: return "its descriptor has an unknown line"
            }
        }
        return hasExtent ? nil : "its descriptor has no extent"
    }

    /// What a line is.
    private enum Line {
        /// Nothing, a comment, a header field or a disk database's entry.
        case plain
        /// An extent, and what is wrong with it.
        case extent(String?)
        case unknown

        private static let accessModes = ["rw", "rdonly", "noaccess"].map { Array($0.utf8) }
        private static let space = UInt8(ascii: " ")

        init(_ raw: ArraySlice<UInt8>) {
            let blank: (UInt8) -> Bool = { $0 <= 0x20 }
            let start = raw.drop(while: blank)
            let line = start.prefix(upTo: start.lastIndex { !blank($0) }.map { $0 + 1 } ?? start.startIndex)
            let words = line.split(separator: Self.space, omittingEmptySubsequences: false)
            if line.isEmpty || line.first == UInt8(ascii: "#") || line.starts(with: "ddb".utf8) {
                self = .plain
            } else if let equals = line.firstIndex(of: UInt8(ascii: "=")), !line[..<equals].contains(Self.space) {
                self = .plain
            } else if let mode = words.first, Self.accessModes.contains(where: mode.elementsEqual) {
                self = .extent(Self.failure(line, words))
            } else {
                self = .unknown
            }
        }

        private static func failure(_ line: ArraySlice<UInt8>, _ words: [ArraySlice<UInt8>]) -> String? {
            if line.contains(where: { $0 == UInt8(ascii: "/") || $0 == UInt8(ascii: "\\") }) {
                return "its descriptor names a file elsewhere"
            }
            let isSparse = words.count > 2 && words[2].elementsEqual("sparse".utf8)
            return isSparse ? nil : "its descriptor has an extent that is not sparse"
        }
    }
}
