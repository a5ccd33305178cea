import CloudCore
import Compute
import ImageStores

/// A service that tells guests more, as its setting names it.
struct VendorDataTarget: Sendable, Hashable {
    /// The name under which guests find its answers.
    let name: String
    /// Where it is asked.
    let url: String

    /// From `NAME@URL`; nil for anything else.
    init?(_ text: String) {
        guard let mark = text.firstIndex(of: "@"), mark != text.startIndex else { return nil }
        (name, url) = (String(text[..<mark]), String(text[text.index(after: mark)...]))
        guard url.hasPrefix("http://") || url.hasPrefix("https://") else { return nil }
    }
}

/// Asks the operator's services over HTTP what they tell a guest.
struct VendorDataTargets: VendorDataServices {
    let targets: [VendorDataTarget]
    let client: WebClient
    /// The largest answer in bytes: a config drive has it once for each version of the format.
    static let answerLimit = 64 << 10

    var names: [String] { targets.map(\.name) }

    /// No answer at all says nothing, which is an answer; a redirect is none.
    func answer(of name: String, to question: JSON) async throws -> JSON {
        guard let target = targets.first(where: { $0.name == name }) else { return [:] }
        let headers = ["Content-Type": "application/json", "Accept": "application/json", "User-Agent": "openstack-nova-vendordata"]
        return try await client.send("POST", target.url, headers: headers, body: question.bytes) { answer, body in
            guard (200..<300).contains(answer.status) else { throw WebError.status(answer.status) }
            let bytes = try await body.collect(upTo: Self.answerLimit)
            return bytes.isEmpty ? [:] : try JSON(parsing: bytes)
        }
    }
}
