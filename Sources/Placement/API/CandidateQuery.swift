import CloudAPI
import CloudCore

/// Reads the query of `GET /allocation_candidates`, whose parameters' names may end with a group's suffix.
struct CandidateQuery {
    private static let prefixes = [
        (name: "resources", minor: 10), (name: "required", minor: 17), (name: "member_of", minor: 21),
        (name: "in_tree", minor: 31),
    ]
    private static let badValue = "placement.query.bad_value"

    let request: APIRequest

    /// What is wanted.
    /// - Throws: `PlacementError` with upstream's words for what makes no sense.
    func parse() throws -> CandidateRequest {
        try checkNames()
        var result = CandidateRequest(groups: [], spansTrees: request.isAtLeast(29))
        result.limit = try limit()
        let policy = try policy()
        result.isIsolated = policy == "isolate"
        result.rootTraits = try rootTraits()
        result.sameSubtrees = try sameSubtrees()
        result.groups = try groups()
        try check(result)
        guard policy != nil || result.groups.count(where: \.usesOneProvider) < 2 else {
            throw PlacementError.badRequest(
                "The \"group_policy\" parameter is required when specifying more than one \"resources{N}\" parameter.")
        }
        return result
    }

    // MARK: Names

    /// What a parameter's name means: the part before the suffix, and the suffix.
    private func split(_ name: String) -> (prefix: String, suffix: String)? {
        for (prefix, minor) in Self.prefixes where request.isAtLeast(minor) && name.hasPrefix(prefix) {
            let suffix = String(name.dropFirst(prefix.count))
            return suffix.isEmpty || isSuffix(suffix) ? (prefix, suffix) : nil
        }
        return nil
    }

    /// Whether groups may be called so: by a number, from 1.33 on by 1 to 64 letters, digits, underscores and hyphens.
    private func isSuffix(_ text: String) -> Bool {
        let bytes = text.utf8
        if request.isAtLeast(33) { return bytes.count <= 64 && bytes.allSatisfy(Self.isSuffixCharacter) }
        return request.isAtLeast(25) && bytes.first != UInt8(ascii: "0")
            && bytes.allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
    }

