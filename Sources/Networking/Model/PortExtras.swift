import CloudCore

/// A DHCP option that a port's guest is told beyond those of its subnets.
struct DHCPOption: Sendable, Hashable {
    /// Its name, such as `bootfile-name`, or its number.
    var name: String
    /// What the guest is told; nil in a request takes the option away.
    var value: String?
    /// 4 or 6: of which DHCP it is.
    var ipVersion: Int

    /// The options that may be empty.
    static let mayBeBlank: Set = ["router", "classless-static-route"]

    /// The options after a request: those it names are set or, without a value, taken away; the others stay.
    static func merge(_ current: [DHCPOption], with requests: [DHCPOption]) -> [DHCPOption] {
        var options = current
        for request in requests {
            let isSet = request.value.map { !$0.isEmpty || mayBeBlank.contains(request.name) } ?? false
            let position = options.firstIndex { $0.name == request.name && $0.ipVersion == request.ipVersion }
            switch (position, request.value) {
            case (let position?, nil): options.remove(at: position)
            case (let position?, _?) where isSet: options[position] = request
            case (nil, _?) where isSet: options.append(request)
            default: break
            }
        }
        return options
    }
}

/// What a port is asked for beyond its network, its addresses and its security.
struct PortExtras: Sendable, Hashable {
    var dhcpOptions: [DHCPOption] = []
    /// Advice for the engine, such as `{"openvswitch": {"other_config": {"tx-steering": "hash"}}}`.
    var hints: JSON?
    /// The accelerator profile that the compute service is to serve the port from.
    var deviceProfile: String?
    /// How close the device must be to the guest's memory.
    var numaAffinityPolicy: String?
    /// Whether a virtual function's link follows its physical one.
    var propagatesUplinkStatus = true
    /// Whether a virtual function may change its own settings; nil when nobody said.
    var isTrusted: Bool?
    var dnsDomain = ""
    /// The port's own QoS policy.
    var qosPolicyID: String?
    /// What it may talk to; nil on a network that is not private.
    var privateRole: PrivateRole?
}

/// What an update changes of a port's extras; nil leaves as it is, and where a value may be taken away `.some(nil)`
/// does that.
struct PortExtrasChange: Sendable {
    var dhcpOptions: [DHCPOption]?
    var hints: JSON??
    var numaAffinityPolicy: String??
    var propagatesUplinkStatus: Bool?
    var isTrusted: Bool?
    var dnsDomain: String?
    var qosPolicyID: String??

    /// The extras after the change.
    func applied(to extras: PortExtras) -> PortExtras {
        var changed = extras
        if let dhcpOptions { changed.dhcpOptions = DHCPOption.merge(extras.dhcpOptions, with: dhcpOptions) }
        if let hints { changed.hints = hints }
        if let numaAffinityPolicy { changed.numaAffinityPolicy = numaAffinityPolicy }
        changed.propagatesUplinkStatus = propagatesUplinkStatus ?? extras.propagatesUplinkStatus
        changed.isTrusted = isTrusted ?? extras.isTrusted
        changed.dnsDomain = dnsDomain ?? extras.dnsDomain
        if let qosPolicyID { changed.qosPolicyID = qosPolicyID }
        return changed
    }
}

/// A binding of a port to a host it is not plugged at: the place a guest is about to move to, or has left.
struct InactiveBinding: Sendable, Hashable {
    let portID: String
    var binding: PortBinding
    /// Whether the host has been told of it; the binding that an activation left behind has nothing there.
    var isBound: Bool
}
