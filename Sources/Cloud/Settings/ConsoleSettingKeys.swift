import CloudSettings

/// The settings of guests' consoles.
enum ConsoleSettingKeys {
    static let port = SettingKey(
        "consoles.port", default: 6080, in: 0...65535,
        "Where browsers reach guests' consoles; a free port is taken when another program has it.")
    static let pages = SettingKey("consoles.novnc", default: "/usr/share/novnc", "The folder of noVNC's pages.")
    static let spice = SettingKey(
        "consoles.spice", default: false, "Whether real guests have SPICE screens beside VNC ones; simulated ones always have.")
    static let spicePages = SettingKey("consoles.spice_html5", default: "/usr/share/spice-html5", "The folder of spice-html5's pages.")
    static let publicURL = SettingKey<String?>(
        "consoles.public_url", default: nil, "The address at which browsers reach the consoles, if it is not the API's host.")

    /// All of them.
    static let all: [any SettingDeclaration] = [port, pages, spice, spicePages, publicURL]
}
