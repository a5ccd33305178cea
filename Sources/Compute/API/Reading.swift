import CloudAPI
import CloudCore

extension JSON {
    /// A whole number that may come as its decimal text.
    func lenientInt(_ name: String) -> Int? { self[name]?.int ?? self[name]?.string.flatMap { Int($0) } }
    /// A truth value that may come as text.
    func lenientBool(_ name: String) -> Bool? { self[name]?.bool ?? self[name]?.string.flatMap(LenientBoolean.parse) }
}

/// The texts that oslo's strict bool_from_string takes for a truth value.
enum LenientBoolean {
    static func parse(_ text: String) -> Bool? {
        switch text.lowercased() {
        case "1", "t", "true", "on", "y", "yes": true
        case "0", "f", "false", "off", "n", "no": false
        default: nil
        }
    }
}

/// The `limit` of a list: a whole number, never above the service's maximum.
enum ListLimit {
    static func read(_ request: APIRequest, maximum: Int) throws -> Int {
        guard let text = request.query["limit"] else { return maximum }
        guard let limit = Int(text), limit >= 0 else {
            throw ComputeError.badRequest("Invalid input for query parameters limit. Value: \(text). A whole number is expected.")
        }
        return min(limit, maximum)
    }
}

/// Writes Nova's link to the next page: the same query with another marker.
func writeNextLink(_ name: String, _ request: APIRequest, path: String, marker: String, to json: inout JSONWriter) {
    var items = request.query.items.filter { $0.name != "marker" }
    items.append(("marker", marker))
    let query = items.map { "\(PercentEncoding.encode($0.name))=\(PercentEncoding.encode($0.value))" }.joined(separator: "&")
    json.member(name) {
        $0.array { writeLink("next", "\(request.serviceURL)\(path)?\(query)", to: &$0) }
    }
}
