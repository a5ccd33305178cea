import CloudCore
import CloudSettings
import Foundation
import HostCommands

/// Writes a whole cloud's state into one file, while the cloud runs: the rows as they are at one moment, the keys, the
/// policy, the clients' files, the images' bytes, backups of volumes in the data folder, and what simulated hosts remember.
/// Guests' disks, volumes, the data plane and logs are no part of it: the data plane is made from the rows, and disks are
/// their owners' to back up.
public struct CloudBackup: Sendable {
    private let directory: DataDirectory
    private let settings: Settings

    /// A backup of a cloud.
    public init(directory: DataDirectory, settings: Settings) { (self.directory, self.settings) = (directory, settings) }

    /// What of the data folder is not copied as files: what a running program holds, what can be made anew, and what is
    /// copied in another way.
    static func isLeftOut(_ path: String) -> Bool {
        let whole: Set = [
            "altostack.db", "altostack.db-wal", "altostack.db-shm", "altostack.db-journal", "lock", "run.json", "log", "altostack.log",
            "network", "images/cache", "images/incoming", "demo",
        ]
        if whole.contains(path) || path.hasPrefix("backup.") { return true }
        // What is real of guests and volumes is too large, and written to meanwhile; what simulated hosts remember is neither.
        return ["compute", "volumes"].contains { folder in
            path.hasPrefix("\(folder)/") && path != "\(folder)/simulated" && !path.hasPrefix("\(folder)/simulated/")
        }
    }

    /// The folder of files that never change once they are there: they are linked instead of copied.
    private static let unchanging = "images/data/"
    /// The folders of keys.
    private static let keys = ["identity/", "key-manager/"]

    /// Writes the backup.
    /// - Returns: what was done, in a line.
    /// - Throws: `ProgramError`; then there is no file.
    public func write(to file: String) async throws -> String {
        let began = ContinuousClock.now
        let usesSQLite = settings[CloudSettingKeys.database] == nil
        guard FileManager.default.fileExists(atPath: directory.tokenKeys) else {
            throw ProgramError("there is no cloud in \(directory.path)")
        }
        guard !usesSQLite || FileManager.default.fileExists(atPath: directory.database) else {
            throw ProgramError("the rows of \(directory.path) are in PostgreSQL: name it as at the start, with store.database")
        }
        let stage = directory.file("backup.\(getpid())")
        try FileManager.default.createDirectory(
            atPath: stage, withIntermediateDirectories: false, attributes: [.posixPermissions: 0o700])
        defer { try? FileManager.default.removeItem(atPath: stage) }
        // An image's bytes are there before its row says so, and go after the row has gone. So what the rows name was there
        // before they were copied, or has come while they were. Keys may be rotated meanwhile: rows are sealed under one from
        // before or one from after.
        try await gather(into: stage, only: [Self.unchanging] + Self.keys)
        try await copyStore(into: stage)
        try await gather(into: stage, only: [""])
        let state = RunState.read(directory)
        let manifest = BackupManifest(
            madeAt: .now,
            hostName: state?.hostName ?? ServiceOptions(settings: settings, directory: directory, simulate: false).hostName,
            isSimulated: state?.simulated ?? !FileManager.default.fileExists(atPath: directory.network),
            store: usesSQLite ? .sqlite : .postgresql, files: try BackupManifest.files(in: stage))
        try PrivateFile.write(String(decoding: try JSONEncoder().encode(manifest), as: UTF8.self), to: stage + "/" + BackupManifest.name)
        try await pack(stage, into: file)
        let size = manifest.files.reduce(0) { $0 + $1.size }
        return "\(file): \(manifest.files.count) files, \(Bytes.text(size)), after \(Elapsed.text(.now - began))"
    }

    private func copyStore(into stage: String) async throws {
        if let connection = settings[CloudSettingKeys.database] {
            return try await PostgresTools(connection: connection, folder: stage).dump(to: stage + "/" + BackupManifest.dump)
        }
        try StoreCopy.copy(from: directory.database, to: stage + "/altostack.db")
    }

    /// Brings files of the data folder that the stage does not have yet.
    private func gather(into stage: String, only prefixes: [String]) async throws {
        let folder = String(directory.file("").dropLast())
        for path in try FolderWalk.paths(in: folder, skip: Self.isLeftOut, refusesLinks: false)
        where prefixes.contains(where: { path.hasPrefix($0) }) {
            let (from, to) = (directory.file(path), stage + "/" + path)
            guard !FileManager.default.fileExists(atPath: to) else { continue }
            try FileManager.default.createDirectory(
                atPath: URL(filePath: to).deletingLastPathComponent().path, withIntermediateDirectories: true,
                attributes: [.posixPermissions: 0o700])
            if path.hasPrefix(Self.unchanging), link(from, to) == 0 { continue }
            // What went while the cloud runs on is no loss: no row names it any more.
            guard FileManager.default.fileExists(atPath: from) else { continue }
            try await Self.run("cp", ["--preserve=mode,timestamps", "--reflink=auto", "--sparse=auto", from, to])
        }
    }

