import CloudCore
import CloudStore

/// A network's segment as the API shows it.
struct SegmentView: View {
    static let names = ResourceNames("segment", "segments")

    let segment: NetworkSegment
    let tags: [String]

    /// The views of segments, in a constant number of queries.
    static func load(_ segments: [NetworkSegment], in reader: any Reader) throws -> [SegmentView] {
        let tags = try TagRecords.all(segments.map(\.id), in: reader)
        return segments.map { SegmentView(segment: $0, tags: tags[$0.id] ?? []) }
    }

    var id: String { segment.id }
    var subject: PolicySubject { PolicySubject(projectID: "") }

    func write(to json: inout MemberWriter) {
        json("id", segment.id)
        json("name", segment.name)
        json("network_id", segment.networkID)
        json("network_type", segment.segment.type.rawValue)
        json("physical_network", segment.segment.physicalNetwork)
        json("segmentation_id", segment.segment.id)
        json.standard(segment.standard, tags: tags)
    }
}

/// A range of segment numbers as the API shows it.
struct SegmentRangeView: View {
    static let names = ResourceNames("network_segment_range", "network_segment_ranges")

    let range: SegmentRange
    /// The numbers that are taken, with the projects that have them.
    let used: [(number: Int, projectID: String)]
    let tags: [String]

    /// The views of ranges.
    static func load(_ ranges: [SegmentRange], in reader: any Reader) throws -> [SegmentRangeView] {
        let tags = try TagRecords.all(ranges.map(\.id), in: reader)
        return try ranges.map { range in
            let used = try SegmentRecords.taken(range.type, physical: range.physicalNetwork, in: range.numbers, reader: reader)
            return SegmentRangeView(range: range, used: used, tags: tags[range.id] ?? [])
        }
    }

    var id: String { range.id }
    var subject: PolicySubject { PolicySubject(projectID: range.projectID ?? "") }

    func write(to json: inout MemberWriter) {
        json("id", range.id)
        json("name", range.name)
        json("project_id", range.projectID)
        json("tenant_id", range.projectID)
        json("default", range.isDefault)
        json("shared", range.isShared)
        json("network_type", range.type.rawValue)
        json("physical_network", range.physicalNetwork)
        json("minimum", range.minimum)
        json("maximum", range.maximum)
        json("used", value: { json in
            json.object { json in
                for (number, project) in used { json.member(String(number), project) }
            }
        })
        let taken = Set(used.map(\.number))
        json("available", range.numbers.filter { !taken.contains($0) })
        json.standard(range.standard, tags: tags)
    }
}
