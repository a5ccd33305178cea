import CloudAPI
import CloudCore
import CloudStore

/// Lists of images, filtered, sorted and in pages.
struct ImageListEndpoint: Sendable {
    let images: Images.Parts

    var table: [Endpoint] {
        [Endpoint(.get, "/v2/images", "List images", access: .rule("get_images"), handler: list)]
    }

    @Sendable private func list(_ request: APIRequest) async throws -> APIResponse {
        let page = try request.page(ImageOrder.rules(images.options))
        let filter = try filter(request, page)
        let isAdmin = filter.viewer.isAdmin
        let found = try await images.database.read { reader -> [Image] in
            var filter = filter
            if let marker = page.marker {
                guard let seen = try images.look(marker, for: request, in: reader), images.isVisible(seen, request) else {
                    throw ImageError.badRequest("Invalid marker: image \(marker) could not be found.")
                }
                filter.marker = seen.image
            }
            return try ImageRecords.list(filter, in: reader)
        }
        let (rows, hasMore) = page.cut(found)
        // The rule for one image holds in lists, too. What others share is listed because it is shared with this project.
        let visible = rows.filter { image in
            let isMember = !isAdmin && image.visibility == .shared && image.owner != request.token?.projectID
            return request.allows("get_image", images.target(SeenImage(image: image, isMember: isMember), request))
        }
        let links = PageLinks(request, page, ids: visible.map(\.id), hasMore: hasMore)
        return .json {
            $0.object { json in
                json.member("images", array: visible.map { images.view($0, request) })
                links.writeFirstNextSchema(schema: "/v2/schemas/images", to: &json)
            }
        }
    }

    private func filter(_ request: APIRequest, _ page: PageRequest) throws -> ImageFilter {
        let query = try ImageListQuery(request.query)
        let viewer = ImageFilter.Viewer(
            projectID: request.token?.projectID, isAdmin: request.isImageAdmin, memberStatus: try query.memberStatus)
        var filter = ImageFilter(viewer: viewer, limit: page.fetchCount)
        (filter.order, filter.conditions, filter.visibility) = (ImageOrder.of(page), query.conditions, try query.visibility)
        return filter
    }
}
