import CloudAPI
import CloudCore
import CloudPolicy

/// `/v3/domains/{domain_id}/config`: a domain's own options, all of them, a group, or one.
extension Identity {
    private static let configBody = RequestBody.json(.object([("config", .map(names: #"[\s\S]*"#, values: .any))], additional: .any))

    var domainConfigEndpoints: [Endpoint] {
        let path = "/domains/{domain_id}/config"
        let create = Endpoint.guarded(
            .put, path, "Give a domain options of its own", rule: "identity:create_domain_config", body: Self.configBody, success: .created
        ) { request, gate in
            try gate.open()
            let (config, isFirst) = try await setDomainConfig(request["domain_id"], request.body["config"]?.object ?? [:])
            return Self.response(config.json(.everything), status: isFirst ? .created : .ok)
        }
        let parts = [(path, "a domain's options"), (path + "/{group}", "a group of a domain's options"), (path + "/{group}/{option}", "a domain's option")]
        return [create] + parts.flatMap(domainConfigEndpoints)
    }

    private func domainConfigEndpoints(_ path: String, _ what: String) -> [Endpoint] {
        [
            .guarded(.get, path, "Show \(what)", rule: "identity:get_domain_config", handler: showDomainConfig),
            .guarded(.patch, path, "Change \(what)", rule: "identity:update_domain_config", body: Self.configBody) { request, gate in
                try gate.open()
                let body = request.body["config"]?.object ?? [:]
                return Self.response(try await updateDomainConfig(request["domain_id"], request.configPart, body).json(.everything))
            },
            .guarded(.delete, path, "Delete \(what)", rule: "identity:delete_domain_config", success: .noContent) { request, gate in
                try gate.open()
                try await deleteDomainConfig(request["domain_id"], request.configPart)
                return .empty()
            },
        ]
    }

    /// `/v3/domains/config/…/default`: what holds for domains without options of their own.
    var domainConfigDefaultEndpoints: [Endpoint] {
        let paths = ["/domains/config/default", "/domains/config/{group}/default", "/domains/config/{group}/{option}/default"]
        return paths.map { path in
            .guarded(.get, path, "Show what holds for domains without options", rule: "identity:get_domain_config_default") { request, gate in
                try gate.open()
                return Self.response(try DomainConfig.initial(request.configPart).json(request.configPart))
            }
        }
    }

    static let domainConfigRules = [
        rule("create_domain_config", Check.admin, .systemOrProject, "Give a domain options of its own."),
        rule("get_domain_config", Check.adminOrSystemReader, .systemOrProject, "Show a domain's options."),
        rule("get_security_compliance_domain_config", "", "Show the rules for passwords."),
        rule("update_domain_config", Check.admin, .systemOrProject, "Change a domain's options."),
        rule("delete_domain_config", Check.admin, .systemOrProject, "Delete a domain's options."),
        rule("get_domain_config_default", Check.adminOrSystemReader, .systemOrProject, "Show what holds for domains without options."),
    ]

    private static let securityCompliance = "security_compliance"

    private func showDomainConfig(_ request: APIRequest, _ gate: Gate) async throws -> APIResponse {
        let (domainID, part) = (request["domain_id"], request.configPart)
        if part.group == Self.securityCompliance {
            try gate.open("identity:get_security_compliance_domain_config")
            return Self.response(try passwordRules(domainID, part))
        }
        try gate.open()
        let config = try await domainConfig(domainID, part)
        _ = try await domain(id: domainID)
        return Self.response(config.json(part))
    }

    /// The rules for passwords, which anyone may read who is to choose one. They hold for every domain, and are read
    /// at the default one.
    private func passwordRules(_ domainID: String, _ part: DomainConfig.Part) throws -> JSON {
        guard domainID == ProjectRules.defaultDomainID else {
            throw DomainConfig.invalid(
                "Reading security compliance information for any domain other than the default domain is not allowed or supported")
        }
        let compliance = options.securityCompliance
        let rules = DomainConfig([
            .init(group: Self.securityCompliance, name: "password_regex", value: compliance.passwordRegex.map { .string($0) } ?? .null),
            .init(group: Self.securityCompliance, name: "password_regex_description", value: compliance.passwordRegexDescription.map { .string($0) } ?? .null),
        ]).part(part)
        guard !rules.options.isEmpty else {
            throw DomainConfig.invalid(
                "Reading security compliance values other than password_regex and password_regex_description is not allowed")
        }
        return rules.json(part)
    }

    private static func response(_ config: JSON, status: HTTPResponse.Status? = nil) -> APIResponse {
        .json(status: status, "config", config)
    }
}

extension APIRequest {
    /// The part of a configuration that the path names.
    fileprivate var configPart: DomainConfig.Part {
        guard let group = parameters["group"] else { return .everything }
        return parameters["option"].map { .option($0, inGroup: group) } ?? .group(group)
    }
}
