import CloudAPI
import CloudCore
import CloudStore
import Testing

@testable import Identity

@Suite struct AssignmentTests {
    @Test func expansionFollowsGroupsInheritanceAndImplication() {
        let expansion = AssignmentExpansion(
            members: ["team": ["ann", "bob"]], descendants: ["domain": ["p", "q"]],
            inference: RoleInference([ImpliedRole(priorID: "member", impliedID: "reader")]))
        let found = expansion.expand([
            Assignment(actor: .group("team"), target: .domain("domain"), roleID: "member", isInherited: true),
            Assignment(actor: .user("ann"), target: .system, roleID: "reader"),
            Assignment(actor: .group("empty"), target: .system, roleID: "reader"),
        ])
        #expect(found.count == 9)
        #expect(found.contains(EffectiveAssignment(userID: "ann", target: .system, roleID: "reader")))
        #expect(found.contains(EffectiveAssignment(
            userID: "bob", target: .project("q"), roleID: "reader", throughGroup: "team", inheritedFrom: .domain("domain"),
            priorRoleID: "member")))
    }

    @Test func implicationsMayGoRoundInCircles() {
        let rules = [("a", "b"), ("b", "c"), ("c", "a")].map { ImpliedRole(priorID: $0, impliedID: $1) }
        #expect(RoleInference(rules).closure(of: ["b"]) == ["b", "c", "a"])
        #expect(RoleInference(rules).implies("a", "c"))
        let expansion = AssignmentExpansion(members: [:], descendants: [:], inference: RoleInference(rules))
        #expect(expansion.expand([Assignment(actor: .user("u"), target: .system, roleID: "a")]).map(\.roleID) == ["a", "b", "c"])
    }

    @Test(arguments: ["projects", "domains"], ["users", "groups"])
    func rolesAreGivenAndTaken(target: String, actor: String) async throws {
        try await TestCloud.run { cloud in
            let admin = try await cloud.token()
            let targetID = target == "domains" ? "default" : try await cloud.createID("projects", "project", ["name": "p"], admin)
            let actorID = actor == "users"
                ? try await cloud.user("u", admin) : try await cloud.createID("groups", "group", ["name": "g"], admin)
            let role = try await cloud.roleID("member", admin)
            for path in ["/\(target)/\(targetID)/\(actor)/\(actorID)/roles", "/OS-INHERIT/\(target)/\(targetID)/\(actor)/\(actorID)/roles"] {
                let suffix = path.hasPrefix("/OS") ? "/inherited_to_projects" : ""
                let grant = "\(path)/\(role)\(suffix)"
                #expect(await cloud.call(.get, grant, admin).status == .notFound)
                #expect(await cloud.call(.delete, grant, admin).status == .notFound)
                for _ in 0..<2 { #expect(await cloud.call(.put, grant, admin).status == .noContent) }
                #expect(await cloud.call(.head, grant, admin).status == .noContent)
                if suffix.isEmpty || target == "domains" {
                    #expect(await cloud.call(.get, path + suffix, admin).json["roles"]?.names == ["member"])
                }
                #expect(await cloud.call(.delete, grant, admin).status == .noContent)
                #expect(await cloud.call(.put, "\(path)/nothing\(suffix)", admin).status == .notFound)
            }
            #expect(await cloud.call(.put, "/\(target)/nowhere/\(actor)/\(actorID)/roles/\(role)", admin).status == .notFound)
            #expect(await cloud.call(.put, "/\(target)/\(targetID)/\(actor)/nobody/roles/\(role)", admin).status == .notFound)
        }
    }

    @Test func inheritedRolesCountBelowAndNotAbove() async throws {
        try await TestCloud.run { cloud in
            let admin = try await cloud.token()
            let parent = try await cloud.createID("projects", "project", ["name": "parent"], admin)
            let child = try await cloud.createID("projects", "project", ["name": "child", "parent_id": .string(parent)], admin)
            let (user, role) = (try await cloud.user("u", admin), try await cloud.roleID("member", admin))
            let path = "/OS-INHERIT/projects/\(parent)/users/\(user)/roles/\(role)/inherited_to_projects"
            #expect(await cloud.call(.put, path, admin).status == .noContent)
            func login(_ project: String) async -> TestResponse {
                await cloud.call(.post, "/auth/tokens", nil, TestCloud.login(["id": .string(user)], TestCloud.password, scope: ["project": ["id": .string(project)]]))
            }
            #expect(await login(parent).status == .unauthorized)
            #expect(await login(child).json["token"]?["roles"]?.names == ["member", "reader"])
            let token = try await cloud.token(of: user)
            #expect(await cloud.call(.get, "/auth/projects", token).json["projects"]?.names == ["child"])
            #expect(await cloud.call(.delete, path, admin).status == .noContent)
            // From the domain it reaches every project in it.
            #expect(await cloud.call(.put, "/OS-INHERIT/domains/default/users/\(user)/roles/\(role)/inherited_to_projects", admin).status == .noContent)
            #expect(await cloud.call(.get, "/auth/projects", token).json["projects"]?.names == ["admin", "child", "parent"])
            #expect(await cloud.call(.get, "/auth/domains", token).json["domains"] == [])
        }
    }

    @Test func domainRolesOnlyImply() async throws {
        try await TestCloud.run { cloud in
            let admin = try await cloud.token()
            let project = try await cloud.createID("projects", "project", ["name": "p"], admin)
            let other = try await cloud.createID("domains", "domain", ["name": "other"], admin)
            let foreign = try await cloud.createID("roles", "role", ["name": "foreign", "domain_id": .string(other)], admin)
            let local = try await cloud.createID("roles", "role", ["name": "local", "domain_id": "default"], admin)
            let reader = try await cloud.roleID("reader", admin)
            try await cloud.identity.database.write { try RoleRecords.insert(ImpliedRole(priorID: local, impliedID: reader), $0) }
            let user = try await cloud.user("u", admin)
            #expect(await cloud.call(.put, "/projects/\(project)/users/\(user)/roles/\(foreign)", admin).status == .forbidden)
            #expect(await cloud.call(.put, "/projects/\(project)/users/\(user)/roles/\(local)", admin).status == .noContent)
            #expect(await cloud.call(.put, "/system/users/\(user)/roles/\(local)", admin).status == .badRequest)
            let token = try await cloud.token(of: user, scope: ["project": ["id": .string(project)]])
            #expect(try await cloud.identity.authenticate(Secret(token))?.roles == ["reader"])
        }
    }

    @Test func systemRoles() async throws {
        try await TestCloud.run { cloud in
            let admin = try await cloud.token()
            let (user, reader) = (try await cloud.user("u", admin), try await cloud.roleID("reader", admin))
            let group = try await cloud.createID("groups", "group", ["name": "g"], admin)
            let token = try await cloud.token(of: user)
            #expect(await cloud.call(.get, "/auth/system", token).json["system"] == [])
            for (kind, id) in [("users", user), ("groups", group)] {
                let path = "/system/\(kind)/\(id)/roles"
                #expect(await cloud.call(.get, path + "/\(reader)", admin).status == .notFound)
                #expect(await cloud.call(.put, path + "/\(reader)", admin).status == .noContent)
                #expect(await cloud.call(.get, path + "/\(reader)", admin).status == .noContent)
                #expect(await cloud.call(.get, path, admin).json["roles"]?.names == ["reader"])
            }
            #expect(await cloud.call(.get, "/auth/system", token).json["system"] == [["all": true]])
            let system = try await cloud.token(of: user, scope: ["system": ["all": true]])
            #expect(await cloud.call(.get, "/users", system).status == .ok)
            #expect(await cloud.call(.post, "/users", system, ["user": ["name": "x"]]).status == .forbidden)
            #expect(await cloud.call(.delete, "/system/users/\(user)/roles/\(reader)", admin).status == .noContent)
            #expect(await cloud.call(.get, "/users", system).status == .unauthorized)
        }
    }

    @Test func listsShowWhatWasGivenOrWhatHasEffect() async throws {
        try await TestCloud.run { cloud in
            let admin = try await cloud.token()
            let project = try await cloud.createID("projects", "project", ["name": "p"], admin)
            let group = try await cloud.createID("groups", "group", ["name": "g"], admin)
            let (user, member) = (try await cloud.user("u", admin), try await cloud.roleID("member", admin))
            #expect(await cloud.call(.put, "/groups/\(group)/users/\(user)", admin).status == .noContent)
            #expect(await cloud.call(.put, "/projects/\(project)/groups/\(group)/roles/\(member)", admin).status == .noContent)
            func list(_ query: String) async -> [JSON] {
                await cloud.call(.get, "/role_assignments?\(query)", admin).json["role_assignments"]?.array ?? []
            }
            let base = "http://127.0.0.1:9000/identity/v3"
            #expect(await list("scope.project.id=\(project)") == [[
                "links": ["assignment": .string("\(base)/projects/\(project)/groups/\(group)/roles/\(member)")],
                "role": ["id": .string(member)], "scope": ["project": ["id": .string(project)]], "group": ["id": .string(group)],
            ]])
            let effective = await list("effective&user.id=\(user)&include_names")
            #expect(effective.count == 2)
            #expect(effective[0]["user"] == ["id": .string(user), "name": "u", "domain": ["id": "default", "name": "Default"]])
            #expect(effective[0]["scope"]?["project"] == ["id": .string(project), "name": "p", "domain": ["id": "default", "name": "Default"]])
            #expect(effective[0]["links"]?["membership"] == .string("\(base)/groups/\(group)/users/\(user)"))
            #expect(Set(effective.compactMap { $0["role"]?["name"]?.string }) == ["member", "reader"])
            #expect(await list("scope.system=all").count == 1)
            #expect(await list("").count == 3)
            #expect(await list("role.id=\(member)").count == 1)
            #expect(await list("scope.OS-INHERIT:inherited_to=projects").isEmpty)
            for bad in ["user.id=a&group.id=b", "scope.project.id=a&scope.domain.id=b", "effective&group.id=a", "include_subtree"] {
                #expect(await cloud.call(.get, "/role_assignments?\(bad)", admin).status == .badRequest, "\(bad)")
            }
            #expect(await list("scope.project.id=default&include_subtree").count == 2)
        }
    }

    @Test func effectiveListsFollowTheHierarchy() async throws {
        try await TestCloud.run { cloud in
            let admin = try await cloud.token()
            var parent = "default"
            var projects: [String] = []
            for name in ["top", "middle", "bottom"] {
                parent = try await cloud.createID("projects", "project", ["name": .string(name), "parent_id": .string(parent)], admin)
                projects.append(parent)
            }
            let (user, reader) = (try await cloud.user("u", admin), try await cloud.roleID("reader", admin))
            for target in ["domains/default", "projects/\(projects[0])"] {
                let path = "/OS-INHERIT/\(target)/users/\(user)/roles/\(reader)/inherited_to_projects"
                #expect(await cloud.call(.put, path, admin).status == .noContent)
            }
            #expect(await cloud.call(.put, "/projects/\(projects[2])/users/\(user)/roles/\(reader)", admin).status == .noContent)
            func targets(_ query: String) async -> [String] {
                let list = await cloud.call(.get, "/role_assignments?effective&\(query)", admin).json["role_assignments"]?.array ?? []
                return list.compactMap { $0["scope"]?["project"]?["id"]?.string }.sorted()
            }
            let adminProject = try #require(await cloud.call(.get, "/projects?name=admin", admin).json["projects"]?[0]?["id"]?.string)
            let everywhere = projects + [adminProject] + projects.dropFirst() + [projects[2]]
            #expect(await targets("user.id=\(user)") == everywhere.sorted())
            #expect(await targets("user.id=\(user)&scope.project.id=\(projects[1])") == [projects[1], projects[1]])
            #expect(await targets("user.id=\(user)&scope.project.id=\(projects[2])").count == 3)
            #expect(await targets("user.id=\(user)&scope.project.id=\(projects[2])&scope.OS-INHERIT:inherited_to=projects").count == 2)
            #expect(await targets("user.id=\(user)&scope.project.id=\(projects[1])&include_subtree").count == 5)
            #expect(await targets("user.id=\(user)&scope.domain.id=default") == [])
        }
    }
}

