import CloudSettings

/// How log lines are kept in the data folder, where `altostack logs` finds them.
enum LogSettingKeys {
    static let files = SettingKey(
        "log.files", default: 8, in: 0...1_000, "How many log files the data folder keeps, the oldest deleted first; 0 for none.")
    static let fileSize = SettingKey(
        "log.file_size_mb", default: 32, in: 1...4_096,
        "How large a log file in the data folder may become, in MiB, before the next begins.")

    static let all: [any SettingDeclaration] = [files, fileSize]
}
