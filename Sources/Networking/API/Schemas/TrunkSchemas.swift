import CloudAPI

// Trunks.
extension NetworkingSchemas {
    private static let subports: Schema = .array(
        .object(
            [
                ("port_id", id), ("segmentation_type", .nullable(.string(length: 1...32))),
                ("segmentation_id", .nullable(.integer(lenient: true))),
            ], required: ["port_id"]), count: 0...4094)
    static let trunkCreation: Members = described + project + tags + [
        ("admin_state_up", flag), ("port_id", id), ("sub_ports", subports),
    ]
    static let trunkUpdate: Members = described + [("admin_state_up", flag)]
    static let trunkSubports: RequestBody = .json(.object([("sub_ports", subports)], required: ["sub_ports"]))
}
