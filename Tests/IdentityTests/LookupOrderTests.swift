import CloudAPI
import CloudCore
import Testing

@testable import Identity

/// What is looked up before the rule is asked, and what after: 404 or 403 for someone who may do nothing, as upstream.
@Suite struct LookupOrderTests {
    private static let existing: [(HTTPRequest.Method, String)] = [
        (.get, "/roles/nothing"), (.patch, "/roles/nothing"), (.delete, "/roles/nothing"), (.patch, "/domains/nothing"),
        (.delete, "/domains/nothing"), (.delete, "/groups/nothing"), (.get, "/roles/nothing/implies"),
        (.put, "/roles/nothing/implies/nothing"), (.put, "/projects/nothing/users/USER/roles/ROLE"),
        (.get, "/domains/default/users/nobody/roles"), (.put, "/system/users/nobody/roles/ROLE"),
        (.delete, "/domains/default/users/USER/roles/nothing"),
    ]
    private static let hidden: [(HTTPRequest.Method, String)] = [
        (.get, "/domains/nothing"), (.get, "/projects/nothing"), (.patch, "/projects/nothing"), (.delete, "/projects/nothing"),
        (.get, "/users/nobody"), (.patch, "/users/nobody"), (.delete, "/users/nobody"), (.get, "/groups/nothing"),
        (.patch, "/groups/nothing"), (.put, "/groups/nothing/users/USER"), (.get, "/users/nobody/projects"),
        (.get, "/projects/nothing/tags"), (.delete, "/domains/default/users/nobody/roles/ROLE"),
        (.delete, "/system/groups/nothing/roles/ROLE"),
        (.put, "/OS-INHERIT/projects/nothing/users/USER/roles/nothing/inherited_to_projects"),
        (.get, "/OS-INHERIT/domains/nothing/groups/nothing/roles/inherited_to_projects"),
        (.get, "/role_assignments?include_subtree"), (.get, "/role_assignments?user.id=a&group.id=b"),
    ]

    /// A body that the endpoint's schema admits.
    private static func body(_ path: String) -> JSON {
        let collection = path.split(separator: "/").first ?? ""
        return .object([String(collection.dropLast()): ["name": "x"]])
    }

    @Test func whatDoesNotExistIsToldOrHidden() async throws {
        try await TestCloud.run { cloud in
            let admin = try await cloud.token()
            let user = try await cloud.user("stranger", admin)
            let token = try await cloud.token(of: user)
            let role = try await cloud.roleID("reader", admin)
            for (list, status) in [(Self.existing, HTTPResponse.Status.notFound), (Self.hidden, .forbidden)] {
                for (method, template) in list {
                    let path = template.replacing("USER", with: user).replacing("ROLE", with: role)
                    let response = await cloud.call(method, path, token, method == .patch ? Self.body(path) : nil)
                    #expect(response.status == status, "\(method) \(path) \(response.text)")
                    let answer = await cloud.call(method, path, admin, method == .patch ? Self.body(path) : nil)
                    #expect([.notFound, .badRequest].contains(answer.status), "\(method) \(path) \(answer.text)")
                }
            }
        }
    }
}
