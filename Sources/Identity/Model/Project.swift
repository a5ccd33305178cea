import CloudCore

/// A project, or a domain: Keystone keeps a domain as a project at the root of its hierarchy.
struct Project: Sendable, Hashable {
    var id: String
    var name: String
    /// The domain it belongs to; nil for a domain.
    var domainID: String?
    /// The project or domain above it; nil for a domain.
    var parentID: String?
    var isDomain = false
    var isEnabled = true
    var description: String?
    /// Attributes the API does not know, kept as they came.
    var extra: JSONObject = [:]
    var options: JSONObject = [:]
    var tags: [String] = []

    /// The domain of users, groups and projects in it: itself for a domain.
    var effectiveDomainID: String { domainID ?? id }
    var isImmutable: Bool { options["immutable"] == .bool(true) }
    /// "domain" or "project", for messages.
    var kind: String { isDomain ? "domain" : "project" }
}

/// Facts about projects that hold everywhere.
enum ProjectRules {
    /// The domain that exists from the first start and that clients fall back to.
    static let defaultDomainID = "default"
    /// The name of the domain Keystone reserves for federated users, in any case.
    static let reservedDomainName = "federated"
    /// The most tags a project has.
    static let maximumTags = 80

    /// Checks that a new project may stand where it is meant to.
    /// - Parameters:
    ///   - ancestors: the projects above it, the nearest first, the domain last.
    /// - Throws: `IdentityError`.
    static func check(_ project: Project, below ancestors: [Project], maximumDepth: Int) throws {
        guard !project.isDomain else {
            guard project.parentID == nil else { throw IdentityError.invalid("only root projects are allowed to act as domains.") }
            return try checkDomainName(project.name)
        }
        guard let parent = ancestors.first, let domainID = project.domainID else {
            throw IdentityError.invalid("Could not find project: \(project.parentID ?? "").")
        }
        guard parent.effectiveDomainID == domainID else {
            throw IdentityError.invalid(
                "Cannot create project, since it specifies its domain_id \(domainID), but specifies a parent in a "
                    + "different domain (\(parent.effectiveDomainID)).")
        }
        if let disabled = ancestors.first(where: { !$0.isEnabled }) {
            throw IdentityError.invalid("cannot create a project in a branch containing a disabled project: \(disabled.id)")
        }
        // The domain at the root does not count as a level.
        guard ancestors.count <= maximumDepth else {
            throw IdentityError.refused("Max hierarchy depth reached for \(parent.id) branch.")
        }
    }

    /// Checks that a domain's name is not the one reserved for federated users.
    static func checkDomainName(_ name: String) throws {
        guard name.lowercased() != reservedDomainName else { throw IdentityError.invalid("Domain cannot be named \(name)") }
    }
}
