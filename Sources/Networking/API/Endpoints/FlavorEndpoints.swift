import CloudAPI
import CloudCore
import CloudStore

// Flavors, service profiles and service providers: decode, authorise, call, encode.
extension NetworkingAPI {
    private static let flavors = ResourceKind(
        names: FlavorView.names, listing: FlavorRecords.listing, missing: NetworkingError.flavorNotFound,
        find: FlavorRecords.find, list: { list, _, reader in try FlavorRecords.list(list, in: reader) }, load: FlavorView.load)
    private static let profiles = ResourceKind(
        names: ServiceProfileView.names, listing: ServiceProfileRecords.listing,
        missing: NetworkingError.serviceProfileNotFound, find: ServiceProfileRecords.find,
        list: { list, _, reader in try ServiceProfileRecords.list(list, in: reader) }, load: ServiceProfileView.load)

    var flavorEndpoints: [Endpoint] {
        let (names, item) = (FlavorView.names, "/v2.0/flavors/{flavor_id}")
        let binding = "\(item)/service_profiles/{service_profile_id}"
        return [
            Endpoint(.get, "/v2.0/flavors", "List flavors", access: .listing) { try await list($0, Self.flavors) },
            Endpoint(
                .post, "/v2.0/flavors", "Create flavors", access: .ruleOnResource("create_flavor"),
                body: NetworkingSchemas.creation(names, NetworkingSchemas.flavorCreation, required: ["service_type"]),
                success: .created, handler: createFlavors),
            Endpoint(.get, item, "Show a flavor", access: .ruleOnResource("get_flavor")) { try await show($0, Self.flavors) },
            Endpoint(
                .put, item, "Change a flavor", access: .ruleOnResource("update_flavor"),
                body: NetworkingSchemas.update(names, NetworkingSchemas.flavorUpdate), handler: updateFlavor),
            Endpoint(
                .delete, item, "Delete a flavor", access: .ruleOnResource("delete_flavor"), success: .noContent
            ) { [operations] in try await delete($0, Self.flavors) { try operations.deleteFlavor($0, in: $1) } },
            Endpoint(
                .get, "\(item)/next_providers", "Show what would carry out a flavor", access: .rule("get_flavor"),
                handler: nextProvider),
            Endpoint(
                .post, "\(item)/service_profiles", "Bind a service profile to a flavor",
                access: .ruleOnResource("create_flavor_service_profile"), body: NetworkingSchemas.profileBinding,
                success: .created, handler: bindProfile),
            Endpoint(
                .get, binding, "Show whether a service profile is bound to a flavor",
                access: .ruleOnResource("get_flavor_service_profile"), handler: showBinding),
            Endpoint(
                .delete, binding, "Unbind a service profile from a flavor",
                access: .ruleOnResource("delete_flavor_service_profile"), success: .noContent, handler: unbindProfile),
        ] + profileEndpoints
    }

    private var profileEndpoints: [Endpoint] {
        let (names, item) = (ServiceProfileView.names, "/v2.0/service_profiles/{service_profile_id}")
        return [
            Endpoint(.get, "/v2.0/service_profiles", "List service profiles", access: .listing) {
                try await list($0, Self.profiles)
            },
            Endpoint(
                .post, "/v2.0/service_profiles", "Create service profiles", access: .ruleOnResource("create_service_profile"),
                body: NetworkingSchemas.creation(names, NetworkingSchemas.serviceProfile), success: .created,
                handler: createProfiles),
            Endpoint(.get, item, "Show a service profile", access: .ruleOnResource("get_service_profile")) {
                try await show($0, Self.profiles)
            },
            Endpoint(
                .put, item, "Change a service profile", access: .ruleOnResource("update_service_profile"),
                body: NetworkingSchemas.update(names, NetworkingSchemas.serviceProfile), handler: updateProfile),
            Endpoint(
                .delete, item, "Delete a service profile", access: .ruleOnResource("delete_service_profile"),
                success: .noContent
            ) { [operations] in try await delete($0, Self.profiles) { try operations.deleteServiceProfile($0, in: $1) } },
            Endpoint(
                .get, "/v2.0/service-providers", "List service providers", access: .rule("get_service_provider"),
                handler: listProviders),
        ]
    }

    private func createFlavors(_ request: APIRequest) async throws -> APIResponse {
        let flavors = try request.creations(FlavorView.names).map { attributes in
            let type = attributes.text("service_type") ?? ""
            guard let known = ServiceFlavor.serviceTypes.first(where: { $0.lowercased() == type.lowercased() }) else {
                throw NetworkingError.badBody("Invalid input for service_type. Reason: '\(type)' is not a valid service type.")
            }
            return (
                ServiceFlavor(
                    id: Identifier.uuid(), name: attributes.text("name") ?? "",
                    description: attributes.text("description") ?? "", serviceType: known,
                    isEnabled: attributes.flag("enabled") ?? true), attributes.texts("service_profiles") ?? []
            )
        }
        try request.authorizeCreation(of: "flavor", PolicySubject(projectID: ""))
        return try await create(request, Self.flavors) { [operations] transaction in
            for (flavor, profiles) in flavors {
                try FlavorRecords.insert(flavor, in: transaction)
                for profile in profiles { try operations.bind(profile, to: flavor, in: transaction) }
            }
            return flavors.map(\.0)
        }
    }

