import CloudAPI
import CloudCore
import CloudPolicy
import CloudStore
import Testing

@testable import Identity

/// Identity providers, protocols, mappings and service providers.
@Suite struct FederationTests {
    static let rules: JSON = ["rules": [["local": [["user": ["name": "{0}"]]], "remote": [["type": "login"]]]]]
    private static let base = "http://127.0.0.1:9000/identity/v3/OS-FEDERATION"

    @Test func identityProvidersAreMadeShownChangedAndDeleted() async throws {
        try await TestCloud.run { cloud in
            let admin = try await cloud.token()
            let made = await cloud.call(.put, "/OS-FEDERATION/identity_providers/acme", admin, ["identity_provider": [:]])
            #expect(made.status == .created, "\(made.text)")
            let domain = try #require(made.json["identity_provider"]?["domain_id"]?.string)
            #expect(made.json["identity_provider"] == [
                "id": "acme", "domain_id": .string(domain), "enabled": false, "description": nil, "remote_ids": [], "authorization_ttl": nil,
                "links": ["self": .string(Self.base + "/identity_providers/acme"), "protocols": .string(Self.base + "/identity_providers/acme/protocols")],
            ])
            let madeDomain = await cloud.call(.get, "/domains/\(domain)", admin).json["domain"]
            #expect(madeDomain?["name"] == .string(domain))
            #expect(madeDomain?["description"] == "Auto generated federated domain for Identity Provider: acme")
            let change: JSON = ["identity_provider": ["enabled": true, "description": "d", "remote_ids": ["b", "a"], "authorization_ttl": 5]]
            let changed = await cloud.call(.patch, "/OS-FEDERATION/identity_providers/acme", admin, change)
            #expect(changed.json["identity_provider"]?["remote_ids"] == ["a", "b"])
            let shown = await cloud.call(.get, "/OS-FEDERATION/identity_providers/acme", admin)
            #expect(shown.json == changed.json)
            #expect(shown.json["identity_provider"]?["authorization_ttl"] == 5)
            _ = await cloud.call(.put, "/OS-FEDERATION/identity_providers/other", admin, [:])
            #expect(await cloud.call(.get, "/OS-FEDERATION/identity_providers", admin).json["identity_providers"]?.ids == ["acme", "other"])
            #expect(await cloud.call(.get, "/OS-FEDERATION/identity_providers?enabled=true", admin).json["identity_providers"]?.ids == ["acme"])
            #expect(await cloud.call(.get, "/OS-FEDERATION/identity_providers?id=other", admin).json["identity_providers"]?.ids == ["other"])
            #expect(await cloud.call(.delete, "/OS-FEDERATION/identity_providers/acme", admin).status == .noContent)
            for method: HTTPRequest.Method in [.get, .delete] {
                #expect(await cloud.call(method, "/OS-FEDERATION/identity_providers/acme", admin).status == .notFound)
            }
            #expect(await cloud.call(.patch, "/OS-FEDERATION/identity_providers/acme", admin, change).status == .notFound)
            #expect(await cloud.call(.get, "/domains/\(domain)", admin).status == .ok, "the domain stays")
        }
    }

    @Test func remoteIDsAndNamesAreUnique() async throws {
        try await TestCloud.run { cloud in
            let admin = try await cloud.token()
            let path = "/OS-FEDERATION/identity_providers/"
            let body: JSON = ["identity_provider": ["remote_ids": ["one"], "domain_id": "default"]]
            #expect(await cloud.call(.put, path + "a", admin, body).status == .created)
            let domains = await cloud.call(.get, "/domains", admin).json["domains"]?.array?.count
            for (name, body) in [("a", ["identity_provider": [:]]), ("b", ["identity_provider": ["remote_ids": ["one"]]])] as [(String, JSON)] {
                #expect(await cloud.call(.put, path + name, admin, body).status == .conflict)
            }
            #expect(await cloud.call(.get, "/domains", admin).json["domains"]?.array?.count == domains, "a refusal leaves no domain behind")
            #expect(await cloud.call(.put, path + "b", admin, ["identity_provider": ["remote_ids": nil]]).status == .created)
            let taken = await cloud.call(.patch, path + "b", admin, ["identity_provider": ["remote_ids": ["one"]]])
            #expect(taken.status == .conflict && taken.text.contains("Duplicate remote ID: one"))
            #expect(await cloud.call(.patch, path + "a", admin, ["identity_provider": ["remote_ids": ["one", "two"]]]).status == .ok)
            #expect(await cloud.call(.put, path + "c", admin, ["identity_provider": ["domain_id": "nowhere"]]).status == .notFound)
        }
    }

    @Test(arguments: [
        ["identity_provider": ["unknown": 1]], ["identity_provider": ["enabled": "maybe"]], ["identity_provider": ["authorization_ttl": -1]],
        ["identity_provider": ["remote_ids": "x"]], ["identity_provider": ["remote_ids": ["x", "x"]]], ["identity_provider": "x"],
        ["identity_provider": ["authorization_ttl": "1"]],
    ] as [JSON])
    func malformedProvidersAreRefused(body: JSON) async throws {
        try await TestCloud.run { cloud in
            let admin = try await cloud.token()
            #expect(await cloud.call(.put, "/OS-FEDERATION/identity_providers/a", admin, body).status == .badRequest)
            _ = await cloud.call(.put, "/OS-FEDERATION/identity_providers/b", admin, [:])
            for body in [body, [:], ["identity_provider": [:]], ["identity_provider": ["domain_id": "default"]]] {
                #expect(await cloud.call(.patch, "/OS-FEDERATION/identity_providers/b", admin, body).status == .badRequest)
            }
            let long = String(repeating: "x", count: 65)
            #expect(await cloud.call(.put, "/OS-FEDERATION/identity_providers/\(long)", admin, [:]).status == .badRequest)
        }
    }

    @Test func protocolsBelongToProviders() async throws {
        try await TestCloud.run { cloud in
            let admin = try await cloud.token()
            let path = "/OS-FEDERATION/identity_providers/acme/protocols"
            #expect(await cloud.call(.put, "/OS-FEDERATION/mappings/m", admin, ["mapping": Self.rules]).status == .created)
            let body: JSON = ["protocol": ["mapping_id": "m"]]
            #expect(await cloud.call(.put, path + "/saml2", admin, body).status == .notFound)
            _ = await cloud.call(.put, "/OS-FEDERATION/identity_providers/acme", admin, [:])
            let made = await cloud.call(.put, path + "/saml2", admin, body)
            #expect(made.status == .created, "\(made.text)")
            let links: JSON = [
                "self": .string(Self.base + "/identity_providers/acme/protocols/saml2"),
                "identity_provider": .string(Self.base + "/identity_providers/acme"),
            ]
            #expect(made.json == ["protocol": ["id": "saml2", "mapping_id": "m", "links": links]])
            #expect(await cloud.call(.get, path + "/saml2", admin).json == made.json)
            #expect(await cloud.call(.get, path, admin).json["protocols"] == [
                ["id": "saml2", "idp_id": "acme", "mapping_id": "m", "remote_id_attribute": nil, "links": links],
            ])
            #expect(await cloud.call(.put, path + "/saml2", admin, body).status == .conflict)
            let attribute: JSON = ["protocol": ["mapping_id": "m", "remote_id_attribute": "issuer"]]
            #expect(await cloud.call(.patch, path + "/saml2", admin, attribute).json["protocol"]?["remote_id_attribute"] == "issuer")
            #expect(await cloud.call(.patch, path + "/saml2", admin, body).json["protocol"]?["remote_id_attribute"] == "issuer")
            let unknown: JSON = ["protocol": ["mapping_id": "nowhere"]]
            #expect(await cloud.call(.put, path + "/x", admin, unknown).status == .badRequest)
            #expect(await cloud.call(.patch, path + "/saml2", admin, unknown).status == .badRequest)
            #expect(await cloud.call(.patch, path + "/x", admin, body).status == .notFound)
            for bad: JSON in [[:], ["protocol": [:]], ["protocol": ["mapping_id": ""]], ["protocol": ["mapping_id": "m", "x": 1]]] {
                #expect(await cloud.call(.patch, path + "/saml2", admin, bad).status == .badRequest)
            }
            #expect(await cloud.call(.delete, path + "/saml2", admin).status == .noContent)
            #expect(await cloud.call(.delete, path + "/saml2", admin).status == .notFound)
            #expect(await cloud.call(.get, path + "/saml2", admin).status == .notFound)
        }
    }

    @Test func mappingsAreCheckedAndReplaced() async throws {
        try await TestCloud.run { cloud in
            let admin = try await cloud.token()
            let made = await cloud.call(.put, "/OS-FEDERATION/mappings/m", admin, ["mapping": Self.rules])
            #expect(made.status == .created)
            #expect(made.json["mapping"] == [
                "id": "m", "rules": Self.rules["rules"] ?? .null, "schema_version": "1.0", "links": ["self": .string(Self.base + "/mappings/m")],
            ])
            #expect(await cloud.call(.put, "/OS-FEDERATION/mappings/m", admin, ["mapping": Self.rules]).status == .conflict)
            for bad: JSON in [[:], ["mapping": [:]], ["mapping": ["rules": []]], ["mapping": ["rules": [["local": [], "remote": [["x": 1]]]]]]] {
                #expect(await cloud.call(.put, "/OS-FEDERATION/mappings/n", admin, bad).status == .badRequest)
                #expect(await cloud.call(.patch, "/OS-FEDERATION/mappings/m", admin, bad).status == .badRequest)
            }
            var second = Self.rules.object ?? [:]
            second["schema_version"] = "2.0"
            #expect(await cloud.call(.patch, "/OS-FEDERATION/mappings/m", admin, ["mapping": .object(second)]).json["mapping"]?["schema_version"] == "2.0")
            #expect(await cloud.call(.patch, "/OS-FEDERATION/mappings/n", admin, ["mapping": Self.rules]).status == .notFound)
            #expect(await cloud.call(.get, "/OS-FEDERATION/mappings", admin).json["mappings"]?.ids == ["m"])
            #expect(await cloud.call(.delete, "/OS-FEDERATION/mappings/m", admin).status == .noContent)
            #expect(await cloud.call(.delete, "/OS-FEDERATION/mappings/m", admin).status == .notFound)
            #expect(await cloud.call(.get, "/OS-FEDERATION/mappings/m", admin).status == .notFound)
        }
    }

    @Test func serviceProvidersAreMadeShownAndChanged() async throws {
        try await TestCloud.run { cloud in
            let admin = try await cloud.token()
            let path = "/OS-FEDERATION/service_providers/sp"
            let body: JSON = ["service_provider": ["auth_url": "https://a/auth", "sp_url": "https://a/sp", "description": "d"]]
            let made = await cloud.call(.put, path, admin, body)
            #expect(made.status == .created)
            #expect(made.json["service_provider"] == [
                "id": "sp", "auth_url": "https://a/auth", "sp_url": "https://a/sp", "description": "d", "enabled": false,
                "relay_state_prefix": "ss:mem:", "links": ["self": .string(Self.base + "/service_providers/sp")],
            ])
            #expect(await cloud.call(.put, path, admin, body).status == .conflict)
            let changed = await cloud.call(.patch, path, admin, ["service_provider": ["enabled": true, "relay_state_prefix": "x"]])
            #expect(await cloud.call(.get, path, admin).json == changed.json)
            #expect(changed.json["service_provider"]?["relay_state_prefix"] == "x")
            #expect(await cloud.call(.get, "/OS-FEDERATION/service_providers?enabled=0", admin).json["service_providers"] == [])
            for bad: JSON in [["auth_url": "plain"], ["sp_url": "plain"], ["id": "x"], [:], ["auth_url": nil]] {
                #expect(await cloud.call(.patch, path, admin, ["service_provider": bad]).status == .badRequest)
                #expect(await cloud.call(.put, path + "2", admin, ["service_provider": bad]).status == .badRequest)
            }
            #expect(await cloud.call(.patch, path + "2", admin, ["service_provider": ["enabled": true]]).status == .notFound)
            #expect(await cloud.call(.delete, path, admin).status == .noContent)
            #expect(await cloud.call(.delete, path, admin).status == .notFound)
        }
    }

    @Test func onlyAdministratorsAndSystemReadersComeIn() async throws {
        try await TestCloud.run { cloud in
            let admin = try await cloud.token()
            _ = await cloud.call(.put, "/OS-FEDERATION/identity_providers/acme", admin, [:])
            let reader = try await cloud.user("reader", role: "reader", on: "system", admin)
            let system = try await cloud.token(of: reader, scope: ["system": ["all": true]])
            let chief = try await cloud.user("chief", role: "admin", on: "domains/default", admin)
            let domain = try await cloud.token(of: chief, scope: ["domain": ["id": "default"]])
            for collection in ["identity_providers", "mappings", "service_providers", "identity_providers/acme/protocols"] {
                #expect(await cloud.call(.get, "/OS-FEDERATION/" + collection, system).status == .ok)
                #expect(await cloud.call(.get, "/OS-FEDERATION/" + collection, domain).status == .forbidden)
                for method: HTTPRequest.Method in [.put, .patch, .delete] {
                    #expect(await cloud.call(method, "/OS-FEDERATION/\(collection)/x", system, [:]).status == .forbidden)
                    #expect(await cloud.call(method, "/OS-FEDERATION/\(collection)/x", domain, [:]).status == .forbidden)
                }
            }
        }
    }
}
