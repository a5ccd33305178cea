import CloudAPI
import CloudCore
import CloudTelemetry
import Testing

@Suite struct PipelineTests {
    let server: CloudServer

    init() throws { server = try Fixture.server() }

    // MARK: Request ids

    @Test(arguments: ["/gadget/v2.1/gadgets", "/nowhere", "/gadget/v2.1/errors/unknown"])
    func everyAnswerCarriesItsRequestID(path: String) async {
        let answer = await server.respond(.get, path, token: "reader")
        let id = answer.headers[.openStackRequestID] ?? ""
        #expect(RequestContext.isRequestID(id))
        guard path.hasPrefix("/gadget") else { return }
        #expect(HTTPField.Name("x-gadget-request-id").flatMap { answer.headers[$0] } == id)
    }

    @Test func aGlobalRequestIDIsLoggedAndNotTakenOver() async throws {
        let lines = Lines()
        let server = try Fixture.server { $0.accessLog = AccessLog(format: .json, output: lines.writer) }
        let global = "req-3dccb8c4-08fe-4706-a91d-e843b8fe9ed2"
        let answer = await server.respond(.get, "/gadget/", headers: [.openStackRequestID: global])
        #expect(answer.headers[.openStackRequestID] != global)
        _ = await server.respond(.get, "/gadget/", headers: [.openStackRequestID: "req-nonsense"])
        let logged = try lines.all.map { try JSON(parsing: $0)["global_request_id"] }
        #expect(logged == [.string(global), .null])
    }

    // MARK: Microversions

