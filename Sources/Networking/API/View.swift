import CloudAPI
import CloudCore

/// A resource as the API shows it.
protocol View: Sendable {
    /// The resource's id, for the links between pages.
    var id: String { get }
    /// What policy may know of it.
    var subject: PolicySubject { get }
    /// Writes the members that the filter lets through.
    func write(to json: inout MemberWriter)
}

/// Which members of a view are written.
struct ViewFilter: Sendable {
    /// The members asked for; nil for all.
    var fields: Set<String>?
    /// The members that may not be seen.
    var hidden: Set<String> = []
    /// The caller's project, which decides what is shown as shared.
    var project: String?

    func shows(_ name: String) -> Bool {
        if let fields, !fields.contains(name) { return false }
        return hidden.isEmpty || !hidden.contains(name)
    }
}

/// Writes the members of an object that a filter lets through.
struct MemberWriter {
    var json: JSONWriter
    var filter: ViewFilter

    /// Writes a member.
    @inline(__always) mutating func callAsFunction(_ name: String, _ value: @autoclosure () -> some JSONWritable) {
        guard filter.shows(name) else { return }
        json.member(name, value())
    }

    /// Writes a member whose value the closure writes.
    @inline(__always) mutating func callAsFunction(_ name: String, value: (inout JSONWriter) -> Void) {
        guard filter.shows(name) else { return }
        json.member(name, value)
    }

    /// Writes members that most resources have alike, at once unless some of them are left out.
    mutating func callAsFunction(_ members: CommonMembers) {
        if filter.fields == nil, filter.hidden.isEmpty { json.written(members.bytes) } else { members.write(&self) }
    }

    /// Writes the project under both its names.
    mutating func project(_ id: String) {
        self("project_id", id)
        self("tenant_id", id)
    }

    /// Writes `shared`: whether the resource is open to the caller's project or to everyone.
    mutating func shared(_ sharing: Sharing) {
        let isShared = sharing.includes(filter.project)
        self("shared", isShared)
    }

    /// Writes the standard attributes and the tags.
    mutating func standard(_ standard: StandardAttributes, tags: [String]) {
        self.standard(standard)
        self("tags", tags)
    }

    /// Writes the standard attributes of a resource without tags.
    mutating func standard(_ standard: StandardAttributes) {
        self("description", standard.description)
        self("created_at", standard.createdAt.iso8601)
        self("updated_at", standard.updatedAt.iso8601)
        self("revision_number", standard.revision)
    }
}

/// Members that are the same for most resources of a kind, as text: to write each of a thousand ports' dozen nulls takes longer
/// than to copy them.
struct CommonMembers: Sendable {
    fileprivate let bytes: [UInt8]
    fileprivate let write: @Sendable (inout MemberWriter) -> Void

    init(write: @escaping @Sendable (inout MemberWriter) -> Void) {
        self.write = write
        var members = MemberWriter(json: JSONWriter(), filter: ViewFilter())
        write(&members)
        bytes = members.json.bytes
    }
}

extension JSONWriter {
    /// Writes a view as an object. The writer travels through the member writer and comes back, without a copy.
    mutating func object(_ view: some View, _ filter: ViewFilter) {
        object { json in
            var members = MemberWriter(json: JSONWriter(capacity: 0), filter: filter)
            swap(&members.json, &json)
            view.write(to: &members)
            swap(&members.json, &json)
        }
    }
}

/// A kind of resource by its names in the API.
struct ResourceNames: Sendable {
    /// Such as `network`: in bodies and in policy.
    let singular: String
    /// Such as `networks`: in lists.
    let plural: String
    /// What policy calls it, where that is another name than in bodies.
    let policy: String

    init(_ singular: String, _ plural: String, policy: String? = nil) {
        (self.singular, self.plural, self.policy) = (singular, plural, policy ?? singular)
    }
}

extension APIRequest {
    /// Answers with one resource.
    func answer(_ view: some View, _ names: ResourceNames, fields: Set<String>? = nil) -> APIResponse {
        var decisions = Decisions(self, names.policy)
        let filter = ViewFilter(fields: fields, hidden: decisions.verdict(view.subject).hidden, project: token?.projectID)
        return .json { $0.object { $0.member(names.singular) { $0.object(view, filter) } } }
    }

    /// Answers a creation: with one resource or, where several were asked for, with all.
    func answer(created views: [some View], _ names: ResourceNames) async -> APIResponse {
        if body[names.singular] != nil, let view = views.first { return answer(view, names) }
        return await answer(views, names, ListRequest(), isComplete: true)
    }

    /// Answers with a list of what the caller may see of these.
    func answer(
        _ views: [some View], _ names: ResourceNames, _ list: ListRequest, isComplete: Bool = false
    ) async -> APIResponse {
        var decisions = Decisions(self, names.policy)
        let links = PageLinks(self, list, ids: list.limit == nil ? [] : views.map(\.id))
        // By position: a view is large, and to iterate would copy each.
        let shown = views.indices.compactMap { position -> (position: Int, hidden: Set<String>)? in
            let verdict = decisions.verdict(views[position].subject)
            return verdict.isVisible || isComplete ? (position, verdict.hidden) : nil
        }
        let parts = await JSONParts.write(shown, expectedSize: 1_280) { [fields = list.fields, project = token?.projectID] item, json in
            json.object(views[item.position], ViewFilter(fields: fields, hidden: item.hidden, project: project))
        }
        return .json { json in
            json.object { json in
                json.member(names.plural) { $0.array(parts: parts) }
                links.write(as: "\(names.plural)_links", to: &json)
            }
        }
    }

    /// The fields asked for in a show request.
    var fields: Set<String>? {
        let names = query.all("fields").filter { !$0.isEmpty }
        return names.isEmpty ? nil : Set(names)
    }
}
