import CloudAPI
import CloudCore
import CloudStore

/// Which images a list holds.
struct ImageFilter: Sendable {
    /// Who looks, which decides what there is to see.
    struct Viewer: Sendable {
        var projectID: String?
        /// Administrators see every project's images.
        var isAdmin = false
        /// Which of the images that others share are seen; nil for all of them.
        var memberStatus: ImageMember.Status? = .accepted
    }

    /// Which visibilities are asked for.
    enum Visibility: Sendable {
        /// All but other projects' community images.
        case usual
        case all
        case only(String)
    }

    var viewer: Viewer
    var visibility = Visibility.usual
    /// What the images' attributes must be.
    var conditions: [SQL] = []
    /// The last image of the page before.
    var marker: Image?
    /// The order, which always ends with the id so that it is total.
    var order = ImageOrder.newestFirst
    var limit: Int

    init(viewer: Viewer, limit: Int) { (self.viewer, self.limit) = (viewer, limit) }

    /// What follows `FROM images`.
    var clause: SQL {
        var all = conditions
        if !viewer.isAdmin { all.append(visible) }
        switch visibility {
        case .all: break
        case .only(let text): all.append("visibility = \(text)")
        case .usual: all.append("(visibility <> \(Image.Visibility.community) OR owner = \(viewer.projectID))")
        }
        let keyset = KeysetOrder(order.map { .init($0.key.column, isAscending: $0.isAscending) })
        if let marker { all.append(keyset.behind(order.map { $0.key.value(of: marker) })) }
        let matching: SQL = all.isEmpty ? "" : " WHERE \(all.joined(separator: " AND "))"
        return "\(matching) ORDER BY \(keyset.terms) LIMIT \(limit)"
    }

    /// The viewer's own images, those for everyone, and those that are shared with the viewer's project.
    private var visible: SQL {
        let open: SQL = "visibility IN \(in: [Image.Visibility.public, .community])"
        guard let projectID = viewer.projectID else { return open }
        let status: SQL = viewer.memberStatus.map { " AND m.status = \($0)" } ?? ""
        return """
            (\(open) OR owner = \(projectID) OR (visibility = \(Image.Visibility.shared) AND EXISTS (
                SELECT 1 FROM image_members m WHERE m.image_id = images.id AND m.member_id = \(projectID)\(status))))
            """
    }
}

extension ImageFilter {
    /// Images with a tag. Tags are a JSON list of texts: a quotation mark within one is escaped, so the tag in its own
    /// quotation marks stands nowhere else.
    static func hasTag(_ tag: String) -> SQL { "tags LIKE \("%\(literal(.string(tag)))%") ESCAPE '!'" }

    /// Images with a custom property of that value. Properties are a JSON object of texts: an unescaped quotation mark
    /// right after the brace or a comma begins a name, so name and value as JSON writes them stand nowhere else.
    static func hasProperty(_ name: String, _ value: String) -> SQL {
        let member = "\(literal(.string(name))):\(literal(.string(value)))"
        return "(properties LIKE \("{\(member)%") ESCAPE '!' OR properties LIKE \("%,\(member)%") ESCAPE '!')"
    }

    /// A value's JSON text as a part of a pattern.
    private static func literal(_ json: JSON) -> String {
        json.text.map { "%_!".contains($0) ? "!\($0)" : "\($0)" }.joined()
    }
}