    @Test(arguments: [
        (["OpenStack-API-Version": "gadget 2.7"], "2.7"),
        (["OpenStack-API-Version": "compute 2.90, GADGET  2.8 , volume 3.1"], "2.8"),
        (["OpenStack-API-Version": "gadget latest"], "2.30"),
        (["OpenStack-API-Version": "compute 2.90"], "2.1"),
        (["X-OpenStack-Widget-API-Version": "2.5"], "2.5"),
        (["X-OpenStack-Widget-API-Version": "2.5", "OpenStack-API-Version": "gadget 2.6"], "2.6"),
        ([:], "2.1"),
    ])
    func theMicroversionIsNegotiated(headers: [String: String], served: String) async throws {
        var fields: HTTPFields = [.authToken: "reader"]
        for (name, value) in headers { fields[try #require(HTTPField.Name(name))] = value }
        let answer = await server.respond(.get, "/gadget/v2.1/gadgets", headers: fields)
        #expect(answer.json["gadgets"]?[0]?.string == served)
        #expect(answer.headers[.openStackAPIVersion] == "gadget \(served)")
        #expect(HTTPField.Name("X-OpenStack-Widget-API-Version").flatMap { answer.headers[$0] } == served)
        #expect(answer.headers[.vary]?.contains("OpenStack-API-Version, X-OpenStack-Widget-API-Version") == true)
    }

    @Test(arguments: [("2.31", 406), ("1.9", 406), ("2", 400), ("2.01", 400), ("two", 400), ("2.1.1", 400)])
    func unusableMicroversionsAreRefused(version: String, status: Int) async {
        let answer = await server.respond(
            .get, "/gadget/v2.1/gadgets", token: "reader", headers: [.openStackAPIVersion: "gadget \(version)"])
        #expect(answer.status.code == status)
        #expect(answer.json["gadgetFault"]?["code"]?.int == status)
        #expect(answer.headers[.openStackAPIVersion] == nil)
    }

    @Test func endpointsLiveInTheirMicroversions() async {
        func get(_ path: String, _ version: String) async -> TestResponse {
            await server.respond(.get, path, token: "reader", headers: [.openStackAPIVersion: "gadget \(version)"])
        }
        #expect(await get("/gadget/v2.1/gadgets/1/diagnostics", "2.9").json["form"] == "old")
        #expect(await get("/gadget/v2.1/gadgets/1/diagnostics", "2.10").json["form"] == "new")
        #expect(await get("/gadget/v2.1/late", "2.19").status == .notFound)
        #expect(await get("/gadget/v2.1/late", "2.20").status == .ok)
    }

    @Test func versionDocumentsAnswerWhateverVersionIsAskedFor() async {
        let answer = await server.respond(.get, "/gadget", headers: [.openStackAPIVersion: "gadget 9.9"])
        #expect(answer.status == .multipleChoices)
    }

    // MARK: Authentication and authorisation

    @Test(arguments: [nil, "", "expired"])
    func withoutAValidTokenItIs401InKeystonesForm(token: String?) async {
        let answer = await server.respond(.get, "/gadget/v2.1/gadgets", token: token)
        #expect(answer.status == .unauthorized)
        #expect(answer.json["error"]?["code"] == 401)
        #expect(answer.headers[.wwwAuthenticate]?.hasPrefix("Keystone uri=\"http://") == true)
    }

    @Test func openEndpointsTakeAnyToken() async {
        #expect(await server.respond(.get, "/gadget/v2.1/where", token: nil).json["where"]?[2] == "nobody")
        #expect(await server.respond(.get, "/gadget/v2.1/where", token: "expired").json["where"]?[2] == "nobody")
        #expect(await server.respond(.get, "/gadget/v2.1/where", token: "member").json["where"]?[2] == "member")
    }

    @Test func aDeniedRuleIs403InTheServicesWords() async {
        let answer = await server.respond(.get, "/gadget/v2.1/gadgets", token: "none")
        #expect(answer.status == .forbidden)
        #expect(answer.json["gadgetFault"]?["message"] == "You may not gadget:list.")
    }

    @Test func theHandlerDecidesTheRuleOnAResource() async {
        #expect(await server.respond(.get, "/gadget/v2.1/gadgets/own", token: "none").status == .ok)
        #expect(await server.respond(.get, "/gadget/v2.1/gadgets/foreign", token: "none").status == .forbidden)
        #expect(await server.respond(.get, "/gadget/v2.1/gadgets/foreign", token: "admin").status == .ok)
        #expect(await server.respond(.delete, "/gadget/v2.1/gadgets/own", token: "none").status == .noContent)
    }

    @Test func successWithoutADecisionIsAFault() async {
        let answer = await server.respond(.get, "/gadget/v2.1/careless", token: "admin")
        #expect(answer.status == .internalServerError)
        #expect(!answer.text.contains("oops"))
    }

    // MARK: Bodies

    private func create(_ body: String, type: String? = "application/json", token: String = "member") async -> TestResponse {
        var headers: HTTPFields = [.authToken: token]
        headers[.contentType] = type
        return await server.respond(.post, "/gadget/v2.1/gadgets", headers: headers, body: Array(body.utf8))
    }

    @Test func aValidBodyReachesTheHandler() async {
        let answer = await create(#"{"gadget": {"name": "one", "size": 3}}"#)
        #expect(answer.status == .accepted)
        #expect(answer.json["gadget"] == ["name": "one", "size": 3])
        #expect(await create(#"{"gadget": {"name": "one"}}"#, type: nil).status == .accepted)
        #expect(await create(#"{"gadget": {"name": "no \\u0000"}}"#).status == .accepted)
        #expect(await create(#"{"gadget": {"name": "one"}}"#, type: "Application/JSON; charset=utf-8").status == .accepted)
    }

    @Test(arguments: [
        "", "{", "[]", #"{"gadget": {}}"#, #"{"gadget": {"name": ""}}"#, #"{"gadget": {"name": "x", "size": 11}}"#,
        #"{"gadget": {"name": "x", "size": "3"}}"#, #"{"gadget": {"name": "x", "colour": "red"}}"#,
        #"{"gadget": {"name": "x"}, "more": 1}"#, #"{"gadget": {"name": "a\u0000b"}}"#,
    ])
    func aBadBodyIs400(body: String) async {
        let answer = await create(body)
        #expect(answer.status == .badRequest)
        #expect(answer.json["gadgetFault"]?["code"] == 400)
    }

    @Test func aForeignMediaTypeIs415() async {
        #expect(await create("<gadget/>", type: "application/xml").status == .unsupportedMediaType)
    }

    @Test func aDocumentHasItsOwnMediaType() async {
        func patch(_ type: String) async -> TestResponse {
            await server.respond(
                .patch, "/gadget/v2.1/gadgets/x", headers: [.authToken: "member", .contentType: type], body: Array("[1]".utf8))
        }
        #expect(await patch("application/x-gadget-patch+json").json["patch"] == [1])
        #expect(await patch("application/json").status == .unsupportedMediaType)
    }

    @Test func aBodyBeyondTheLimitIs413() async throws {
        let server = try Fixture.server { $0.bodyLimit = 100 }
        let body = Array(#"{"gadget": {"name": "\#(String(repeating: "x", count: 100))"}}"#.utf8)
        let declared = await server.respond(.post, "/gadget/v2.1/gadgets", headers: [.authToken: "member"], body: body)
        #expect(declared.status == .contentTooLarge)
        let undeclared = await server.respond(
            .post, "/gadget/v2.1/gadgets", headers: [.authToken: "member", .contentLength: "50"], body: body)
        #expect(undeclared.status == .contentTooLarge)
    }

    @Test func aBodyThatEndsEarlyIs400() async {
        let answer = await server.respond(
            .put, "/gadget/v2.1/objects/c/o", headers: [.contentLength: "10"], body: [1, 2, 3])
        #expect(answer.status == .badRequest)
    }

    @Test(arguments: [
        ("limit=5", 200), ("limit=-1", 400), ("limit=x", 400), ("limit=1001", 400), ("colour=red", 400),
        ("tag=a&tag=b", 200), ("tag=long", 400), ("", 200),
    ])
    func theQueryIsHeldToItsSchema(query: String, status: Int) async {
        #expect(await server.respond(.get, "/gadget/v2.1/gadgets?\(query)", token: "reader").status.code == status)
    }

    // MARK: Errors

    @Test func aServicesErrorBecomesItsFault() async {
        let answer = await server.respond(.get, "/gadget/v2.1/errors/own", token: "reader")
        #expect(answer.status == .conflict)
        #expect(answer.json["gadgetFault"]?["kind"] == "GadgetInUse")
        let slow = await server.respond(.get, "/gadget/v2.1/errors/fault", token: "reader")
        #expect(slow.status == .tooManyRequests)
        #expect(slow.headers[.retryAfter] == "3")
    }

    @Test func platformErrorsAreMapped() async {
        #expect(await server.respond(.get, "/gadget/v2.1/errors/overload", token: "reader").status == .serviceUnavailable)
        #expect(await server.respond(.get, "/gadget/v2.1/gadgets", token: "broken").status == .serviceUnavailable)
    }

    @Test func anUnknownErrorIs500AndShowsNothing() async {
        let answer = await server.respond(.get, "/gadget/v2.1/errors/unknown", token: "reader")
        #expect(answer.status == .internalServerError)
        #expect(!answer.text.contains("hunter2"))
        #expect(!answer.text.contains("Secretive"))
    }

    // MARK: Answers

    @Test func largeJSONIsCompressedForThoseWhoAcceptIt() async {
        let plain = await server.respond(.get, "/gadget/v2.1/large")
        let packed = await server.respond(.get, "/gadget/v2.1/large", headers: [.acceptEncoding: "deflate, gzip;q=0.8"])
        #expect(plain.headers[.contentEncoding] == nil)
        #expect(packed.headers[.contentEncoding] == "gzip")
        #expect(packed.bytes.prefix(2) == [0x1F, 0x8B])
        #expect(packed.bytes.count < plain.bytes.count / 10)
        #expect(packed.headers[.contentLength] == String(packed.bytes.count))
        #expect(packed.headers[.vary]?.contains("Accept-Encoding") == true)
        let refused = await server.respond(.get, "/gadget/v2.1/large", headers: [.acceptEncoding: "gzip;q=0"])
        #expect(refused.headers[.contentEncoding] == nil)
    }

    @Test func URLsAreWrittenAsTheClientSeesThem() async throws {
        let answer = await server.respond(.get, "/gadget/v2.1/where?x=1")
        #expect(answer.json["where"]?[0] == "http://127.0.0.1:0/gadget")
        #expect(answer.json["where"]?[1] == "http://127.0.0.1:0/gadget/v2.1/where")
        let proxied = try Fixture.server { $0.trustsForwardedHeaders = true }
        let headers: HTTPFields = [
            try #require(HTTPField.Name("X-Forwarded-Proto")): "https",
            try #require(HTTPField.Name("X-Forwarded-Host")): "cloud.example.org",
        ]
        #expect(await proxied.respond(.get, "/gadget/v2.1/where", headers: headers).json["where"]?[0] == "https://cloud.example.org/gadget")
        #expect(await server.respond(.get, "/gadget/v2.1/where", headers: headers).json["where"]?[0] == "http://127.0.0.1:0/gadget")
        let named = try Fixture.server { $0.publicURL = "https://api.example.org" }
        #expect(await named.respond(.get, "/gadget/v2.1/where").json["where"]?[0] == "https://api.example.org/gadget")
    }
}
