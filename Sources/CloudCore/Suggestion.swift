/// The known name that a mistyped one was probably meant to be, for error messages.
public enum Suggestion {
    /// The nearest of the known names by edit distance, when it is near enough to be worth naming: at most a third
    /// of the name's length differs. Of equally near names the first in alphabetical order.
    public static func nearest(to name: String, among known: some Sequence<String>) -> String? {
        let limit = max(1, name.count / 3)
        let letters = Array(name)
        var best: (name: String, distance: Int)?
        for candidate in known where abs(candidate.count - letters.count) <= limit {
            let distance = distance(letters, Array(candidate))
            guard distance <= limit else { continue }
            if let best, (best.distance, best.name) <= (distance, candidate) { continue }
            best = (candidate, distance)
        }
        return best?.name
    }

    /// The number of letters to insert, delete or replace (Levenshtein).
    private static func distance(_ left: [Character], _ right: [Character]) -> Int {
        var row = Array(0...right.count)
        for (line, letter) in left.enumerated() {
            var diagonal = row[0]
            row[0] = line + 1
            for (column, other) in right.enumerated() {
                let replaced = diagonal + (letter == other ? 0 : 1)
                diagonal = row[column + 1]
                row[column + 1] = min(replaced, diagonal + 1, row[column] + 1)
            }
        }
        return row[right.count]
    }
}
