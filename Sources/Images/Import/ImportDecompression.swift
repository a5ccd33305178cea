import CloudWorkflow
import ImageStores
import NIOCore

/// Unpacks a staged file that is compressed as a whole (upstream's image_decompression): gzip, or a ZIP archive of one
/// file.
struct ImportDecompression: Sendable {
    let staging: StagingArea
    /// How many bytes may come out.
    let limit: Int

    /// - Returns: the unpacked file; the file itself when nothing says that it is packed.
    /// - Throws: `WorkflowStop` for what is damaged, too large, or packed in a way that can't be undone here.
    func run(_ source: StagingArea.Name) async throws -> StagingArea.Name {
        let content = try staging.open(source)
        let head = try await content.read(at: 0, count: 5)
        guard let packing = Packing(head) else { return source }
        guard packing != .lha, let target = StagingArea.Name(image: source.image, suffix: "uc") else {
            throw WorkflowStop("LHA archives can't be unpacked.")
        }
        let file = try staging.begin(target)
        do {
            try await unpack(content, packing, into: Sink(file: file, limit: limit))
            _ = try await file.finish()
        } catch {
            await file.abort()
            throw Self.stop(error)
        }
        return target
    }

    private func unpack(_ content: any ImageContent, _ packing: Packing, into sink: Sink) async throws {
        switch packing {
        case .gzip: try await gunzip(content, into: sink)
        case .zip: try await unzip(try await ZIPEntry(only: content), of: content, into: sink)
        case .lha: throw UnpackingError.unsupported
        }
    }

    private static func stop(_ error: any Error) -> any Error {
        switch error {
        case let error as UnpackingError: WorkflowStop("The image could not be decompressed: \(error.description).")
        case ImageStoreError.full: WorkflowStop("The staging area is full.")
        default: error
        }
    }

    // MARK: Formats

    /// Members follow each other, with zeros between and behind them (RFC 1952, and what gzip and tapes do).
    private func gunzip(_ content: any ImageContent, into sink: Sink) async throws {
        let inflater = try Inflater(.gzip)
        var (sink, isWithin) = (sink, true)
        for try await piece in pieces(content, 0..<content.size) {
            var piece = piece
            while piece.readableBytes > 0 {
                if !isWithin {
                    piece.moveReaderIndex(forwardBy: piece.readableBytesView.prefix { $0 == 0 }.count)
                    guard piece.readableBytes > 0 else { break }
                    try inflater.reset()
                }
                isWithin = try await !inflate(&piece, by: inflater, into: &sink)
            }
        }
        guard !isWithin else { throw UnpackingError.damaged }
    }

    private func unzip(_ entry: ZIPEntry, of content: any ImageContent, into sink: Sink) async throws {
        let inflater = entry.isDeflated ? try Inflater(.none) : nil
        var (sink, isWithin) = (sink, true)
        for try await piece in pieces(content, entry.data) {
            var piece = piece
            if let inflater {
                if isWithin { isWithin = try await !inflate(&piece, by: inflater, into: &sink) }
                guard piece.readableBytes == 0 else { throw UnpackingError.damaged }
            } else {
                try await sink.write(piece)
            }
        }
        guard inflater == nil || !isWithin, sink.checksum == entry.checksum, sink.count == entry.size else {
            throw UnpackingError.damaged
        }
    }

    /// Inflates a piece until it or the stream ends.
    /// - Returns: whether the stream has ended.
    private func inflate(_ piece: inout ByteBuffer, by inflater: Inflater, into sink: inout Sink) async throws -> Bool {
        while true {
            var output = ByteBuffer()
            let isOver = try inflater.inflate(&piece, into: &output, atMost: Images.Parts.chunk)
            try await sink.write(output)
            // With room left, everything that the input gives is out.
            if isOver || output.readableBytes < Images.Parts.chunk { return isOver }
        }
    }

    private func pieces(_ content: any ImageContent, _ range: Range<Int>) -> ImageChunks {
        ImageChunks(content: content, range: range, chunk: Images.Parts.chunk)
    }
}

extension ImportDecompression {
    /// How bytes are packed, by how they begin.
    private enum Packing {
        case gzip, zip, lha

        init?(_ head: ByteBuffer) {
            let bytes = Array(head.readableBytesView)
            if bytes.starts(with: [0x1F, 0x8B, 0x08]) {
                self = .gzip
            } else if bytes.starts(with: [0x50, 0x4B, 0x03, 0x04]) {
                self = .zip
            } else if bytes.dropFirst(2).starts(with: "-lh".utf8) {
                self = .lha
            } else {
                return nil
            }
        }
    }

    /// Where bytes go, counted and summed up.
    private struct Sink {
        let file: StagedFile
        let limit: Int
        private(set) var count = 0
        private(set) var checksum = CRC32()

        init(file: StagedFile, limit: Int) { (self.file, self.limit) = (file, limit) }

        mutating func write(_ bytes: ByteBuffer) async throws {
            try Task.checkCancellation()
            guard bytes.readableBytes > 0 else { return }
            count += bytes.readableBytes
            guard count <= limit else { throw UnpackingError.tooLarge }
            checksum.add(bytes)
            try await file.append(bytes)
        }
    }
}

/// Why bytes can't be unpacked.
enum UnpackingError: Error, Sendable, CustomStringConvertible {
    /// They are cut off, or not what they say.
    case damaged
    /// More comes out than an image may have.
    case tooLarge
    /// An archive holds more than one file, or none.
    case severalFiles
    /// The way of packing is not known here.
    case unsupported

    var description: String {
        switch self {
        case .damaged: "the data is damaged"
        case .tooLarge: "it would be larger than images may be"
        case .severalFiles: "the archive does not hold exactly one file"
        case .unsupported: "it is packed in a way that is not supported"
        }
    }
}
