import CloudPolicy

extension NeutronPolicy {
    /// The default rules of trunks, as upstream's `neutron/conf/policies` of 2026.2 has them.
    static let trunkRules = [
        rule("create_trunk", adminOrMember, "Create a trunk"),
        rule("create_trunk:tags", adminOrMember, "Tag a trunk as it is created"),
        rule("get_trunk", adminOrReader, "See a trunk"),
        rule("get_trunk:tags", adminOrReader, "See the tags of a trunk"),
        rule("update_trunk", adminOrMember, "Change a trunk"),
        rule("update_trunk:tags", adminOrMember, "Tag a trunk"),
        rule("delete_trunk", adminOrMember, "Delete a trunk"),
        rule("delete_trunk:tags", adminOrMember, "Untag a trunk"),
        rule("get_subports", adminOrReader, "See a trunk's subports"),
        rule("add_subports", adminOrMember, "Add subports to a trunk"),
        rule("remove_subports", adminOrMember, "Remove subports from a trunk"),
    ]
}
