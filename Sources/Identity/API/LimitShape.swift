import CloudAPI
import CloudCore

/// What limits and registered limits have alike on the wire.
enum LimitShape {
    /// What a limit is of.
    static let resource: [(name: String, schema: Schema)] = [
        ("service_id", .uuid), ("region_id", .nullable(.string(length: 1...255))), ("resource_name", Shape.name()),
    ]

    /// What lists can be narrowed by.
    static let filters: [(name: String, schema: Schema)] = [("service_id", .uuid), ("resource_name", Shape.name())]

    /// How much there may be, under the name it has, and what for.
    static func value(_ name: String) -> [(name: String, schema: Schema)] {
        [(name, .integer(RegisteredLimit.values)), ("description", .nullable(.string(length: 0...255)))]
    }

    /// `{"limits": [{…}, …]}`: several resources that are created together or not at all.
    static func batch(_ name: String, _ element: Schema) -> RequestBody {
        .json(.object([(name, .array(element, count: 1...RegisteredLimit.largestBatch))], required: [name]))
    }
}

extension APIResponse {
    /// `{"limits": […]}`: what a batch created.
    static func created<Resource: ResourceView>(_ resources: [Resource], _ request: APIRequest) -> APIResponse {
        let links = Links(request)
        return .json { json in
            json.object { $0.member(Resource.collection, array: resources.map { Linked(resource: $0, links: links) }) }
        }
    }
}

extension LimitedResource {
    /// The resource that a body which the schema admits names.
    init(body: JSON) {
        self.init(
            serviceID: body["service_id"]?.string ?? "", regionID: body["region_id"]?.string,
            name: body["resource_name"]?.string ?? "")
    }

    func writeMembers(to json: inout JSONWriter) {
        json.member("service_id", serviceID)
        json.member("region_id", regionID)
        json.member("resource_name", name)
    }
}
