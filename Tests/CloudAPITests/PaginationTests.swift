import CloudAPI
import CloudCore
import Testing

@Suite struct PaginationTests {
    private func page(_ query: String, _ dialect: PageRules.Dialect = .nova) throws -> PageRequest {
        let rules = PageRules(
            dialect, defaultLimit: 20, maximumLimit: 100, sortKeys: ["name", "created_at", "id"],
            defaultSort: [SortKey("created_at", .descending), SortKey("id", .descending)])
        return try PageRequest(try #require(QueryItems(parsing: query)), rules)
    }

    @Test func limits() throws {
        #expect(try page("").limit == 20)
        #expect(try page("limit=7").limit == 7)
        #expect(try page("limit=1000").limit == 100)
        #expect(try page("limit=0").limit == 0)
        #expect(try page("limit=0", .neutron).limit == 100)
        #expect(try page("marker=abc").marker == "abc")
        #expect(try page("marker=").marker == nil)
        for query in ["limit=-1", "limit=x", "limit=", "limit=1.5", "limit=99999999999999999999"] {
            #expect(throws: Fault.self) { try page(query) }
        }
    }

    @Test func novasOrder() throws {
        #expect(try page("").sort == [SortKey("created_at", .descending), SortKey("id", .descending)])
        #expect(try page("sort_key=name&sort_dir=asc").sort == [SortKey("name", .ascending), SortKey("id", .ascending)])
        #expect(try page("sort_key=name").sort == [SortKey("name", .descending), SortKey("id", .descending)])
        #expect(try page("sort_dir=asc").sort == [SortKey("created_at", .ascending), SortKey("id", .ascending)])
        #expect(
            try page("sort_key=name&sort_dir=asc&sort_key=created_at&sort_dir=desc&sort_key=name").sort
                == [SortKey("name", .ascending), SortKey("created_at", .descending), SortKey("id", .ascending)])
        for query in ["sort_key=colour", "sort_key=name&sort_dir=up", "sort_key=name&sort_dir=asc&sort_dir=asc"] {
            #expect(throws: Fault.self) { try page(query) }
        }
    }

    @Test func cindersAndGlancesOrder() throws {
        let expected = [SortKey("name", .ascending), SortKey("created_at", .descending), SortKey("id", .ascending)]
        #expect(try page("sort=name:asc,created_at", .cinder).sort == expected)
        #expect(try page("sort=name:asc,created_at:desc", .glance).sort == expected)
        #expect(throws: Fault.self) { try page("sort=name&sort_key=name", .cinder) }
        #expect(throws: Fault.self) { try page("sort=name:up", .cinder) }
        #expect(throws: Fault.self) { try page("sort=colour", .glance) }
        #expect(throws: Fault.self) { try page("sort_key=name&sort_key=id&sort_key=created_at&sort_dir=asc&sort_dir=asc", .glance) }
    }

    @Test func neutronsOrder() throws {
        let reversed = try page("sort_key=name&sort_dir=asc&page_reverse=True&limit=2&marker=m", .neutron)
        #expect(reversed.isReversed)
        #expect(reversed.fetchSort == [SortKey("name", .descending), SortKey("id", .descending)])
        #expect(reversed.cut([5, 4, 3]).rows == [4, 5])
        #expect(throws: Fault.self) { try page("sort_key=name", .neutron) }
        #expect(try PageRequest(.empty, PageRules(.neutron)).fetchCount == .max)
    }

    @Test func cuttingTellsWhetherMoreFollows() throws {
        let page = try page("limit=2")
        #expect(page.fetchCount == 3)
        #expect(page.cut([1, 2, 3]) == ([1, 2], true))
        #expect(page.cut([1, 2]) == ([1, 2], false))
        #expect(try self.page("limit=0").cut([1]) == ([], false))
    }

    // MARK: Links

    /// Serves a list of "a"… in the form that the path names.
    private func server() throws -> CloudServer {
        let endpoint = Endpoint(.get, "/v2/lists/{form}", "List", access: .open(because: "a test")) { request in
            let form = request["form"]
            let page = try request.page(PageRules(form == "neutron" ? .neutron : .nova, sortKeys: ["name"]))
            let (rows, hasMore) = page.cut(["a", "b", "c"].prefix(page.fetchCount).map(\.self))
            let links = PageLinks(request, page, ids: rows, hasMore: hasMore)
            return .json { json in
                json.object { json in
                    json.member("items", rows)
                    switch form {
                    case "nova": links.writeNext("items_links", to: &json)
                    case "neutron": links.writeNextAndPrevious("items_links", to: &json)
                    case "glance": links.writeFirstNextSchema(schema: "/v2/schemas/items", to: &json)
                    default: links.writeSelfNextPrevious(to: &json)
                    }
                }
            }
        }
        return try Fixture.server([endpoint])
    }

    private let root = "http://127.0.0.1:0/gadget/v2/lists"

    @Test func novasLinks() async throws {
        let server = try server()
        let first = await server.respond(.get, "/gadget/v2/lists/nova?limit=2&name=x%20y&marker=old")
        let href: JSON = .string(root + "/nova?limit=2&name=x%20y&marker=b")
        #expect(first.json["items_links"] == [["rel": "next", "href": href]])
        #expect(await server.respond(.get, "/gadget/v2/lists/nova").json["items_links"] == nil)
    }

    @Test func neutronsLinks() async throws {
        let server = try server()
        let first = await server.respond(.get, "/gadget/v2/lists/neutron?limit=2")
        #expect(
            first.json["items_links"] == [
                ["rel": "next", "href": .string(root + "/neutron?limit=2&marker=b")],
                ["rel": "previous", "href": .string(root + "/neutron?limit=2&marker=a&page_reverse=True")],
            ])
        let last = await server.respond(.get, "/gadget/v2/lists/neutron?limit=5")
        #expect(last.json["items_links"]?.array?.count == 1)
        #expect(await server.respond(.get, "/gadget/v2/lists/neutron").json["items_links"] == nil)
    }

    @Test func glancesLinks() async throws {
        let answer = try await server().respond(.get, "/gadget/v2/lists/glance?limit=2&marker=old&name=x")
        #expect(answer.json["first"] == "/v2/lists/glance?limit=2&name=x")
        #expect(answer.json["next"] == "/v2/lists/glance?limit=2&name=x&marker=b")
        #expect(answer.json["schema"] == "/v2/schemas/items")
    }

    @Test func keystonesLinks() async throws {
        let answer = try await server().respond(.get, "/gadget/v2/lists/keystone?name=x")
        #expect(answer.json["links"] == ["self": .string(root + "/keystone?name=x"), "next": nil, "previous": nil])
    }
}
