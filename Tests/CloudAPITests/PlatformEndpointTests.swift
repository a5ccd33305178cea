import CloudAPI
import CloudCore
import CloudTelemetry
import Testing

@Suite struct PlatformEndpointTests {
    private struct Ill: Error {}

    @Test func theRootListsTheServices() async throws {
        let answer = try await Fixture.server().respond(.get, "/")
        #expect(
            answer.json["services"] == [
                ["type": "gadget", "name": "widget", "links": [["rel": "self", "href": "http://127.0.0.1:0/gadget"]]]
            ])
    }

    @Test func healthIsTextOrJSON() async throws {
        let server = try Fixture.server { $0.healthChecks = [HealthCheck("store") {}] }
        let text = await server.respond(.get, "/healthcheck")
        #expect(text.status == .ok)
        #expect(text.text == "OK")
        #expect(text.headers[.contentType] == "text/plain; charset=UTF-8")
        let json = await server.respond(.get, "/healthcheck", headers: [.accept: "application/json"])
        #expect(json.json == ["detailed": false, "reasons": ["OK"]])
    }

    @Test func aFailingOrHangingCheckIs503() async throws {
        let never = Gate()
        let server = try Fixture.server {
            $0.healthChecks = [
                HealthCheck("bus") {}, HealthCheck("store") { throw Ill() },
                HealthCheck("disk", deadline: .milliseconds(20)) { await never.pass() },
            ]
        }
        let answer = await server.respond(.get, "/healthcheck")
        #expect(answer.status == .serviceUnavailable)
        #expect(answer.text == "store is not available\ndisk is not available")
        never.open()
    }

    @Test func requestsAreCountedByRouteTemplate() async throws {
        let registry = PrometheusRegistry()
        let server = try Fixture.server { $0.metrics = registry }
        _ = await server.respond(.get, "/gadget/v2.1/gadgets/one", token: "reader")
        _ = await server.respond(.get, "/gadget/v2.1/gadgets/two", token: "reader")
        _ = await server.respond(.get, "/gadget/nothing/x1")
        _ = await server.respond(try #require(HTTPRequest.Method(rawValue: "BREW")), "/gadget/nothing/x2")
        let text = await server.respond(.get, "/metrics").text
        let route = #"route="/gadget/v2.1/gadgets/{gadget_id}",service="gadget",status="200""#
        #expect(text.contains("http_requests_total{method=\"GET\",\(route)} 2\n"))
        #expect(text.contains("http_request_duration_seconds_count{method=\"GET\",\(route)} 2\n"))
        #expect(text.contains(#"http_requests_total{method="GET",route="none",service="gadget",status="404"} 1"#))
        #expect(text.contains(#"http_requests_total{method="other",route="none",service="gadget",status="404"} 1"#))
        #expect(!text.contains("x1"))
    }

    @Test func theAccessLogIsOneLineARequestWithoutSecrets() async throws {
        let lines = Lines()
        let server = try Fixture.server { $0.accessLog = AccessLog(format: .text, output: lines.writer) }
        let answer = await server.respond(.get, "/gadget/v2.1/where?token=tell&x=1&%74oken=tale", token: "reader")
        let line = try #require(lines.all.first)
        #expect(lines.all.count == 1)
        #expect(line.contains("\"GET /gadget/v2.1/where?token=***&x=1&%74oken=***\" status=200 bytes=\(answer.bytes.count) "))
        #expect(line.contains("request_id=\(answer.headers[.openStackRequestID] ?? "?")"))
        #expect(line.contains("user_id=user-reader project_id=\(RoleTokens.project)"))
    }

    @Test func theAccessLogInJSON() async throws {
        let lines = Lines()
        let server = try Fixture.server { $0.accessLog = AccessLog(format: .json, output: lines.writer) }
        _ = await server.respond(.get, "/gadget/v2.1/gadgets?x=\"\n", token: "none")
        let line = try JSON(parsing: try #require(lines.all.first))
        #expect(line["status"] == 403)
        #expect(line["service"] == "gadget")
        #expect(line["user_id"] == "user-none")
        #expect(line["duration_ms"]?.double != nil)
    }

    @Test func openAPIDescribesEveryEndpoint() async throws {
        let document = try await Fixture.server().respond(.get, "/openapi.json").json
        #expect(document["openapi"] == "3.1.0")
        let paths = document["paths"]
        let create = paths?["/gadget/v2.1/gadgets"]?["post"]
        #expect(create?["x-openstack-policy"] == "gadget:create")
        #expect(create?["requestBody"]?["content"]?["application/json"]?["schema"]?["required"] == ["gadget"])
        #expect(create?["responses"]?["202"] != nil)
        #expect(create?["security"] == [["token": []]])
        let list = paths?["/gadget/v2.1/gadgets"]?["get"]
        #expect(list?["parameters"]?[0]?["name"] == "limit")
        let show = paths?["/gadget/v2.1/gadgets/{gadget_id}"]?["get"]
        #expect(show?["parameters"]?[0] == ["name": "gadget_id", "in": "path", "required": true, "schema": ["type": "string"]])
        let late = paths?["/gadget/v2.1/late"]?["get"]
        #expect(late?["x-openstack-min-microversion"] == "2.20")
        #expect(late?["x-openstack-max-microversion"] == "2.30")
        #expect(paths?["/gadget/"]?["get"]?["security"] == [])
        #expect(paths?["/gadget/v2.1/objects/{container}/{object}"]?["put"] != nil)
    }

    @Test func theAuditCallsEveryEndpoint() async throws {
        let server = try Fixture.server()
        let audit = EndpointAudit(server)
        #expect(audit.entries.contains { $0.name == "GET /gadget/v2.1/gadgets/{id}/diagnostics from 2.10" })
        for entry in audit.entries {
            let anonymous = await server.respond(to: entry, token: nil)
            let roleless = await server.respond(to: entry, token: "none")
            switch entry.access {
            case .open: #expect(anonymous.status != .unauthorized, "\(entry.name)")
            case .authenticated: #expect(anonymous.status == .unauthorized, "\(entry.name)")
            case .rule, .ruleOnResource:
                #expect(anonymous.status == .unauthorized, "\(entry.name)")
                #expect(roleless.status != .unauthorized && roleless.status != .badRequest, "\(entry.name)")
            }
        }
    }
}
