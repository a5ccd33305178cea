import CloudCore

/// What a mapping made of an assertion: the user, the groups and the projects it names. Names are not looked up yet.
struct MappedProperties: Sendable, Hashable {
    /// Whether the user is one of this cloud's or exists because of the login.
    enum UserKind: String, Sendable { case ephemeral, local }

    /// The user as the mapping describes it. Upstream lets both id and name be absent at this point.
    struct User: Sendable, Hashable {
        var id: String?
        var name: String?
        var email: String?
        var domain: DomainReference?
        var kind = UserKind.ephemeral
    }

    /// A group by its name in a domain.
    struct GroupName: Sendable, Hashable {
        var name: String
        var domain: DomainReference
    }

    /// A project that the user shall have roles in, made if it does not exist.
    struct Project: Sendable, Hashable {
        var name: String
        /// Nil for the identity provider's.
        var domain: DomainReference?
        var roleNames: [String]
    }

    var user = User()
    /// Each once, in the order the rules name them.
    var groupIDs: [String] = []
    /// Each once, in the order the rules name them.
    var groupNames: [GroupName] = []
    var projects: [Project] = []
}

extension MappedProperties: JSONWritable {
    /// The form in which upstream's mapping engine prints them.
    func write(to json: inout JSONWriter) {
        json.object { json in
            json.member("user") { writeUser(to: &$0) }
            json.member("group_ids", groupIDs)
            json.member("group_names") { json in
                json.array { json in
                    for group in groupNames {
                        json.object {
                            $0.member("name", group.name)
                            $0.member("domain", group.domain)
                        }
                    }
                }
            }
            json.member("projects") { json in
                json.array { json in for project in projects { write(project, to: &json) } }
            }
        }
    }

    private func writeUser(to json: inout JSONWriter) {
        json.object { json in
            if let id = user.id { json.member("id", id) }
            if let name = user.name { json.member("name", name) }
            if let email = user.email { json.member("email", email) }
            if let domain = user.domain { json.member("domain", domain) }
            json.member("type", user.kind.rawValue)
        }
    }

    private func write(_ project: Project, to json: inout JSONWriter) {
        json.object { json in
            json.member("name", project.name)
            json.member("roles", project.roleNames.map { ["name": $0] })
            if let domain = project.domain { json.member("domain", domain) }
        }
    }
}

extension DomainReference: JSONWritable {
    func write(to json: inout JSONWriter) {
        json.object {
            switch self {
            case .id(let id): $0.member("id", id)
            case .name(let name): $0.member("name", name)
            }
        }
    }
}
