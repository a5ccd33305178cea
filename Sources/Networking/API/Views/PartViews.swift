import CloudCore
import CloudStore

/// A port forwarding as the API shows it.
struct PortForwardingView: View {
    static let names = ResourceNames("port_forwarding", "port_forwardings")

    let forwarding: PortForwarding
    /// The floating IP's project.
    let projectID: String

    var id: String { forwarding.id }
    var subject: PolicySubject { PolicySubject(partOf: projectID) }

    func write(to json: inout MemberWriter) {
        json("id", forwarding.id)
        json("internal_port_id", forwarding.portID)
        json("internal_ip_address", forwarding.address)
        json("protocol", forwarding.ipProtocol)
        json("internal_port", PortForwarding.single(forwarding.internal))
        json("internal_port_range", Self.text(forwarding.internal))
        json("external_port", PortForwarding.single(forwarding.external))
        json("external_port_range", Self.text(forwarding.external))
        json("description", forwarding.description)
    }

    private static func text(_ range: ClosedRange<Int>) -> String { "\(range.lowerBound):\(range.upperBound)" }
}

/// A conntrack helper as the API shows it.
struct ConntrackHelperView: View {
    static let names = ResourceNames("conntrack_helper", "conntrack_helpers")

    let helper: ConntrackHelper
    /// The router's project.
    let projectID: String

    var id: String { helper.id }
    var subject: PolicySubject { PolicySubject(partOf: projectID) }

    func write(to json: inout MemberWriter) {
        json("id", helper.id)
        json("protocol", helper.ipProtocol)
        json("port", helper.port)
        json("helper", helper.helper)
    }
}
