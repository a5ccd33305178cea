import CloudCore

/// What makes two messages the same work. The method is part of it, so that a key used for two methods by mistake
/// never yields the other's answer.
struct BusWorkKey: Hashable {
    let method: String
    let key: String

    init?(_ envelope: BusEnvelope) {
        guard let key = envelope.key else { return nil }
        (self.method, self.key) = (envelope.method, key)
    }
}

/// The answers a listener gave lately, so that a repeated message gets the first one's answer instead of being
/// carried out again. Bounded in number, bytes and time; beyond that, handlers' own idempotency has to do.
struct AnswerMemory {
    /// How much is remembered.
    struct Limits {
        var count = 1_024
        var bytes = 4 << 20
        var lifetime = Duration.seconds(600)
    }

    private let limits: Limits
    private var answers: [BusWorkKey: (payload: [UInt8], expires: Timestamp)] = [:]
    /// The keys in the order in which they were remembered, which is also the order in which they expire. Those
    /// before `oldest` are forgotten.
    private var order: [BusWorkKey] = []
    private var oldest = 0
    private var bytes = 0

    init(limits: Limits = Limits()) { self.limits = limits }

    /// How many answers are held.
    var count: Int { answers.count }

    /// The answer given under this key, unless it was too long ago.
    func answer(_ key: BusWorkKey, now: Timestamp) -> [UInt8]? {
        guard let answer = answers[key], answer.expires > now else { return nil }
        return answer.payload
    }

    /// Remembers an answer and forgets what is too old or too much.
    mutating func remember(_ payload: [UInt8], for key: BusWorkKey, now: Timestamp) {
        while oldest < order.count, let first = answers[order[oldest]], first.expires <= now { forgetOldest() }
        guard answers[key] == nil, payload.count <= limits.bytes else { return }
        answers[key] = (payload, now + limits.lifetime)
        order.append(key)
        bytes += payload.count
        while answers.count > limits.count || bytes > limits.bytes { forgetOldest() }
    }

    private mutating func forgetOldest() {
        if let gone = answers.removeValue(forKey: order[oldest]) { bytes -= gone.payload.count }
        oldest += 1
        if oldest * 2 > order.count {
            order.removeFirst(oldest)
            oldest = 0
        }
    }
}
