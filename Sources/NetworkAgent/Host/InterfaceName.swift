/// The names of devices: at most 15 characters, of which the API's UUIDs give the first 11.
enum InterfaceName {
    /// A guest's tap device.
    static func tap(_ portID: String) -> String { "tap" + portID.prefix(11) }
    /// The host's end of the pair into a network's metadata namespace.
    static func metadata(_ networkID: String) -> String { "omd" + networkID.prefix(11) }
    /// A network's metadata namespace.
    static func namespace(_ networkID: String) -> String { "ovnmeta-" + networkID.prefix(11) }
}
