import CloudAPI
import CloudCore

/// The placement service's errors, rendered in one place.
public enum PlacementError: Error, Sendable, Hashable {
    /// There is no such provider.
    case noProvider(String)
    /// There is no such thing; the message says what.
    case notFound(String)
    /// There is no such resource class.
    case noResourceClass(String)
    /// There is no provider that a body names; the message says more.
    case noProviderInBody(String)
    /// The request makes no sense; the message says why.
    case badRequest(String)
    /// A query parameter makes no sense, with the code for programs that upstream gives this case.
    case badQuery(String, code: String?)
    /// What the writer has seen has changed.
    case concurrentUpdate(String)
    /// The provider is not what the writer has seen.
    static let staleProvider = Self.concurrentUpdate(
        "Resource provider's generation already changed. Please update the generation and try again.")
    /// Another provider has the name or UUID.
    case duplicateProvider(String)
    /// The provider has given something.
    case providerInUse(String)
    /// The provider has children.
    case providerIsParent(String)
    /// Somebody has been given of the inventory.
    case inventoryInUse(String)
    /// Something stands in the way; the message says what.
    case conflict(String)
    /// The request is a good one that this version cannot answer yet.
    case notSupported(String)
    /// The client takes no JSON.
    case notAcceptable
}

extension PlacementError: FaultConvertible {
    /// The status, message and code.
    public var fault: Fault {
        switch self {
        case .noProvider(let uuid): Fault(.notFound, "No resource provider with uuid \(uuid) found")
        case .notFound(let message): Fault(.notFound, message)
        case .noResourceClass(let name): Fault(.badRequest, "No such resource class \(name).")
        case .noProviderInBody(let message): Fault(.badRequest, message, code: "placement.resource_provider.not_found")
        case .badRequest(let message): Fault(.badRequest, message)
        case .badQuery(let message, let code): Fault(.badRequest, message, code: code)
        case .concurrentUpdate(let message): Fault(.conflict, message, code: "placement.concurrent_update")
        case .duplicateProvider(let what):
            Fault(.conflict, "Conflicting resource provider \(what) already exists.", code: "placement.duplicate_name")
        case .providerInUse(let uuid):
            Fault(
                .conflict, "Unable to delete resource provider \(uuid): Resource provider has allocations.",
                code: "placement.resource_provider.inuse")
        case .providerIsParent(let uuid):
            Fault(
                .conflict, "Unable to delete parent resource provider \(uuid): It has child resource providers.",
                code: "placement.resource_provider.cannot_delete_parent")
        case .inventoryInUse(let message): Fault(.conflict, message, code: "placement.inventory.inuse")
        case .conflict(let message): Fault(.conflict, message)
        case .notSupported(let message): Fault(.notImplemented, message)
        case .notAcceptable: Fault(.notAcceptable, "Only application/json is provided")
        }
    }
}

extension ClaimRefused: FaultConvertible {
    /// 409 with upstream's words.
    public var fault: Fault {
        let place = "'\(resourceClass)' on resource provider '\(provider)'"
        let text =
            switch reason {
            case .noInventory: "Inventory for \(place) invalid."
            case .unit:
                "Unable to create allocation for \(place). The requested amount would violate inventory constraints."
            case .capacity: "Unable to create allocation for \(place). The requested amount would exceed the capacity."
            }
        return Fault(.conflict, "Unable to allocate inventory: \(text)")
    }
}

extension ErrorEnvelope {
    /// Placement's form (the API working group's guideline on errors): codes appear from microversion 1.23 on.
    static let placement = ErrorEnvelope(wording: wording) { fault, requestID, json in
        json.object {
            $0.member("errors") {
                $0.array {
                    $0.object {
                        $0.member("status", fault.status.code)
                        $0.member("title", fault.status.reasonPhrase)
                        $0.member("detail", fault.message)
                        if let version = fault.microversion, version >= Microversion(1, 23) {
                            $0.member("code", fault.code ?? "placement.undefined_code")
                        }
                        $0.member("request_id", requestID)
                        guard case .unsupportedMicroversion(_, let policy)? = fault.refusal else { return }
                        $0.member("max_version", policy.maximum.description)
                        $0.member("min_version", policy.minimum.description)
                    }
                }
            }
        }
    }

    private static func wording(_ refusal: Refusal) -> Fault? {
        switch refusal {
        case .invalidBody(let violation): Fault(.badRequest, "JSON does not validate: \(violation.report)")
        case .malformedJSON(let error): Fault(.badRequest, "Malformed JSON: \(error)")
        case .invalidQuery(let violation): Fault(.badRequest, "Invalid query string parameters: \(violation.report)")
        case .missingMediaType(hasBody: true): Fault(.badRequest, "content-type header required when content-length > 0")
        case .missingMediaType(hasBody: false):
            Fault(.unsupportedMediaType, "The media type None is not supported, use application/json")
        case .unsupportedMediaType(let type, _):
            Fault(.unsupportedMediaType, "The media type \(type) is not supported, use application/json")
        case .denied(let rule): Fault(.forbidden, "Policy does not allow \(rule) to be performed.")
        case .malformedMicroversion(let text): Fault(.badRequest, "invalid version string: \(text)")
        case .unsupportedMicroversion(let text, _): Fault(.notAcceptable, "Unacceptable version header: \(text)")
        default: nil
        }
    }
}
