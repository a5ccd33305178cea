import CloudAPI
import CloudCore
import Testing

@Suite struct RoutingTests {
    let server: CloudServer

    init() throws { server = try Fixture.server() }

    @Test func aLiteralWinsOverAParameter() async {
        #expect(await server.respond(.get, "/gadget/v2.1/gadgets/detail", token: "reader").json["detail"] == true)
        #expect(await server.respond(.get, "/gadget/v2.1/gadgets/details", token: "reader").json["gadget"] == "details")
    }

    @Test(arguments: ["/gadget/v2.1/gadgets/detail/", "//gadget//v2.1/gadgets/detail", "/gadget/v2.1/gadgets/%64etail"])
    func slashesAndEscapesDoNotMatter(path: String) async {
        #expect(await server.respond(.get, path, token: "reader").json["detail"] == true)
    }

    @Test func aParameterMayHoldAnEscapedSlash() async {
        let answer = await server.respond(.get, "/gadget/v2.1/gadgets/a%2Fb%20c%C3%A9", token: "reader")
        #expect(answer.json["gadget"] == "a/b cé")
    }

    @Test func aPathThatIsNotUTF8Is400() async {
        #expect(await server.respond(.get, "/gadget/v2.1/gadgets/%FF", token: "reader").status == .badRequest)
        #expect(await server.respond(.get, "/gadget/v2.1/gadgets/%00", token: "reader").status == .badRequest)
        #expect(await server.respond(.get, "/gadget/v2.1/gadgets?limit=%FF", token: "reader").status == .badRequest)
    }

    @Test func theRestOfAPathKeepsItsSlashes() async {
        let answer = await server.respond(.put, "/gadget/v2.1/objects/c/a//b/?x=1", body: [1, 2, 3])
        #expect(answer.status == .created)
        #expect(answer.json["stored"] == ["c", "a//b/", "3"])
    }

    @Test func anUnknownPathIs404InTheServicesEnvelope() async {
        let answer = await server.respond(.get, "/gadget/v2.1/nothing")
        #expect(answer.status == .notFound)
        #expect(answer.json["gadgetFault"]?["code"] == 404)
        let outside = await server.respond(.get, "/elsewhere")
        #expect(outside.status == .notFound)
        #expect(outside.json["error"]?["code"] == 404)
    }

    @Test func anUnknownMethodIs405WithAllow() async {
        let answer = await server.respond(.put, "/gadget/v2.1/gadgets/x", token: "reader")
        #expect(answer.status == .methodNotAllowed)
        #expect(answer.headers[.allow] == "DELETE, GET, HEAD, OPTIONS, PATCH")
        #expect(answer.json["gadgetFault"]?["code"] == 405)
    }

    @Test func optionsListsTheMethodsWithoutAToken() async {
        let answer = await server.respond(.options, "/gadget/v2.1/gadgets")
        #expect(answer.status == .ok)
        #expect(answer.headers[.allow] == "GET, HEAD, OPTIONS, POST")
        #expect(answer.bytes.isEmpty)
    }

    @Test func headIsServedFromGet() async {
        let get = await server.respond(.get, "/gadget/v2.1/gadgets/x", token: "reader")
        let head = await server.respond(.head, "/gadget/v2.1/gadgets/x", token: "reader")
        #expect(head.status == .ok)
        #expect(head.bytes.isEmpty)
        #expect(head.headers[.contentLength] == String(get.bytes.count))
        let stream = await server.respond(.head, "/gadget/v2.1/objects/c/o?size=1000000")
        #expect(stream.headers[.contentLength] == "1000000")
        #expect(stream.bytes.isEmpty)
    }

    @Test func contradictingTablesAreRefusedAtTheStart() {
        let twice = Endpoint(.get, "/v2.1/late", "Again", microversions: .through(2, 20), access: .rule("gadget:list")) { _ in .empty() }
        #expect(throws: ServerConfigurationError.self) { try Fixture.server([twice]) }
        let unruled = Endpoint(.get, "/v2.1/new", "New", access: .rule("gadget:unknown")) { _ in .empty() }
        #expect(throws: ServerConfigurationError.self) { try Fixture.server([unruled]) }
        let malformed = Endpoint(.get, "/v2.1/{x...}/y", "Malformed", access: .rule("gadget:list")) { _ in .empty() }
        #expect(throws: ServerConfigurationError.self) { try Fixture.server([malformed]) }
        let pattern = Endpoint(
            .post, "/v2.1/new", "Bad pattern", access: .rule("gadget:list"), body: .json(.string(pattern: "("))
        ) { _ in .empty() }
        #expect(throws: ServerConfigurationError.self) { try Fixture.server([pattern]) }
    }
}
