import CloudAPI
import CloudCore

/// What the texts of placement's query parameters mean.
enum QueryParsing {
    /// `VCPU:2,MEMORY_MB:1024`.
    static func resources(_ text: String) throws -> Resources {
        let form = "Badly formed resources parameter. Expected resources query string parameter in form: "
            + "?resources=VCPU:2,MEMORY_MB:1024. Got: "
        guard !text.allSatisfy(\.isWhitespace) else { throw PlacementError.badRequest(form + "empty string.") }
        var resources: Resources = [:]
        for part in text.split(separator: ",", omittingEmptySubsequences: false) {
            let halves = part.split(separator: ":", omittingEmptySubsequences: false)
            guard halves.count == 2 else { throw PlacementError.badRequest(form + "\(part).") }
            // Blanks around the amount do no harm, as to upstream.
            let (name, amount) = (String(halves[0]), parts(String(halves[1]))[0])
            guard let number = Int(amount) else {
                throw PlacementError.badRequest(
                    "Requested resource \(name) expected positive integer amount. Got: \(amount).")
            }
            guard number >= 1 else {
                throw PlacementError.badRequest("Requested resource \(name) requires amount >= 1. Got: \(number).")
            }
            resources[name] = number
        }
        return resources
    }

    /// `HW_CPU_X86_VMX,!CUSTOM_MAGIC`, or from 1.39 on also `in:HW_CPU_X86_VMX,CUSTOM_MAGIC`, each again and again.
    static func traits(_ name: String, _ request: APIRequest) throws -> TraitFilter {
        let values = request.query.all(name)
        var filter = TraitFilter()
        // Before 1.39 only the last one counted.
        for value in request.isAtLeast(39) ? values[...] : values.suffix(1) {
            if value.hasPrefix("in:") {
                filter.required.append(try anyTraits(value, request))
            } else {
                try addTraits(value, request, to: &filter)
            }
        }
        return filter
    }

    static let prefix = "Invalid query string parameters: "

    private static func anyTraits(_ value: String, _ request: APIRequest) throws -> Set<String> {
        guard request.isAtLeast(39) else {
            throw PlacementError.badRequest(
                prefix + "The format 'in:HW_CPU_X86_VMX,CUSTOM_MAGIC' only supported since microversion 1.39. Got: \(value)")
        }
        let names = parts(String(value.dropFirst(3)))
        guard names.allSatisfy({ !$0.isEmpty }) else {
            throw PlacementError.badRequest(
                prefix + "Expected 'required' parameter value of the form: in:HW_CPU_X86_VMX,CUSTOM_MAGIC. "
                    + "Got an empty trait in: \(value)")
        }
        guard names.allSatisfy({ !$0.hasPrefix("!") }) else {
            throw PlacementError.badRequest(
                prefix + "The format 'in:HW_CPU_X86_VMX,CUSTOM_MAGIC' does not support forbidden traits. Got: \(value)")
        }
        return Set(names)
    }

    static func addTraits(_ value: String, _ request: APIRequest, to filter: inout TraitFilter) throws {
        let mayForbid = request.isAtLeast(22)
        let form = prefix + "Expected 'required' parameter value of the form: "
        let example = mayForbid ? "HW_CPU_X86_VMX,!CUSTOM_MAGIC" : "HW_CPU_X86_VMX,CUSTOM_MAGIC"
        for part in parts(value) {
            let name = String(part.drop { $0 == "!" })
            guard !name.isEmpty else {
                throw PlacementError.badRequest(form + "\(example). Got an empty trait in: \(value)")
            }
            guard part.hasPrefix("!") else {
                filter.required.append([name])
                continue
            }
            guard mayForbid else { throw PlacementError.badRequest(form + "\(example). Got: \(value)") }
            filter.forbidden.insert(name)
        }
    }

    static func parts(_ text: String) -> [String] {
        text.split(separator: ",", omittingEmptySubsequences: false).map {
            String($0.drop(while: \.isWhitespace).reversed().drop(while: \.isWhitespace).reversed())
        }
    }

    /// An aggregate's UUID, `in:` and several, and from 1.32 on either with `!` before it.
    static func aggregates(_ name: String, _ request: APIRequest) throws -> (required: [Set<String>], forbidden: Set<String>) {
        let values = request.query.all(name)
        guard values.count < 2 || request.isAtLeast(24) else {
            throw PlacementError.badRequest("Multiple \(name) parameters are not supported")
        }
        var (required, forbidden): ([Set<String>], Set<String>) = ([], [])
        for value in values {
            let isForbidden = value.hasPrefix("!")
            guard !isForbidden || request.isAtLeast(32) else {
                throw PlacementError.badRequest(
                    "Forbidden \(name) parameters are not supported in the specified microversion")
            }
            let uuids = try aggregates(value)
            if isForbidden { forbidden.formUnion(uuids) } else { required.append(uuids) }
        }
        return (required, forbidden)
    }

    private static func aggregates(_ value: String) throws -> Set<String> {
        let text = value.hasPrefix("!") ? value.dropFirst() : value[...]
        let isList = text.hasPrefix("in:")
        guard isList || !text.contains(",") else {
            throw PlacementError.badRequest(
                "Multiple values for 'member_of' must be prefixed with the 'in:' or '!in:' keyword using the valid "
                    + "microversion. Got: \(value)")
        }
        let uuids = isList ? text.dropFirst(3).split(separator: ",", omittingEmptySubsequences: false) : [text]
        return Set(try uuids.map { uuid in
            guard let canonical = String(uuid).canonicalUUID else {
                throw PlacementError.badRequest(
                    prefix + "Expected 'member_of' parameter to contain valid UUID(s). Got: \(uuid)")
            }
            return canonical
        })
    }
}
