import CloudSettings
import CloudStore

/// Opens the database that the settings name.
enum StoreOpening {
    static func open(_ directory: DataDirectory, _ settings: Settings) throws -> any Database {
        guard let connection = settings[CloudSettingKeys.database] else { return try SQLiteDatabase(path: directory.database) }
        return try PostgresDatabase(connection: connection)
    }
}
