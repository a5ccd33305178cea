import CloudCore
import HTTPTypes

/// Every operation of the cloud as OpenAPI 3.1, written from the endpoints' declarations.
struct OpenAPIDocument {
    let services: [ServiceAPI]

    /// The document. Operations that share method and path in different microversions stand in one entry, the newest
    /// first and the others under `x-openstack-variants`, since OpenAPI knows one operation a method.
    var bytes: [UInt8] {
        var json = JSONWriter(capacity: 1 << 16)
        json.object {
            $0.member("openapi", "3.1.0")
            $0.member("info") {
                $0.object {
                    $0.member("title", "Altostack")
                    $0.member("version", "1")
                    $0.member("description", "A private cloud that speaks OpenStack's APIs.")
                }
            }
            $0.member("paths") { writePaths(to: &$0) }
            $0.member("components") { writeComponents(to: &$0) }
            $0.member("tags") { json in
                json.array {
                    for service in services {
                        $0.object {
                            $0.member("name", service.type)
                            $0.member("description", service.name)
                        }
                    }
                }
            }
        }
        return json.bytes
    }

    private func writeComponents(to json: inout JSONWriter) {
        json.object {
            $0.member("securitySchemes") {
                $0.object {
                    $0.member("token") {
                        $0.object {
                            $0.member("type", "apiKey")
                            $0.member("in", "header")
                            $0.member("name", "X-Auth-Token")
                        }
                    }
                }
            }
        }
    }

    private func writePaths(to json: inout JSONWriter) {
        json.object { json in
            for service in services {
                let paths = Dictionary(grouping: service.endpoints, by: \.path)
                for path in paths.keys.sorted() {
                    let template = service.path + path.replacing("...}", with: "}")
                    json.member(template.isEmpty ? "/" : template) {
                        write(paths[path] ?? [], of: service, to: &$0)
                    }
                }
            }
        }
    }

    private func write(_ endpoints: [Endpoint], of service: ServiceAPI, to json: inout JSONWriter) {
        json.object { json in
            for (method, variants) in Dictionary(grouping: endpoints, by: \.method.rawValue).sorted(by: { $0.key < $1.key }) {
                let newestFirst = variants.sorted { left, right in
                    (left.microversions.first ?? Microversion(0, 0)) > (right.microversions.first ?? Microversion(0, 0))
                }
                json.member(method.lowercased()) { OpenAPIOperation(service: service, variants: newestFirst).write(to: &$0) }
            }
        }
    }
}

/// One method of one path.
struct OpenAPIOperation: JSONWritable {
    let service: ServiceAPI
    let variants: [Endpoint]

    func write(to json: inout JSONWriter) {
        json.object { json in
            guard let newest = variants.first else { return }
            json.member("tags", [service.type])
            write(newest, to: &json)
            guard variants.count > 1 else { return }
            json.member("x-openstack-variants") { json in
                json.array { json in
                    for variant in variants.dropFirst() { json.object { write(variant, to: &$0) } }
                }
            }
        }
    }

    private func write(_ endpoint: Endpoint, to json: inout JSONWriter) {
        json.member("summary", endpoint.summary)
        writeAccess(endpoint.access, to: &json)
        if let policy = service.microversions, endpoint.negotiates {
            json.member("x-openstack-min-microversion", (endpoint.microversions.first ?? policy.minimum).description)
            json.member("x-openstack-max-microversion", (endpoint.microversions.last ?? policy.maximum).description)
        }
        writeParameters(endpoint, to: &json)
        writeBody(endpoint.body, to: &json)
        json.member("responses") { json in
            json.object { json in
                json.member(String(endpoint.success.code)) { $0.object { $0.member("description", endpoint.success.reasonPhrase) } }
                json.member("default") { $0.object { $0.member("description", "A fault in the service's own form") } }
            }
        }
    }

    private func writeAccess(_ access: Access, to json: inout JSONWriter) {
        switch access {
        case .open(let reason):
            json.member("security") { $0.array { _ in } }
            json.member("x-openstack-open-because", reason)
        case .authenticated(let reason):
            writeSecurity(to: &json)
            json.member("x-openstack-authenticated-because", reason)
        case .rule(let rule), .ruleOnResource(let rule):
            writeSecurity(to: &json)
            json.member("x-openstack-policy", rule)
        }
    }

    private func writeSecurity(to json: inout JSONWriter) {
        json.member("security") { $0.array { $0.object { $0.member("token") { $0.array { _ in } } } } }
    }

    private func writeParameters(_ endpoint: Endpoint, to json: inout JSONWriter) {
        let names = PathPattern(endpoint.path)?.parameterNames ?? []
        var query: [(name: String, schema: Schema)] = []
        if case .schema(.object(let members, _, _)) = endpoint.query { query = members }
        guard !names.isEmpty || !query.isEmpty else { return }
        json.member("parameters") { json in
            json.array { json in
                for name in names { Self.writeParameter(name, "path", .string(), to: &json) }
                for member in query { Self.writeParameter(member.name, "query", member.schema, to: &json) }
            }
        }
    }

    private static func writeParameter(_ name: String, _ place: String, _ schema: Schema, to json: inout JSONWriter) {
        json.object {
            $0.member("name", name)
            $0.member("in", place)
            if place == "path" { $0.member("required", true) }
            $0.member("schema", schema)
        }
    }

    private func writeBody(_ body: RequestBody, to json: inout JSONWriter) {
        switch body {
        case .none: return
        case .json(let schema): Self.writeContent(["application/json"], schema, to: &json)
        case .document(let mediaTypes, let schema): Self.writeContent(mediaTypes, schema, to: &json)
        case .versioned(let schemas):
            let newestFirst = schemas.sorted { $0.from > $1.from }
            Self.writeContent(["application/json"], newestFirst.first?.schema ?? .any, to: &json)
            json.member("x-openstack-request-bodies") { json in
                json.object { for entry in newestFirst { $0.member(entry.from.description, entry.schema) } }
            }
        case .stream(let mediaTypes, let limit):
            Self.writeContent(mediaTypes, nil, to: &json)
            json.member("x-openstack-max-body", limit)
        }
    }

    private static func writeContent(_ types: [String], _ schema: Schema?, to json: inout JSONWriter) {
        json.member("requestBody") { json in
            json.object { json in
                json.member("required", schema != nil)
                json.member("content") { json in
                    json.object { json in
                        for type in types { json.member(type) { $0.object { if let schema { $0.member("schema", schema) } } } }
                    }
                }
            }
        }
    }
}
