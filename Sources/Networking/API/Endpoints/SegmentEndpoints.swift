import CloudAPI
import CloudCore
import CloudStore

// Segments: decode, authorise, call, encode.
extension NetworkingAPI {
    var segmentEndpoints: [Endpoint] {
        let (names, item) = (SegmentView.names, "/v2.0/segments/{segment_id}")
        return [
            Endpoint(.get, "/v2.0/segments", "List segments", access: .listing, handler: listSegments),
            Endpoint(
                .post, "/v2.0/segments", "Create segments", access: .ruleOnResource("create_segment"),
                body: NetworkingSchemas.creation(
                    names, NetworkingSchemas.segmentCreation, required: ["network_id", "network_type"]),
                success: .created, handler: createSegments),
            Endpoint(.get, item, "Show a segment", access: .ruleOnResource("get_segment"), handler: showSegment),
            Endpoint(
                .put, item, "Change a segment", access: .ruleOnResource("update_segment"),
                body: NetworkingSchemas.update(names, NetworkingSchemas.segmentUpdate), handler: updateSegment),
            Endpoint(
                .delete, item, "Delete a segment", access: .ruleOnResource("delete_segment"), success: .noContent,
                handler: deleteSegment),
        ]
    }

    private static func find(_ request: APIRequest, in reader: any Reader) throws -> NetworkSegment {
        let id = request["segment_id"]
        return try SegmentRecords.find(id, in: reader).orThrow(.segmentNotFound(id))
    }

    /// The segment of a change, once policy has admitted it.
    private static func changing(_ request: APIRequest, in reader: any Reader) throws -> NetworkSegment {
        let segment = try find(request, in: reader)
        try request.authorizeChange(of: "segment", PolicySubject(projectID: ""), orHide: .segmentNotFound(segment.id))
        try request.checkRevision(segment.standard)
        return segment
    }

    private func listSegments(_ request: APIRequest) async throws -> APIResponse {
        let list = try listRequest(request, SegmentRecords.listing)
        let views = try await database.read { try SegmentView.load(try SegmentRecords.list(list, in: $0), in: $0) }
        return await request.answer(views, SegmentView.names, list)
    }

    private func showSegment(_ request: APIRequest) async throws -> APIResponse {
        let view = try await database.read { try SegmentView.load([try Self.find(request, in: $0)], in: $0)[0] }
        try request.authorize(view.subject.target, orThrow: NetworkingError.segmentNotFound(view.id).fault)
        return request.answer(view, SegmentView.names, fields: request.fields)
    }

    private func createSegments(_ request: APIRequest) async throws -> APIResponse {
        try request.authorizeCreation(of: "segment", PolicySubject(projectID: ""))
        let drafts = try request.creations(SegmentView.names)
        let views = try await database.write { [operations] transaction in
            let segments = try drafts.map { attributes in
                let id = attributes.text("network_id") ?? ""
                let network = try NetworkRecords.find(id, in: transaction).orThrow(.networkNotFound(id))
                return try operations.createSegment(
                    try Segment(attributes, prefix: ""), on: network, name: attributes.text("name"),
                    description: attributes.text("description") ?? "", in: transaction)
            }
            return try SegmentView.load(segments, in: transaction)
        }
        return await request.answer(created: views, SegmentView.names)
    }

    private func updateSegment(_ request: APIRequest) async throws -> APIResponse {
        let attributes = request.attributes(SegmentView.names)
        let name: String?? = attributes.has("name") ? .some(attributes.text("name")) : nil
        let view = try await database.write { [operations] transaction in
            let segment = try Self.changing(request, in: transaction)
            let updated = try operations.updateSegment(
                segment, name: name, description: attributes.text("description"), in: transaction)
            return try SegmentView.load([updated], in: transaction)[0]
        }
        return request.answer(view, SegmentView.names)
    }

    private func deleteSegment(_ request: APIRequest) async throws -> APIResponse {
        try await database.write { [operations] transaction in
            try operations.deleteSegment(try Self.changing(request, in: transaction), in: transaction)
        }
        return .empty()
    }
}

extension Segment {
    /// A place on the wire as a body names it.
    /// - Parameter prefix: stands before the members' names: `provider:` in networks.
    /// - Throws: `NetworkingError` for a type that is not known.
    init(_ attributes: Attributes, prefix: String) throws(NetworkingError) {
        let name = attributes.text("\(prefix)network_type") ?? ""
        guard let type = NetworkType(rawValue: name) else {
            throw .invalidInput("network_type value '\(name)' not supported")
        }
        self.init(
            type: type, physicalNetwork: attributes.text("\(prefix)physical_network"), id: attributes.number("\(prefix)segmentation_id"))
    }
}

