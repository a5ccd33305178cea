extension Placement {
    /// Whether this is one of the resource classes that mean the same in every cloud.
    public static func isStandardResourceClass(_ name: String) -> Bool { standardClasses.contains(name) }

    /// Whether this is one of the traits that mean the same in every cloud.
    public static func isStandardTrait(_ name: String) -> Bool { standardTraits.contains(name) }

    private static let standardClasses = Set(StandardResourceClasses.names)
    private static let standardTraits = Set(StandardTraits.names)
}
