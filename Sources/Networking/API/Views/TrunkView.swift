import CloudCore
import CloudStore

/// A trunk as the API shows it.
struct TrunkView: View {
    static let names = ResourceNames("trunk", "trunks")

    let trunk: Trunk
    let tags: [String]

    /// The views of trunks, in a constant number of queries.
    static func load(_ trunks: [Trunk], in reader: any Reader) throws -> [TrunkView] {
        let tags = try TagRecords.all(trunks.map(\.id), in: reader)
        return trunks.map { TrunkView(trunk: $0, tags: tags[$0.id] ?? []) }
    }

    var id: String { trunk.id }
    var subject: PolicySubject { PolicySubject(projectID: trunk.projectID) }

    func write(to json: inout MemberWriter) {
        json("id", trunk.id)
        json("name", trunk.name)
        json.project(trunk.projectID)
        json("port_id", trunk.portID)
        json("admin_state_up", trunk.isAdminUp)
        json("status", trunk.status)
        json("sub_ports", trunk.subports)
        json.standard(trunk.standard, tags: tags)
    }
}

extension Subport: JSONWritable {
    func write(to json: inout JSONWriter) {
        json.object {
            $0.member("port_id", portID)
            $0.member("segmentation_type", segmentationType)
            $0.member("segmentation_id", segmentationID)
        }
    }
}

/// What a port's guest must know of the trunk that the port is the parent of.
struct TrunkDetails: Sendable, Hashable, JSONWritable {
    let trunk: Trunk
    /// The MAC addresses of the subports by port.
    let macs: [String: String]

    /// The details of the trunks whose parents these ports are, by port; a constant number of queries.
    static func load(parents ports: RowSelection, in reader: any Reader) throws -> [String: TrunkDetails] {
        let trunks = try TrunkRecords.all(parents: ports, in: reader)
        guard !trunks.isEmpty else { return [:] }
        let macs = try PortRecords.macs(trunks.values.flatMap(\.subports).map(\.portID), in: reader)
        return trunks.mapValues { TrunkDetails(trunk: $0, macs: macs) }
    }

    func write(to json: inout JSONWriter) {
        json.object { json in
            json.member("trunk_id", trunk.id)
            json.member("sub_ports") { json in
                json.array { json in
                    for subport in trunk.subports {
                        json.object {
                            $0.member("port_id", subport.portID)
                            $0.member("segmentation_type", subport.segmentationType)
                            $0.member("segmentation_id", subport.segmentationID)
                            $0.member("mac_address", macs[subport.portID])
                        }
                    }
                }
            }
        }
    }
}
