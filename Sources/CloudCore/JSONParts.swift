/// Long lists of values, written by all processors at once: an answer of a thousand servers takes half the time on two.
public enum JSONParts {
    /// Shorter lists than two of these are written where they are.
    private static let smallestPart = 100
    /// More parts than this gain nothing that a user would notice.
    private static let mostParts = 8

    /// Writes values in order; each part is to be put into an array with `JSONWriter.written(_:)`.
    /// - Parameters:
    ///   - expectedSize: about how long one value is, in bytes.
    ///   - write: writes exactly one JSON value.
    public static func write<Value: Sendable>(
        _ values: [Value], expectedSize: Int, _ write: @escaping @Sendable (Value, inout JSONWriter) -> Void
    ) async -> [[UInt8]] {
        let count = max(1, min(values.count / smallestPart, mostParts))
        guard count > 1 else { return [part(values[...], expectedSize, write)] }
        let bounds = (0...count).map { $0 * values.count / count }
        return await withTaskGroup(of: (Int, [UInt8]).self) { group in
            for number in 0..<count {
                // Not on the event loop of the connection, as everything else of a request is.
                group.addTask(executorPreference: globalConcurrentExecutor) {
                    (number, part(values[bounds[number]..<bounds[number + 1]], expectedSize, write))
                }
            }
            var parts = [[UInt8]](repeating: [], count: count)
            for await (number, part) in group { parts[number] = part }
            return parts
        }
    }

    private static func part<Value>(
        _ values: ArraySlice<Value>, _ expectedSize: Int, _ write: (Value, inout JSONWriter) -> Void
    ) -> [UInt8] {
        var json = JSONWriter(capacity: values.count * expectedSize)
        for value in values { write(value, &json) }
        return json.bytes
    }
}

extension JSONWriter {
    /// Writes an array of what `JSONParts` has written.
    public mutating func array(parts: [[UInt8]]) {
        // With room for what stands around the array: growing by doubling would copy a megabyte several times.
        reserve(parts.reduce(1_024) { $0 + $1.count + 1 })
        array { json in for part in parts where !part.isEmpty { json.written(part) } }
    }
}
