import CloudAPI
import CloudCore
import CloudStore

// Metering labels and rules: decode, authorise, call, encode.
extension NetworkingAPI {
    private static let labels = ResourceKind(
        names: MeteringLabelView.names, listing: MeteringLabelRecords.listing,
        missing: NetworkingError.meteringLabelNotFound, find: MeteringLabelRecords.find, list: MeteringLabelRecords.list,
        load: MeteringLabelView.load)
    private static let rules = ResourceKind(
        names: MeteringRuleView.names, listing: MeteringRuleRecords.listing, missing: NetworkingError.meteringRuleNotFound,
        find: MeteringRuleRecords.find, list: MeteringRuleRecords.list, load: MeteringRuleView.load)

    var meteringEndpoints: [Endpoint] {
        let (labels, rules) = ("/v2.0/metering/metering-labels", "/v2.0/metering/metering-label-rules")
        let (label, rule) = ("\(labels)/{metering_label_id}", "\(rules)/{metering_label_rule_id}")
        return [
            Endpoint(.get, labels, "List metering labels", access: .listing) { try await list($0, Self.labels) },
            Endpoint(
                .post, labels, "Create metering labels", access: .ruleOnResource("create_metering_label"),
                body: NetworkingSchemas.creation(MeteringLabelView.names, NetworkingSchemas.meteringLabel),
                success: .created, handler: createLabels),
            Endpoint(.get, label, "Show a metering label", access: .ruleOnResource("get_metering_label")) {
                try await show($0, Self.labels)
            },
            Endpoint(
                .delete, label, "Delete a metering label", access: .ruleOnResource("delete_metering_label"),
                success: .noContent
            ) { try await delete($0, Self.labels) { try MeteringLabelRecords.delete($0.id, in: $1) } },
            Endpoint(.get, rules, "List metering rules", access: .listing) { try await list($0, Self.rules) },
            Endpoint(
                .post, rules, "Create metering rules", access: .ruleOnResource("create_metering_label_rule"),
                body: NetworkingSchemas.creation(
                    MeteringRuleView.names, NetworkingSchemas.meteringRule, required: ["metering_label_id", "direction"]),
                success: .created, handler: createRules),
            Endpoint(.get, rule, "Show a metering rule", access: .ruleOnResource("get_metering_label_rule")) {
                try await show($0, Self.rules)
            },
            Endpoint(
                .delete, rule, "Delete a metering rule", access: .ruleOnResource("delete_metering_label_rule"),
                success: .noContent
            ) { try await delete($0, Self.rules) { try MeteringRuleRecords.delete($0.id, in: $1) } },
        ]
    }

    private func createLabels(_ request: APIRequest) async throws -> APIResponse {
        let labels = try request.creations(MeteringLabelView.names).map { attributes in
            let project = try attributes.project(of: request)
            try request.authorizeCreation(of: "metering_label", PolicySubject(projectID: project))
            return MeteringLabel(
                id: Identifier.uuid(), projectID: project, name: attributes.text("name") ?? "",
                description: attributes.text("description") ?? "", isShared: attributes.flag("shared") ?? false)
        }
        return try await create(request, Self.labels) { transaction in
            for label in labels { try MeteringLabelRecords.insert(label, in: transaction) }
            return labels
        }
    }

    private func createRules(_ request: APIRequest) async throws -> APIResponse {
        let rules = try request.creations(MeteringRuleView.names).map { attributes in
            let project = try attributes.project(of: request)
            try request.authorizeCreation(of: "metering_label_rule", PolicySubject(projectID: project))
            return MeteringRule(
                id: Identifier.uuid(), labelID: attributes.text("metering_label_id") ?? "",
                direction: attributes.text("direction") ?? "", isExcluded: attributes.flag("excluded") ?? false,
                remote: attributes.text("remote_ip_prefix"), source: attributes.text("source_ip_prefix"),
                destination: attributes.text("destination_ip_prefix"))
        }
        return try await create(request, Self.rules) { [operations] transaction in
            try rules.map { rule in
                let label = try MeteringLabelRecords.find(rule.labelID, in: transaction)
                // Another project's label does not exist for those who may not see it.
                guard let label, request.allows("get_metering_label", PolicySubject(projectID: label.projectID).target) else {
                    throw NetworkingError.meteringLabelNotFound(rule.labelID)
                }
                return try operations.createMeteringRule(rule, in: transaction)
            }
        }
    }
}
