import CloudSettings

/// The settings of guests' consoles.
enum ConsoleSettingKeys {
    static let port = SettingKey(
        "consoles.port", default: 6080, in: 0...65535,
        "Where browsers reach guests' consoles; a free port is taken when another program has it.")
    static let pages = SettingKey("consoles.novnc", default: "/usr/share/novnc", "The folder of noVNC's pages.")
    static let publicURL = SettingKey<String?>(
        "consoles.public_url", default: nil, "The address at which browsers reach the consoles, if it is not the API's host.")

    /// All of them.
    static let all: [any SettingDeclaration] = [port, pages, publicURL]
}