    private static func isSuffixCharacter(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "z"),
            UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "_"), UInt8(ascii: "-"): true
        default: false
        }
    }

    private func checkNames() throws {
        let plain = [("limit", 16), ("group_policy", 25), ("root_required", 35), ("same_subtree", 36)]
        let known = Set(plain.filter { request.isAtLeast($0.1) }.map(\.0))
        let unknown = Set(request.query.items.map(\.name)).filter { !known.contains($0) && split($0) == nil }.sorted()
        if let first = unknown.first { throw invalid(unknownText(unknown, first)) }
        guard request.isAtLeast(25) || request.query["resources"] != nil else {
            throw invalid("'resources' is a required property")
        }
    }

    private func unknownText(_ unknown: [String], _ first: String) -> String {
        guard request.isAtLeast(25) else {
            return "Additional properties are not allowed ('\(first)' was unexpected)"
        }
        let suffix = request.isAtLeast(33) ? "[a-zA-Z0-9_-]{1,64}" : "[1-9][0-9]*"
        let patterns = Self.prefixes.filter { request.isAtLeast($0.minor) }.map { "'^\($0.name)(\(suffix))?$'" }.sorted()
        let names = unknown.map { "'\($0)'" }.joined(separator: ", ")
        return "\(names) \(unknown.count == 1 ? "does" : "do") not match any of the regexes: \(patterns.joined(separator: ", "))"
    }

    private func invalid(_ text: String) -> PlacementError { .badRequest("Invalid query string parameters: " + text) }

    // MARK: What concerns the whole request

    private func limit() throws -> Int? {
        try request.query.all("limit").map { text in
            guard text.utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }), let first = text.first, first != "0"
            else {
                throw invalid(
                    "'\(text)' does not match '^[1-9][0-9]*$'. Failed validating 'pattern' in schema['properties']['limit']")
            }
            return Int(text) ?? .max
        }.first
    }

    private func policy() throws -> String? {
        let values = request.query.all("group_policy")
        if let bad = values.first(where: { !["none", "isolate"].contains($0) }) {
            throw invalid("'\(bad)' is not one of ['none', 'isolate']")
        }
        return values.first
    }

    private func rootTraits() throws -> TraitFilter {
        let values = request.query.all("root_required")
        guard values.count < 2 else {
            throw PlacementError.badQuery(
                "Query parameter 'root_required' may be specified only once.", code: "placement.query.duplicate_key")
        }
        var filter = TraitFilter()
        guard let value = values.first else { return filter }
        // Alternatives are for groups alone, whatever the version.
        guard !value.hasPrefix("in:") else {
            throw invalid("The format 'in:HW_CPU_X86_VMX,CUSTOM_MAGIC' only supported since microversion 1.39. Got: \(value)")
        }
        try QueryParsing.addTraits(value, request, to: &filter)
        let conflicts = filter.required.reduce(into: Set()) { $0.formUnion($1) }.intersection(filter.forbidden).sorted()
        guard conflicts.isEmpty else {
            throw PlacementError.badQuery(
                "Conflicting required and forbidden traits found in root_required: \(conflicts.joined(separator: ", "))",
                code: Self.badValue)
        }
        return filter
    }

    private func sameSubtrees() throws -> [Set<String>] {
        try request.query.all("same_subtree").map { value in
            let suffixes = Set(QueryParsing.parts(value))
            guard !suffixes.contains("") else {
                throw PlacementError.badQuery(
                    "Empty string (unsuffixed group) can not be specified in `same_subtree` ", code: Self.badValue)
            }
            return suffixes
        }
    }

    // MARK: Groups

    private func groups() throws -> [RequestGroup] {
        var suffixes: [String] = []
        for item in request.query.items {
            guard let suffix = split(item.name)?.suffix, !suffixes.contains(suffix) else { continue }
            suffixes.append(suffix)
        }
        guard suffixes.count <= Self.maximumGroups else {
            throw invalid("\(suffixes.count) request groups are more than \(Self.maximumGroups)")
        }
        return try suffixes.map(group)
    }

    /// No flavor comes near it, and a search over more would not end.
    private static let maximumGroups = 256

    private func group(_ suffix: String) throws -> RequestGroup {
        var group = RequestGroup(suffix: suffix)
        // Each is read, though only the last counts, as upstream does.
        for value in request.query.all("resources" + suffix) { group.resources = try QueryParsing.resources(value) }
        if request.isAtLeast(17) { group.traits = try QueryParsing.traits("required" + suffix, request) }
        if request.isAtLeast(21) {
            (group.memberOf, group.forbiddenAggregates) = try QueryParsing.aggregates("member_of" + suffix, request)
        }
        guard request.isAtLeast(31) else { return group }
        for value in request.query.all("in_tree" + suffix) {
            guard let uuid = QueryParsing.parts(value).first?.canonicalUUID, !value.contains(",") else {
                throw invalid("Expected 'in_tree' parameter to be a format of uuid. Got: \(value)")
            }
            group.inTree = uuid
        }
        return group
    }

    // MARK: What does not go together

    private func check(_ wanted: CandidateRequest) throws {
        if request.isAtLeast(36) { try checkSubtrees(wanted) } else { try checkOrphans(wanted.groups) }
        let conflicts = wanted.groups.flatMap { group in
            group.traits.required.filter { $0.isSubset(of: group.traits.forbidden) }
                .map { "required\(group.suffix): (\($0.sorted().joined(separator: ", ")))" }
        }
        guard conflicts.isEmpty else {
            throw PlacementError.badRequest(
                "Conflicting required and forbidden traits found in the following traits keys: "
                    + conflicts.sorted().joined(separator: ", "))
        }
    }

    /// Before 1.36 every group needs resources.
    private func checkOrphans(_ groups: [RequestGroup]) throws {
        let orphans = groups.filter(\.resources.isEmpty)
        let traits = orphans.filter { !$0.traits.required.isEmpty }
        guard traits.isEmpty else {
            throw PlacementError.badRequest(
                "All traits parameters must be associated with resources.  Found the following orphaned traits keys: "
                    + traits.map { "required" + $0.suffix }.joined(separator: ", "))
        }
        let aggregates = orphans.filter { !$0.memberOf.isEmpty || !$0.forbiddenAggregates.isEmpty }
        guard aggregates.isEmpty else {
            throw PlacementError.badRequest(
                "All member_of parameters must be associated with resources. Found the following orphaned member_of keys: "
                    + aggregates.map { "member_of" + $0.suffix }.joined(separator: ", "))
        }
        guard orphans.isEmpty else { throw PlacementError.badRequest("All request groups must specify resources.") }
        guard !groups.isEmpty else {
            throw PlacementError.badRequest("At least one request group (`resources` or `resources{$S}`) is required.")
        }
    }

    /// From 1.36 on a group without resources may say where in a tree others are.
    private func checkSubtrees(_ wanted: CandidateRequest) throws {
        let named = wanted.sameSubtrees.reduce(into: Set()) { $0.formUnion($1) }
        let empty = wanted.groups.filter(\.resources.isEmpty).map(\.suffix)
        guard empty.count < wanted.groups.count else {
            throw PlacementError.badQuery(
                "There must be at least one resources or resources[$S] parameter.", code: "placement.query.missing_value")
        }
        let free = empty.filter { !named.contains($0) }
        guard free.isEmpty else {
            throw PlacementError.badQuery(
                "Resourceless suffixed group request should be specified in `same_subtree` query param: bad group(s) - "
                    + "\(Self.list(free)).", code: Self.badValue)
        }
        let suffixes = wanted.groups.map(\.suffix)
        let unknown = named.subtracting(suffixes).sorted()
        guard unknown.isEmpty else {
            throw PlacementError.badQuery(
                "Real suffixes should be specified in `same_subtree`: \(Self.list(unknown)) not found in \(Self.list(suffixes)).",
                code: Self.badValue)
        }
    }

    private static func list(_ names: [String]) -> String { "[\(names.map { "'\($0)'" }.joined(separator: ", "))]" }
}