// Ranges of segments: decode, authorise, call, encode.
extension NetworkingAPI {
    var segmentRangeEndpoints: [Endpoint] {
        let (names, item) = (SegmentRangeView.names, "/v2.0/network_segment_ranges/{network_segment_range_id}")
        return [
            Endpoint(.get, "/v2.0/network_segment_ranges", "List ranges of segments", access: .listing, handler: listRanges),
            Endpoint(
                .post, "/v2.0/network_segment_ranges", "Create ranges of segments",
                access: .ruleOnResource("create_network_segment_range"),
                body: NetworkingSchemas.creation(
                    names, NetworkingSchemas.segmentRangeCreation, required: ["network_type", "minimum", "maximum"]),
                success: .created, handler: createRanges),
            Endpoint(
                .get, item, "Show a range of segments", access: .ruleOnResource("get_network_segment_range"), handler: showRange),
            Endpoint(
                .put, item, "Change a range of segments", access: .ruleOnResource("update_network_segment_range"),
                body: NetworkingSchemas.update(names, NetworkingSchemas.segmentRangeUpdate), handler: updateRange),
            Endpoint(
                .delete, item, "Delete a range of segments", access: .ruleOnResource("delete_network_segment_range"),
                success: .noContent, handler: deleteRange),
        ]
    }

    private static func find(range request: APIRequest, in reader: any Reader) throws -> SegmentRange {
        let id = request["network_segment_range_id"]
        return try SegmentRangeRecords.find(id, in: reader).orThrow(.segmentRangeNotFound(id))
    }

    /// The range of a change, once policy has admitted it.
    private static func changing(range request: APIRequest, in reader: any Reader) throws -> SegmentRange {
        let range = try find(range: request, in: reader)
        try request.authorizeChange(
            of: "network_segment_range", PolicySubject(projectID: range.projectID ?? ""), orHide: .segmentRangeNotFound(range.id))
        try request.checkRevision(range.standard)
        return range
    }

    private func listRanges(_ request: APIRequest) async throws -> APIResponse {
        let list = try listRequest(request, SegmentRangeRecords.listing)
        // The ranges of the settings are shown among the others: they are stored when someone first looks.
        if try await database.read({ [operations] in try !operations.hasConfiguredRanges(in: $0) }) {
            try await database.write { [operations] in try operations.storeConfiguredRanges(in: $0) }
        }
        let views = try await database.read { try SegmentRangeView.load(try SegmentRangeRecords.list(list, in: $0), in: $0) }
        return await request.answer(views, SegmentRangeView.names, list)
    }

    private func showRange(_ request: APIRequest) async throws -> APIResponse {
        let view = try await database.read { try SegmentRangeView.load([try Self.find(range: request, in: $0)], in: $0)[0] }
        try request.authorize(view.subject.target, orThrow: NetworkingError.segmentRangeNotFound(view.id).fault)
        return request.answer(view, SegmentRangeView.names, fields: request.fields)
    }

    private func createRanges(_ request: APIRequest) async throws -> APIResponse {
        try request.authorizeCreation(of: "network_segment_range", PolicySubject(projectID: ""))
        let drafts = try request.creations(SegmentRangeView.names).map { attributes in
            let isShared = attributes.flag("shared") ?? true
            var draft = SegmentRangeDraft(
                projectID: isShared ? nil : try attributes.project(of: request), isShared: isShared,
                type: try Segment(attributes, prefix: "").type, minimum: attributes.number("minimum") ?? 0,
                maximum: attributes.number("maximum") ?? 0)
            draft.name = attributes.text("name") ?? ""
            draft.description = attributes.text("description") ?? ""
            draft.physicalNetwork = attributes.text("physical_network")
            return draft
        }
        let views = try await database.write { [operations] transaction in
            let ranges = try drafts.map { try operations.createSegmentRange($0, in: transaction) }
            return try SegmentRangeView.load(ranges, in: transaction)
        }
        return await request.answer(created: views, SegmentRangeView.names)
    }

    private func updateRange(_ request: APIRequest) async throws -> APIResponse {
        let attributes = request.attributes(SegmentRangeView.names)
        let view = try await database.write { [operations] transaction in
            let range = try Self.changing(range: request, in: transaction)
            var wanted = range
            wanted.name = attributes.text("name") ?? range.name
            wanted.standard.description = attributes.text("description") ?? range.standard.description
            wanted.minimum = attributes.number("minimum") ?? range.minimum
            wanted.maximum = attributes.number("maximum") ?? range.maximum
            let updated = try operations.updateSegmentRange(range, to: wanted, in: transaction)
            return try SegmentRangeView.load([updated], in: transaction)[0]
        }
        return request.answer(view, SegmentRangeView.names)
    }

    private func deleteRange(_ request: APIRequest) async throws -> APIResponse {
        try await database.write { [operations] transaction in
            try operations.deleteSegmentRange(try Self.changing(range: request, in: transaction), in: transaction)
        }
        return .empty()
    }
}