    private func pack(_ stage: String, into file: String) async throws {
        let part = file + ".part"
        try PrivateFile.write("", to: part)
        do {
            try await Self.run("tar", ["--create", "--sparse", "--numeric-owner", "--directory=\(stage)", "--file=\(part)", "."])
            try await Self.run("sync", [part])
        } catch {
            unlink(part)
            throw error
        }
        guard rename(part, file) == 0 else { throw ProgramError("cannot write \(file): \(String(cString: strerror(errno)))") }
    }

    static func run(_ program: String, _ arguments: [String]) async throws {
        do {
            try await Command(program: program, arguments: arguments, deadline: .seconds(24 * 3600)).runSuccessfully()
        } catch let error as CommandError {
            throw ProgramError(error.summary)
        }
    }
}

/// Makes a cloud from a backup, on a machine that has none.
public struct CloudRestore: Sendable {
    private let directory: DataDirectory
    private let settings: Settings

    /// A restore into a data folder, which must be empty or not there.
    public init(directory: DataDirectory, settings: Settings) { (self.directory, self.settings) = (directory, settings) }

    /// Unpacks a backup, looks whether it is whole, and only then puts it in its place.
    /// - Returns: what was done and what comes next.
    /// - Throws: `ProgramError`; then the data folder is as it was.
    public func read(from file: String) async throws -> String {
        guard FileManager.default.fileExists(atPath: file) else { throw ProgramError("there is no file \(file)") }
        let present = (try? FileManager.default.contentsOfDirectory(atPath: directory.path)) ?? []
        guard present.isEmpty else {
            throw ProgramError("\(directory.path) is not empty: a backup is restored where there is no cloud yet (--data-dir)")
        }
        let stage = "\(directory.path).restoring"
        guard !FileManager.default.fileExists(atPath: stage) else {
            throw ProgramError("\(stage) is there already, from a restore that was broken off: remove it first")
        }
        try FileManager.default.createDirectory(
            atPath: stage, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        do {
            try await CloudBackup.run("tar", ["--extract", "--no-same-owner", "--directory=\(stage)", "--file=\(file)"])
            let manifest = try await check(stage)
            try place(stage)
            return """
                \(directory.path): \(manifest.files.count) files of the backup made at \(manifest.madeAt.iso8601)
                Start it with: altostack up\(manifest.isSimulated ? " --simulate" : "") --data-dir \(directory.path) \
                --set host.name=\(manifest.hostName)
                """
        } catch {
            try FileManager.default.removeItem(atPath: stage)
            throw error
        }
    }

    private func check(_ stage: String) async throws -> BackupManifest {
        let path = stage + "/" + BackupManifest.name
        guard let data = FileManager.default.contents(atPath: path),
            let manifest = try? JSONDecoder().decode(BackupManifest.self, from: data)
        else { throw ProgramError("this is no backup of a cloud") }
        if let flaw = manifest.flaw(found: try BackupManifest.files(in: stage)) {
            throw ProgramError("the backup cannot be restored: \(flaw)")
        }
        switch (manifest.store, settings[CloudSettingKeys.database]) {
        case (.sqlite, nil): try StoreCopy.check(stage + "/altostack.db")
        case (.postgresql, let connection?):
            let dump = stage + "/" + BackupManifest.dump
            try await PostgresTools(connection: connection, folder: stage).restore(from: dump)
            try FileManager.default.removeItem(atPath: dump)
        case (.sqlite, _?): throw ProgramError("the backup is of the embedded database; leave out store.database")
        case (.postgresql, nil): throw ProgramError("the backup is of a PostgreSQL database: name an empty one with store.database")
        }
        try FileManager.default.removeItem(atPath: path)
        return manifest
    }

    private func place(_ stage: String) throws {
        if FileManager.default.fileExists(atPath: directory.path) { try FileManager.default.removeItem(atPath: directory.path) }
        guard rename(stage, directory.path) == 0 else {
            throw ProgramError("cannot put \(stage) in the place of \(directory.path): \(String(cString: strerror(errno)))")
        }
    }
}

/// A number of bytes for people.
enum Bytes {
    /// `512 B`, `3.4 MiB`.
    static func text(_ count: Int) -> String {
        let units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"]
        var (value, unit) = (Double(count), 0)
        while value >= 1024, unit < units.count - 1 { (value, unit) = (value / 1024, unit + 1) }
        return unit == 0 ? "\(count) B" : "\((value * 10).rounded() / 10) \(units[unit])"
    }
}