    private func updateFlavor(_ request: APIRequest) async throws -> APIResponse {
        let attributes = request.attributes(FlavorView.names)
        return try await change(request, Self.flavors) { [operations] flavor, transaction in
            var flavor = flavor
            flavor.name = attributes.text("name") ?? flavor.name
            flavor.description = attributes.text("description") ?? flavor.description
            flavor.isEnabled = attributes.flag("enabled") ?? flavor.isEnabled
            try FlavorRecords.update(flavor, in: transaction)
            if let wanted = attributes.texts("service_profiles") {
                try operations.rebind(Set(wanted), to: flavor, in: transaction)
            }
            return flavor
        }
    }

    private func nextProvider(_ request: APIRequest) async throws -> APIResponse {
        let id = request["flavor_id"]
        let provider = try await database.read { [operations] in try operations.provider(flavor: id, in: $0) }
        return .json { json in
            json.object { json in
                json.member("next_providers") { json in
                    json.array {
                        $0.object {
                            $0.member("driver", provider.driver)
                            $0.member("provider", provider.name)
                        }
                    }
                }
            }
        }
    }

    private func bindProfile(_ request: APIRequest) async throws -> APIResponse {
        let (id, profile) = (request["flavor_id"], request.body["service_profile"]?["id"]?.string ?? "")
        try request.authorize(PolicySubject(projectID: "").target)
        try await database.write { [operations] transaction in
            let flavor = try FlavorRecords.find(id, in: transaction).orThrow(.flavorNotFound(id))
            try operations.bind(profile, to: flavor, in: transaction)
        }
        return .json { $0.object { $0.member("service_profile") { $0.object { $0.member("id", profile) } } } }
    }

    private func showBinding(_ request: APIRequest) async throws -> APIResponse {
        let (flavor, profile) = (request["flavor_id"], request["service_profile_id"])
        try request.authorize(
            PolicySubject(projectID: "").target, orThrow: NetworkingError.profileNotBound(profile, flavor: flavor).fault)
        let isBound = try await database.read {
            try ServiceProfileRecords.ids(flavors: [flavor], in: $0)[flavor]?.contains(profile) ?? false
        }
        guard isBound else { throw NetworkingError.profileNotBound(profile, flavor: flavor) }
        return .json { json in
            json.object { json in
                json.member("service_profile") {
                    $0.object {
                        $0.member("service_profile_id", profile)
                        $0.member("flavor_id", flavor)
                    }
                }
            }
        }
    }

    private func unbindProfile(_ request: APIRequest) async throws -> APIResponse {
        let (flavor, profile) = (request["flavor_id"], request["service_profile_id"])
        try request.authorize(
            PolicySubject(projectID: "").target, orThrow: NetworkingError.profileNotBound(profile, flavor: flavor).fault)
        guard try await database.write({ try ServiceProfileRecords.unbind(profile, from: flavor, in: $0) }) else {
            throw NetworkingError.profileNotBound(profile, flavor: flavor)
        }
        return .empty()
    }

    private func createProfiles(_ request: APIRequest) async throws -> APIResponse {
        let profiles = try request.creations(ServiceProfileView.names).map { attributes in
            ServiceProfile(
                id: Identifier.uuid(), description: attributes.text("description") ?? "",
                driver: attributes.text("driver") ?? "", metainfo: attributes.text("metainfo") ?? "",
                isEnabled: attributes.flag("enabled") ?? true)
        }
        try request.authorizeCreation(of: "service_profile", PolicySubject(projectID: ""))
        return try await create(request, Self.profiles) { [operations] transaction in
            try profiles.map { try operations.createServiceProfile($0, in: transaction) }
        }
    }

    private func updateProfile(_ request: APIRequest) async throws -> APIResponse {
        let attributes = request.attributes(ServiceProfileView.names)
        return try await change(request, Self.profiles) { [operations] profile, transaction in
            var profile = profile
            profile.description = attributes.text("description") ?? profile.description
            profile.driver = attributes.text("driver") ?? profile.driver
            profile.metainfo = attributes.text("metainfo") ?? profile.metainfo
            profile.isEnabled = attributes.flag("enabled") ?? profile.isEnabled
            return try operations.updateServiceProfile(profile, in: transaction)
        }
    }

    private func listProviders(_ request: APIRequest) async -> APIResponse {
        let wanted = request.query.all("service_type")
        let providers = ServiceProvider.all.filter { wanted.isEmpty || wanted.contains($0.serviceType) }
        return await request.answer(
            providers.map(ServiceProviderView.init), ServiceProviderView.names, ListRequest(fields: request.fields))
    }
}
