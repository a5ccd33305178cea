import CloudAPI
import CloudCore
import CloudPolicy

/// What policy may know of a resource. Two resources with equal subjects get equal answers, so that a list asks once for
/// each kind of resource in it rather than once for each resource.
struct PolicySubject: Sendable, Hashable {
    /// The resource's project.
    var projectID: String
    /// The project of its network (`network:project_id`).
    var networkProjectID: String?
    /// The project of its security group (`security_group:project_id`).
    var groupProjectID: String?
    /// The project of what it is part of (`ext_parent:project_id`).
    var parentProjectID: String?
    /// Whom it, or its network, is open to.
    var sharing: Sharing?
    /// Whom an RBAC policy is for.
    var targetProject: String?
    /// A port's owner.
    var deviceOwner: String?

    init(projectID: String, sharing: Sharing? = nil) { (self.projectID, self.sharing) = (projectID, sharing) }

    /// A resource that may be shared with everyone.
    init(projectID: String, isShared: Bool) {
        self.init(projectID: projectID, sharing: isShared ? Sharing(targets: [.shared: [SharingPolicy.everyone]]) : Sharing.none)
    }

    /// A part of a resource, such as a port forwarding of a floating IP.
    init(partOf projectID: String) { (self.projectID, parentProjectID) = (projectID, projectID) }

    init(_ network: Network) {
        projectID = network.projectID
        (networkProjectID, sharing) = (network.projectID, network.sharing)
    }

    /// A resource on a network.
    init(projectID: String, on network: Network?, deviceOwner: String? = nil) {
        self.projectID = projectID
        (networkProjectID, sharing) = (network?.projectID, network?.sharing)
        self.deviceOwner = deviceOwner
    }

    /// A security group's rule.
    init(projectID: String, groupProjectID: String?) { (self.projectID, self.groupProjectID) = (projectID, groupProjectID) }

    init(_ policy: SharingPolicy) { (projectID, targetProject) = (policy.projectID, policy.target) }

    /// The subject as policy checks name it. What is open to certain projects is so only for them: the lists of targets
    /// are compared with who asks (`PolicyCheckKind.field`).
    var target: PolicyTarget {
        var target: PolicyTarget = ["project_id": .string(projectID), "tenant_id": .string(projectID)]
        target["network:project_id"] = networkProjectID.map { .string($0) }
        target["security_group:project_id"] = groupProjectID.map { .string($0) }
        target["ext_parent:project_id"] = parentProjectID.map { .string($0) }
        if let sharing {
            target["shared"] = sharing.json(.shared)
            target["router:external"] = sharing.json(.external)
        }
        target["target_tenant"] = targetProject.map { .string($0) }
        target["target_project"] = targetProject.map { .string($0) }
        target["device_owner"] = deviceOwner.map { .string($0) }
        return target
    }
}

extension Sharing {
    /// The targets of an action, for policy checks.
    fileprivate func json(_ action: SharingAction) -> JSON { .array((targets[action] ?? []).sorted().map { .string($0) }) }
}

/// What a caller may see of resources of one kind, remembered for the length of a request.
struct Decisions {
    /// A decision.
    struct Verdict {
        /// Whether the resource may be seen at all.
        var isVisible: Bool
        /// The attributes that may not.
        var hidden: Set<String>
    }

    private let request: APIRequest
    private let resource: String
    private let guarded: [String]
    private var verdicts: [PolicySubject: Verdict] = [:]
    /// The last one: a list's neighbours are mostly alike, and to compare is cheaper than to hash.
    private var last: (subject: PolicySubject, verdict: Verdict)?

    /// Decisions about a resource, such as `network`, whose `guarded` attributes have rules of their own.
    init(_ request: APIRequest, _ resource: String) {
        (self.request, self.resource) = (request, resource)
        guarded = NeutronPolicy.guarded[resource] ?? []
    }

    /// What the caller may see of a resource.
    mutating func verdict(_ subject: PolicySubject) -> Verdict {
        if let last, last.subject == subject { return last.verdict }
        let verdict = verdicts[subject] ?? decide(subject)
        last = (subject, verdict)
        return verdict
    }

    private mutating func decide(_ subject: PolicySubject) -> Verdict {
        let target = subject.target
        let hidden = guarded.filter { !request.allows("get_\(resource):\($0)", target) }
        let verdict = Verdict(isVisible: request.allows("get_\(resource)", target), hidden: Set(hidden))
        verdicts[subject] = verdict
        return verdict
    }
}

extension APIRequest {
    /// Who asks, as far as Neutron's own rules care.
    var caller: Caller { Caller(projectID: token?.projectID, isAdmin: allows("context_is_admin", [:])) }

    /// Whether something may be made for another project than the token's.
    var maySetProject: Bool { actsForOthers || allows("context_can_set_project_id", [:]) }

    /// Whether the caller administers, or is a service that works on everyone's resources.
    private var actsForOthers: Bool { ["context_is_admin", "service_api", "context_is_advsvc"].contains { allows($0, [:]) } }

    /// What the tables may answer before policy looks at each row.
    var visibility: Visibility {
        if actsForOthers || allows("context_with_global_access", [:]) { return .everything }
        return token?.projectID.map { .project($0) } ?? .sharedOnly
    }

    /// Requires the declared rule, and those of the attributes that are set, for something to be made.
    func authorizeCreation(of resource: String, _ subject: PolicySubject, setting attributes: [String] = []) throws {
        let target = subject.target
        try authorize(target)
        try require(attributes, "create_\(resource)", target)
    }

    /// Requires the declared rule, and those of the attributes that change, for something that exists. Who may not even
    /// see it learns nothing but that there is no such thing.
    func authorizeChange(
        of resource: String, _ subject: PolicySubject, setting attributes: [String] = [], orHide hidden: NetworkingError
    ) throws {
        let target = subject.target
        do {
            try authorize(target)
            try require(attributes, "update_\(resource)", target)
        } catch {
            throw allows("get_\(resource)", target) ? error : hidden
        }
    }

    private func require(_ attributes: [String], _ action: String, _ target: PolicyTarget) throws {
        for attribute in attributes where NeutronPolicy.names.contains("\(action):\(attribute)") {
            try require("\(action):\(attribute)", target)
        }
    }

    /// Requires `If-Match: revision_number=N`, if it is there, to name the resource's revision.
    func checkRevision(_ standard: StandardAttributes) throws {
        guard let header = head.headerFields[.ifMatch] else { return }
        let wanted = header.split(separator: ",").compactMap { part -> Substring? in
            let tag = part.drop { $0 == " " || $0 == "\"" }.prefix { $0 != "\"" && $0 != " " }
            return tag.hasPrefix("revision_number=") ? tag.dropFirst("revision_number=".count) : nil
        }
        guard let text = wanted.first else { return }
        guard wanted.count == 1, let revision = Int(text) else {
            throw NetworkingError.badRequest("if-match", "Revision number etag must be in the format of revision_number=<int>")
        }
        guard revision == standard.revision else {
            throw NetworkingError(
                .preconditionFailed, "RevisionNumberConstraintFailed",
                "Constrained to \(revision), but current revision is \(standard.revision)")
        }
    }
}
