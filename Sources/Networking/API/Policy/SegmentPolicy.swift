import CloudPolicy

extension NeutronPolicy {
    /// The default rules of segments and their ranges, as upstream's `neutron/conf/policies` of 2026.2 has them.
    static let segmentRules = [
        rule("create_segment", admin, "Create a segment"),
        rule("create_segment:tags", admin, "Tag a segment"),
        rule("get_segment", admin, "See a segment"),
        rule("get_segment:tags", admin, "See the tags of a segment"),
        rule("update_segment", admin, "Change a segment"),
        rule("update_segment:tags", admin, "Tag a segment"),
        rule("delete_segment", admin, "Delete a segment"),
        rule("delete_segment:tags", admin, "Untag a segment"),
        rule("create_network_segment_range", admin, "Create a range of segments"),
        rule("create_network_segment_range:tags", admin, "Tag a range of segments"),
        rule("get_network_segment_range", admin, "See a range of segments"),
        rule("get_network_segment_range:tags", admin, "See the tags of a range of segments"),
        rule("update_network_segment_range", admin, "Change a range of segments"),
        rule("update_network_segment_range:tags", admin, "Tag a range of segments"),
        rule("delete_network_segment_range", admin, "Delete a range of segments"),
        rule("delete_network_segment_range:tags", admin, "Untag a range of segments"),
        rule("create_network:segments", admin, "Set `segments` as a network is created"),
        rule("get_network:segments", admin, "See `segments` of a network"),
        rule("update_network:segments", admin, "Change `segments` of a network"),
        rule("create_subnet:segment_id", admin, "Set `segment_id` as a subnet is created"),
        rule("get_subnet:segment_id", admin, "See `segment_id` of a subnet"),
        rule("update_subnet:segment_id", admin, "Change `segment_id` of a subnet"),
    ]
}
