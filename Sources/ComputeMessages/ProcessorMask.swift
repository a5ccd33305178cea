/// Sets of processors as extra specs and settings write them: `0-3,^1,5`.
public enum ProcessorMask {
    /// The processors of a mask out of a number of them; with only exclusions, all others.
    public static func processors(_ mask: String, count: Int) -> Set<Int> {
        var (included, excluded) = (Set<Int>(), Set<Int>())
        for part in mask.split(separator: ",") {
            let text = part.filter { !$0.isWhitespace }
            let isExcluded = text.hasPrefix("^")
            let bounds = text.dropFirst(isExcluded ? 1 : 0).split(separator: "-").map { Int($0) }
            guard let first = bounds.first ?? nil, let last = bounds.last ?? nil, first <= last, bounds.count <= 2 else { continue }
            let range = Set(max(first, 0)...max(min(last, count - 1), first, 0)).filter { $0 < count }
            if isExcluded { excluded.formUnion(range) } else { included.formUnion(range) }
        }
        return (included.isEmpty && !excluded.isEmpty ? Set(0..<max(count, 0)) : included).subtracting(excluded)
    }

    /// Processors as a set writes them: `0-2,5`.
    public static func text(_ processors: some Sequence<Int>) -> String {
        var ranges: [ClosedRange<Int>] = []
        for processor in Set(processors).sorted() {
            if let last = ranges.last, last.upperBound + 1 == processor {
                ranges[ranges.count - 1] = last.lowerBound...processor
            } else {
                ranges.append(processor...processor)
            }
        }
        return ranges.map { $0.count == 1 ? "\($0.lowerBound)" : "\($0.lowerBound)-\($0.upperBound)" }.joined(separator: ",")
    }
}
