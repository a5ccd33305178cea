import CloudAPI
import CloudCore

/// A flavor as a microversion shows it.
struct FlavorView: JSONWritable {
    let flavor: Flavor
    let microversion: Microversion
    let address: ServiceAddress
    /// Whether the caller may see extra specs.
    let showsExtraSpecs: Bool

    func write(to json: inout JSONWriter) {
        json.object {
            $0.member("id", flavor.id)
            $0.member("name", flavor.name)
            $0.member("ram", flavor.memoryMiB)
            $0.member("disk", flavor.diskGiB)
            if flavor.swapMiB == 0, microversion < Microversion(2, 75) {
                $0.member("swap", "")
            } else {
                $0.member("swap", flavor.swapMiB)
            }
            $0.member("OS-FLV-EXT-DATA:ephemeral", flavor.ephemeralGiB)
            if microversion < Microversion(2, 102) { $0.member("OS-FLV-DISABLED:disabled", flavor.isDisabled) }
            $0.member("vcpus", flavor.vcpus)
            $0.member("os-flavor-access:is_public", flavor.isPublic)
            if microversion < Microversion(2, 102) { $0.member("rxtx_factor", flavor.rxtxFactor) }
            writeLinks("flavors", flavor.id, address, to: &$0)
            if microversion >= Microversion(2, 55) { $0.member("description", flavor.description) }
            if showsExtraSpecs { $0.member("extra_specs", flavor.extraSpecs) }
        }
    }
}

/// A flavor in a plain list: its id, its name and its links.
struct FlavorReference: JSONWritable {
    let flavor: Flavor
    let microversion: Microversion
    let address: ServiceAddress

    func write(to json: inout JSONWriter) {
        json.object {
            $0.member("id", flavor.id)
            $0.member("name", flavor.name)
            writeLinks("flavors", flavor.id, address, to: &$0)
            if microversion >= Microversion(2, 55) { $0.member("description", flavor.description) }
        }
    }
}
