import CloudCore

/// A port's binding to a host as the API shows it.
struct PortBindingView: View {
    static let names = ResourceNames("binding", "bindings")

    let state: BindingState
    /// What policy may know of the port.
    let subject: PolicySubject

    var id: String { state.binding.host }

    /// The interface made on the host; none where the binding has nothing there.
    var vifType: String { state.isBound ? state.binding.vifType : "unbound" }
    var status: String { state.isActive ? "ACTIVE" : "INACTIVE" }

    func write(to json: inout MemberWriter) {
        json("host", state.binding.host)
        json("vif_type", vifType)
        json("vif_details", value: { json in
            if state.isBound { state.binding.writeDetails(to: &json) } else { json.object { _ in } }
        })
        json("vnic_type", state.binding.vnicType)
        json("profile", profile)
        json("status", status)
    }

    private var profile: JSON {
        guard state.isBound, let isTrusted = state.isTrusted, var profile = state.binding.profile.object else {
            return state.binding.profile
        }
        profile["trusted"] = .bool(isTrusted)
        return .object(profile)
    }

    /// Whether it has the values that a list asks for.
    func matches(_ name: String, _ values: [String]) -> Bool? {
        switch name {
        case "host": values.contains(state.binding.host)
        case "vif_type": values.contains(vifType)
        case "vnic_type": values.contains(state.binding.vnicType)
        case "status": values.contains(status)
        default: nil
        }
    }
}
