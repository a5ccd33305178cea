import CloudAPI
import CloudCore
import Testing

@testable import Placement

/// What Placement's stack does otherwise than most services.
@Suite struct HTTPTests {
    @Test func errorsComeInTheFormThatIsWanted() async throws {
        try await Site.with { site in
            func error(_ accept: String) async -> TestResponse {
                await site.server.respond(.get, "/placement/nowhere", token: "admin", headers: [.accept: accept])
            }
            let page = await error("text/html")
            #expect(page.status == .notFound && page.headers[.contentType]?.hasPrefix("text/html") == true)
            #expect(page.text.contains("<h1>404 Not Found</h1>"))
            let plain = await error("image/png")
            #expect(plain.headers[.contentType]?.hasPrefix("text/plain") == true && plain.text.hasPrefix("404 Not Found"))
            #expect(await error("text/html;q=0.5, application/json").json["errors"]?[0]?["status"] == 404)
            #expect(await error("*/*").json["errors"]?[0]?["status"] == 404)
        }
    }

    @Test func aPageShowsNoMarkupOfTheClients() async throws {
        try await Site.with { site in
            let name = "/placement/traits?name=%3Cscript%3E"
            let page = await site.server.respond(
                .get, name, token: "admin", headers: [.accept: "application/json;q=0.1, text/html", .openStackAPIVersion: "placement 1.6"])
            #expect(page.status == .badRequest && page.text.contains("&lt;script&gt;") && !page.text.contains("<script>"))
        }
    }

    @Test func onlyDeclaredMethodsExist() async throws {
        try await Site.with { site in
            let options = await site.expect(.methodNotAllowed, .options, "/resource_providers")
            #expect(options.headers[.allow] == "GET, POST")
            let root = await site.expect(.methodNotAllowed, .delete, "/", version: "1.2")
            #expect(root.headers[.allow] == "GET")
            #expect(root.headers[.openStackAPIVersion] == "placement 1.2")
            #expect(root.headers[.vary]?.contains("openstack-api-version") == true)
        }
    }

    @Test func theMicroversionCountsBeforeThePath() async throws {
        try await Site.with { site in
            await site.expect(.notAcceptable, .get, "/nowhere", version: "9.9")
            let malformed = await site.expect(.badRequest, .get, "/nowhere", version: "pony.horse")
            #expect(malformed.text.contains("invalid version string: pony.horse"))
            let unknown = await site.expect(.notFound, .get, "/nowhere")
            #expect(unknown.json["errors"]?[0]?["code"] == "placement.undefined_code")
        }
    }

    @Test func bodiesNameTheirMediaType() async throws {
        try await Site.with { site in
            let body = Array(#"{"name": "one"}"#.utf8)
            let path = "/placement/resource_providers"
            let unnamed = await site.server.respond(.post, path, headers: [.authToken: "admin"], body: body)
            #expect(unnamed.status == .badRequest && unnamed.text.contains("content-type header required"))
            let empty = await site.server.respond(.post, path, token: "admin")
            #expect(empty.status == .unsupportedMediaType && empty.text.contains("The media type None is not supported"))
        }
    }

    @Test func violationsAreWordedAsJSONSchemaWordsThem() async throws {
        try await Site.with { site in
            func detail(_ method: HTTPRequest.Method, _ path: String, _ body: JSON?) async -> String {
                await site.expect(.badRequest, method, path, body).json["errors"]?[0]?["detail"]?.string ?? ""
            }
            let path = "/resource_providers/\(try await site.host("one", [:]))/inventories"
            let small = await detail(.post, path, ["resource_class": "VCPU", "total": 0])
            #expect(small.hasPrefix("JSON does not validate: 0 is less than the minimum of 1\n"))
            #expect(small.contains("Failed validating 'minimum' in schema['properties']['total']"))
            let missing = await detail(.post, path, ["resource_class": "VCPU"])
            #expect(missing.contains("'total' is a required property") && missing.contains("Failed validating 'required' in schema"))
            let name = await detail(.put, "/resource_classes/VCPU", nil)
            #expect(name.contains("'VCPU' does not match '^CUSTOM_[A-Z0-9_]+$'"))
            let empty = await detail(.put, "/allocations/\(Identifier.uuid())", Site.claim([Identifier.uuid(): [:]]))
            #expect(empty.contains("{} does not have enough properties"))
            let query = await detail(.get, "/usages?project_id=", nil)
            #expect(query.contains("Failed validating 'minLength'"))
        }
    }

    @Test func anUnknownProviderCountsBeforeTheBodysForm() async throws {
        try await Site.with { site in
            let path = "/resource_providers/\(Identifier.uuid())/aggregates"
            await site.expect(.notFound, .put, path, [])
            let known = "/resource_providers/\(try await site.host("one", [:]))/aggregates"
            await site.expect(.badRequest, .put, known, [])
            await site.expect(.ok, .put, known, version: "1.18", [])
            await site.expect(.badRequest, .put, known, "text")
        }
    }
}
