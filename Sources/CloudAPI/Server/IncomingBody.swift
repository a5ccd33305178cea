import HTTPTypes
import NIOCore

/// One request's body on its way from the event loop to its reader.
struct IncomingBody {
    private typealias Strategy = NIOAsyncSequenceProducerBackPressureStrategies.HighLowWatermark
    private typealias Producer = NIOThrowingAsyncSequenceProducer<ByteBuffer, any Error, Strategy, Reader>

    /// Tells the event loop what the reader does.
    private final class Reader: NIOAsyncSequenceProducerDelegate {
        private let resume: @Sendable () -> Void

        init(_ resume: @escaping @Sendable () -> Void) { self.resume = resume }

        func produceMore() { resume() }
        func didTerminate() { resume() }
    }

    /// The bytes for the reader; may be read once.
    let sequence: any AsyncSequence<ByteBuffer, any Error> & Sendable
    /// Whether the reader has more than it takes at present.
    private(set) var isBehind = false
    private let source: Producer.Source

    /// A body.
    /// - Parameter resume: called, from any thread, when a reader that was behind has caught up.
    init(_ context: ChannelHandlerContext, resume: @escaping @Sendable () -> Void) {
        let made = Producer.makeSequence(
            elementType: ByteBuffer.self, failureType: (any Error).self,
            backPressureStrategy: Strategy(lowWatermark: 2, highWatermark: 10), finishOnDeinit: true, delegate: Reader(resume))
        (sequence, source) = (made.sequence, made.source)
    }

    /// Whether a request with this head has a body.
    static func isExpected(_ head: HTTPRequest) -> Bool {
        if head.headerFields.contains(.transferEncoding) { return true }
        return head.headerFields.first(.contentLength).map { $0 != "0" } ?? false
    }

    mutating func yield(_ bytes: ByteBuffer) {
        if case .stopProducing = source.yield(contentsOf: CollectionOfOne(bytes)) { isBehind = true }
    }

    mutating func resume() { isBehind = false }

    func finish(failing error: (any Error)? = nil) {
        if let error { source.finish(error) } else { source.finish() }
    }
}