@Suite struct RoleTests {
    @Test func rolesLiveAndDie() async throws {
        try await TestCloud.run { cloud in
            let admin = try await cloud.token()
            let role = try await cloud.create("roles", "role", ["name": "operator"], admin)
            let id = try #require(role["id"]?.string)
            #expect(role == [
                "id": .string(id), "name": "operator", "domain_id": nil, "description": nil, "options": [:],
                "links": ["self": .string("http://127.0.0.1:9000/identity/v3/roles/\(id)")],
            ])
            #expect(await cloud.call(.post, "/roles", admin, ["role": ["name": "operator"]]).status == .conflict)
            #expect(await cloud.call(.patch, "/roles/\(id)", admin, ["role": ["name": "pilot"]]).json["role"]?["name"] == "pilot")
            #expect(await cloud.call(.patch, "/roles/\(id)", admin, ["role": ["domain_id": "default"]]).status == .badRequest)
            #expect(await cloud.call(.delete, "/roles/\(id)", admin).status == .noContent)
            #expect(await cloud.call(.get, "/roles/\(id)", admin).status == .notFound)
            let reader = try await cloud.roleID("reader", admin)
            #expect(await cloud.call(.delete, "/roles/\(reader)", admin).status == .forbidden, "the first roles are immutable")
        }
    }

    @Test func implicationsAreShown() async throws {
        try await TestCloud.run { cloud in
            let admin = try await cloud.token()
            let rules = try #require(await cloud.call(.get, "/role_inferences", admin).json["role_inferences"]?.array)
            let pairs = rules.map { "\($0["prior_role"]?["name"]?.string ?? "") > \($0["implies"]?.names ?? [])" }.sorted()
            #expect(pairs == ["admin > [\"manager\"]", "manager > [\"member\"]", "member > [\"reader\"]"])
            let (member, reader) = (try await cloud.roleID("member", admin), try await cloud.roleID("reader", admin))
            #expect(await cloud.call(.get, "/roles/\(member)/implies", admin).json["role_inference"]?["implies"]?.names == ["reader"])
            #expect(await cloud.call(.get, "/roles/\(member)/implies/\(reader)", admin).json["role_inference"]?["prior_role"]?["name"] == "member")
            #expect(await cloud.call(.get, "/roles/\(reader)/implies/\(member)", admin).status == .notFound)
            #expect(await cloud.call(.head, "/roles/\(member)/implies/\(reader)", admin).status == .noContent)
        }
    }

    @Test func implicationsChangeTokensAtOnce() async throws {
        try await TestCloud.run { cloud in
            let admin = try await cloud.token()
            let project = try await cloud.createID("projects", "project", ["name": "p"], admin)
            let user = try await cloud.user("u", role: "reader", on: "projects/\(project)", admin)
            let token = Secret(try await cloud.token(of: user, scope: ["project": ["id": .string(project)]]))
            let (reader, top) = (try await cloud.roleID("reader", admin), try await cloud.roleID("admin", admin))
            let auditor = try await cloud.createID("roles", "role", ["name": "auditor"], admin)
            let local = try await cloud.createID("roles", "role", ["name": "local", "domain_id": "default"], admin)
            let path = "/roles/\(reader)/implies/"
            #expect(await cloud.call(.put, path + auditor, admin).status == .created)
            #expect(await cloud.call(.put, path + auditor, admin).status == .conflict)
            #expect(try await cloud.identity.authenticate(token)?.roles == ["reader", "auditor"])
            #expect(await cloud.call(.put, path + top, admin).status == .forbidden, "nothing implies the administrator")
            #expect(await cloud.call(.put, path + local, admin).status == .forbidden)
            #expect(await cloud.call(.put, path + "nothing", admin).status == .notFound)
            #expect(await cloud.call(.delete, path + auditor, admin).status == .noContent)
            #expect(await cloud.call(.delete, path + auditor, admin).status == .notFound)
            #expect(try await cloud.identity.authenticate(token)?.roles == ["reader"])
        }
    }
}
