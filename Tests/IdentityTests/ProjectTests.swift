import CloudAPI
import CloudCore
import Testing

@testable import Identity

@Suite struct ProjectTests {
    @Test func aProjectIsShownAsItWasMade() async throws {
        try await TestCloud.run { cloud in
            let admin = try await cloud.token()
            let project = try await cloud.create("projects", "project", ["name": " demo ", "tags": ["b", "a"], "colour": "red"], admin)
            let id = try #require(project["id"]?.string)
            #expect(project == [
                "id": .string(id), "name": "demo", "domain_id": "default", "description": "", "enabled": true,
                "parent_id": "default", "is_domain": false, "tags": ["a", "b"], "options": [:], "colour": "red",
                "links": ["self": .string("http://127.0.0.1:9000/identity/v3/projects/\(id)")],
            ])
            #expect(await cloud.call(.get, "/projects/\(id)", admin).json["project"] == project)
            let changed = await cloud.call(.patch, "/projects/\(id)", admin, ["project": ["description": nil, "name": "new"]])
            #expect(changed.status == .ok)
            #expect(changed.json["project"]?["description"] == .null)
            #expect(changed.json["project"]?["extra"] == ["colour": "red"])
            #expect(await cloud.call(.delete, "/projects/\(id)", admin).status == .noContent)
            #expect(await cloud.call(.delete, "/projects/\(id)", admin).status == .notFound)
        }
    }

    @Test(arguments: [
        ["name": ""], ["name": .string(String(repeating: "x", count: 65))], [:], ["name": "x", "parent_id": "nowhere"],
        ["name": "x", "domain_id": "nowhere"], ["name": "x", "tags": ["a,b"]], ["name": "x", "tags": ["a", "a"]],
        ["name": "x", "is_domain": true, "parent_id": "default"], ["name": "x", "is_domain": true, "domain_id": "default"],
        ["name": "Federated", "is_domain": true],
        ["name": "x", "options": ["immutable": "yes"]],
    ] as [JSON])
    func impossibleProjectsAreRefused(body: JSON) async throws {
        try await TestCloud.run { cloud in
            let response = await cloud.call(.post, "/projects", try await cloud.token(), ["project": body])
            #expect(response.status == .badRequest, "\(response.text)")
        }
    }

    @Test func namesAreUniqueInADomain() async throws {
        try await TestCloud.run { cloud in
            let admin = try await cloud.token()
            let domain = try await cloud.createID("domains", "domain", ["name": "other"], admin)
            _ = try await cloud.create("projects", "project", ["name": "same"], admin)
            _ = try await cloud.create("projects", "project", ["name": "same", "domain_id": .string(domain)], admin)
            #expect(await cloud.call(.post, "/projects", admin, ["project": ["name": "same"]]).status == .conflict)
            #expect(await cloud.call(.post, "/domains", admin, ["domain": ["name": "other"]]).status == .conflict)
            #expect(await cloud.call(.patch, "/domains/\(domain)", admin, ["domain": ["name": "Default"]]).status == .conflict)
        }
    }

    @Test func projectsNest() async throws {
        try await TestCloud.run { cloud in
            let admin = try await cloud.token()
            func child(of parent: String, _ name: String) async throws -> String {
                try await cloud.createID("projects", "project", ["name": .string(name), "parent_id": .string(parent)], admin)
            }
            let top = try await child(of: "default", "top")
            let middle = try await child(of: top, "middle")
            let bottom = try await child(of: middle, "bottom")
            let ids = await cloud.call(.get, "/projects/\(bottom)?parents_as_ids", admin).json["project"]?["parents"]
            #expect(ids == .object([middle: .object([top: ["default": nil]])]))
            let below = await cloud.call(.get, "/projects/\(top)?subtree_as_ids", admin).json["project"]?["subtree"]
            #expect(below == .object([middle: .object([bottom: nil])]))
            #expect(await cloud.call(.get, "/projects/\(top)?subtree_as_ids&subtree_as_list", admin).status == .badRequest)
            // Lists hold only what the caller has a role in.
            let role = try await cloud.roleID("reader", admin)
            let me = try #require(await cloud.call(.get, "/users?name=admin", admin).json["users"]?[0]?["id"]?.string)
            #expect(await cloud.call(.put, "/projects/\(middle)/users/\(me)/roles/\(role)", admin).status == .noContent)
            let limits = await cloud.call(.get, "/projects/\(bottom)?parents_as_list&include_limits", admin).json["project"]?["parents"]
            #expect(limits?[0]?["project"]?["limits"] == [])
            #expect(limits?[0]?["project"]?["links"]?["self"]?.string?.hasSuffix("/projects/\(middle)") == true)
            let whole = await cloud.call(.get, "/projects/\(top)?parents_as_ids&subtree_as_list", admin).json["project"]
            #expect(whole?["parents"] == ["default": nil])
            #expect(whole?["subtree"]?.array?.compactMap { $0["project"]?["id"]?.string } == [middle])
            let parents = await cloud.call(.get, "/projects/\(bottom)?parents_as_list", admin).json["project"]?["parents"]
            #expect(parents?.array?.compactMap { $0["project"]?["id"]?.string } == [middle])

            #expect(await cloud.call(.delete, "/projects/\(middle)", admin).status == .forbidden, "it is not a leaf")
            #expect(await cloud.call(.patch, "/projects/\(middle)", admin, ["project": ["enabled": false]]).status == .forbidden)
            #expect(await cloud.call(.patch, "/projects/\(bottom)", admin, ["project": ["enabled": false]]).status == .ok)
            #expect(await cloud.call(.patch, "/projects/\(middle)", admin, ["project": ["enabled": false]]).status == .ok)
            #expect(await cloud.call(.patch, "/projects/\(bottom)", admin, ["project": ["enabled": true]]).status == .forbidden)
            #expect(await cloud.call(.post, "/projects", admin, ["project": ["name": "x", "parent_id": .string(bottom)]]).status == .badRequest)
            #expect(await cloud.call(.patch, "/projects/\(bottom)", admin, ["project": ["parent_id": .string(top)]]).status == .forbidden)
        }
    }

    @Test func depthHasALimit() async throws {
        try await TestCloud.run({ $0.maximumProjectDepth = 2 }) { cloud in
            let admin = try await cloud.token()
            let one = try await cloud.createID("projects", "project", ["name": "1"], admin)
            let two = try await cloud.createID("projects", "project", ["name": "2", "parent_id": .string(one)], admin)
            let three = await cloud.call(.post, "/projects", admin, ["project": ["name": "3", "parent_id": .string(two)]])
            #expect(three.status == .forbidden)
        }
    }

    @Test func listsAreFiltered() async throws {
        try await TestCloud.run { cloud in
            let admin = try await cloud.token()
            for (name, tags) in [("red", ["warm", "primary"]), ("orange", ["warm"]), ("blue", ["primary"]), ("grey", [])] {
                _ = try await cloud.create("projects", "project", ["name": .string(name), "tags": .array(tags.map { .string($0) })], admin)
            }
            func names(_ query: String) async -> [String] { await cloud.call(.get, "/projects?\(query)", admin).json["projects"]?.names ?? [] }
            #expect(await names("") == ["admin", "blue", "grey", "orange", "red"], "domains are left out")
            #expect(await names("is_domain=true") == ["Default"])
            #expect(await names("tags=warm,primary") == ["red"])
            #expect(await names("tags-any=warm,primary") == ["blue", "orange", "red"])
            #expect(await names("not-tags=warm,primary") == ["admin", "blue", "grey", "orange"])
            #expect(await names("not-tags-any=warm,primary") == ["admin", "grey"])
            #expect(await names("tags=") == [])
            #expect(await names("not-tags-any=") == ["admin", "blue", "grey", "orange", "red"])
            #expect(await names("name=red&domain_id=default") == ["red"])
            #expect(await cloud.call(.get, "/projects?marker=nothing", admin).status == .notFound)
            #expect(await cloud.call(.get, "/projects?enabled=maybe", admin).status == .badRequest)
            #expect(await names("enabled=off") == [])
            #expect(await names("parent_id=default&name__contains=r") == ["grey", "orange", "red"])
            let page = await cloud.call(.get, "/projects?limit=2", admin).json
            #expect(page["projects"]?.array?.count == 2, "tags do not count as rows")
            #expect(page["links"]?["next"]?.string?.contains("limit=2") == true)
        }
    }

    @Test func aUsersProjectsAreFiltered() async throws {
        try await TestCloud.run { cloud in
            let admin = try await cloud.token()
            let user = try await cloud.user("u", admin)
            let role = try await cloud.roleID("reader", admin)
            for (name, isEnabled) in [("on", true), ("off", false), ("none", true)] {
                let id = try await cloud.createID("projects", "project", ["name": .string(name), "enabled": .bool(isEnabled)], admin)
                guard name != "none" else { continue }
                #expect(await cloud.call(.put, "/projects/\(id)/users/\(user)/roles/\(role)", admin).status == .noContent)
            }
            func names(_ query: String) async -> [String] {
                await cloud.call(.get, "/users/\(user)/projects?\(query)", admin).json["projects"]?.names ?? []
            }
            #expect(await names("") == ["off", "on"])
            #expect(await names("enabled=1") == ["on"])
            #expect(await names("name=off&domain_id=default") == ["off"])
            #expect(await names("domain_id=other") == [])
        }
    }

    @Test func wholeSubtreesAreDeletedWhenTheyAreDisabled() async throws {
        try await TestCloud.run { cloud in
            let admin = try await cloud.token()
            let domain = try await cloud.createID("domains", "domain", ["name": "d"], admin)
            var path = [domain]
            for name in ["top", "middle", "bottom"] {
                let body: JSON = ["name": .string(name), "domain_id": .string(domain), "parent_id": .string(path[path.count - 1])]
                path.append(try await cloud.createID("projects", "project", body, admin))
            }
            let (top, middle, bottom) = (path[1], path[2], path[3])
            let user = try await cloud.createID("users", "user", ["name": "u", "default_project_id": .string(bottom)], admin)
            func delete(_ path: String) async -> HTTPResponse.Status { await cloud.call(.delete, path, admin).status }
            func patch(_ id: String, _ fields: JSON) async -> HTTPResponse.Status {
                await cloud.call(.patch, "/projects/\(id)", admin, ["project": fields]).status
            }
            #expect(await delete("/projects/\(top)?cascade") == .forbidden)
            for id in [bottom, middle] { #expect(await patch(id, ["enabled": false]) == .ok) }
            #expect(await delete("/projects/\(top)") == .forbidden)
            #expect(await patch(bottom, ["options": ["immutable": true]]) == .ok)
            #expect(await delete("/projects/\(top)?cascade") == .forbidden)
            #expect(await cloud.call(.patch, "/domains/\(domain)", admin, ["domain": ["enabled": false]]).status == .ok)
            #expect(await delete("/domains/\(domain)") == .forbidden, "something in it is immutable")
            #expect(await patch(bottom, ["options": ["immutable": false]]) == .ok)
            #expect(await delete("/projects/\(top)?cascade=1") == .noContent)
            for id in [top, middle, bottom] { #expect(await cloud.call(.get, "/projects/\(id)", admin).status == .notFound) }
            #expect(await cloud.call(.get, "/users/\(user)", admin).json["user"]?["default_project_id"] == nil)
            #expect(await delete("/domains/\(domain)") == .noContent)
        }
    }

    @Test func tagsComeAndGo() async throws {
        try await TestCloud.run { cloud in
            let admin = try await cloud.token()
            let path = "/projects/\(try await cloud.createID("projects", "project", ["name": "p"], admin))/tags"
            #expect(await cloud.call(.put, path, admin, ["tags": ["a", "b"]]).json["tags"] == ["a", "b"])
            let added = await cloud.call(.put, path + "/c", admin)
            #expect(added.status == .created)
            #expect(added.headers[.location]?.hasSuffix(path + "/c") == true)
            #expect(await cloud.call(.get, path, admin).json["tags"] == ["a", "b", "c"])
            #expect(await cloud.call(.get, path + "/a", admin).status == .noContent)
            #expect(await cloud.call(.delete, path + "/a", admin).status == .noContent)
            #expect(await cloud.call(.delete, path + "/a", admin).status == .notFound)
            #expect(await cloud.call(.get, path + "/a", admin).status == .notFound)
            #expect(await cloud.call(.put, path + "/x%2Fy", admin).status == .badRequest)
            #expect(await cloud.call(.delete, path, admin).status == .noContent)
            #expect(await cloud.call(.get, path, admin).json["tags"] == [])
        }
    }

    @Test func immutableMeansIt() async throws {
        try await TestCloud.run { cloud in
            let admin = try await cloud.token()
            let id = try await cloud.createID("projects", "project", ["name": "p", "options": ["immutable": true]], admin)
            #expect(await cloud.call(.patch, "/projects/\(id)", admin, ["project": ["name": "q"]]).status == .forbidden)
            #expect(await cloud.call(.delete, "/projects/\(id)", admin).status == .forbidden)
            #expect(await cloud.call(.put, "/projects/\(id)/tags/x", admin).status == .forbidden)
            #expect(await cloud.call(.patch, "/projects/\(id)", admin, ["project": ["options": ["immutable": false]]]).status == .ok)
            #expect(await cloud.call(.delete, "/projects/\(id)", admin).status == .noContent)
        }
    }
}

@Suite struct DomainTests {
    @Test func aDomainIsShownAsItWasMade() async throws {
        try await TestCloud.run { cloud in
            let admin = try await cloud.token()
            let domain = try await cloud.create("domains", "domain", ["name": "other", "description": "d"], admin)
            let id = try #require(domain["id"]?.string)
            #expect(domain == [
                "id": .string(id), "name": "other", "description": "d", "enabled": true, "tags": [], "options": [:],
                "links": ["self": .string("http://127.0.0.1:9000/identity/v3/domains/\(id)")],
            ])
            #expect(await cloud.call(.get, "/domains", admin).json["domains"]?.names == ["Default", "other"])
            let project = await cloud.call(.get, "/projects/\(id)", admin).json["project"]
            #expect(project?["is_domain"] == true)
            #expect(project?["domain_id"] == .null)
            #expect(project?["parent_id"] == .null)
            let explicit = Identifier.hex()
            #expect(try await cloud.createID("domains", "domain", ["name": "mine", "explicit_domain_id": .string(explicit)], admin) == explicit)
            #expect(await cloud.call(.post, "/domains", admin, ["domain": ["name": "x", "explicit_domain_id": "short"]]).status == .badRequest)
        }
    }

    @Test func deletingADomainTakesEverythingInIt() async throws {
        try await TestCloud.run { cloud in
            let admin = try await cloud.token()
            let domain = try await cloud.createID("domains", "domain", ["name": "other"], admin)
            let parent = try await cloud.createID("projects", "project", ["name": "p", "domain_id": .string(domain)], admin)
            _ = try await cloud.create("projects", "project", ["name": "c", "domain_id": .string(domain), "parent_id": .string(parent)], admin)
            let group = try await cloud.createID("groups", "group", ["name": "g", "domain_id": .string(domain)], admin)
            let user = try await cloud.user("u", domain: domain, role: "member", on: "projects/\(parent)", admin)
            _ = try await cloud.create("roles", "role", ["name": "r", "domain_id": .string(domain)], admin)
            #expect(await cloud.call(.put, "/groups/\(group)/users/\(user)", admin).status == .noContent)
            #expect(await cloud.call(.delete, "/domains/\(domain)", admin).status == .forbidden, "it is enabled")
            #expect(await cloud.call(.patch, "/domains/\(domain)", admin, ["domain": ["enabled": false]]).status == .ok)
            let login = TestCloud.login(["id": .string(user)], TestCloud.password)
            #expect(await cloud.call(.post, "/auth/tokens", nil, login).status == .unauthorized)
            #expect(await cloud.call(.delete, "/domains/\(domain)", admin).status == .noContent)
            for path in ["/domains/\(domain)", "/projects/\(parent)", "/groups/\(group)", "/users/\(user)"] {
                #expect(await cloud.call(.get, path, admin).status == .notFound)
            }
            #expect(await cloud.call(.get, "/roles?domain_id=\(domain)", admin).json["roles"] == [])
        }
    }
}
