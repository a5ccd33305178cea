import CloudSettings
import CloudStore
import Foundation
import MetadataDefinitions

/// What `altostack images …-metadefs` does, on the cloud's own database, whether the program runs or not: what is loaded
/// shows in the API at once.
public struct MetadataConsole: Sendable {
    private let directory: DataDirectory
    private let settings: Settings

    /// The console of a cloud.
    public init(directory: DataDirectory, settings: Settings) { (self.directory, self.settings) = (directory, settings) }

    /// Loads definitions and says what became of them.
    /// - Parameter path: a file, or a folder whose `.json` files are taken; nil for the definitions that come with the
    ///   program.
    /// - Parameter merges: whether what namespaces lack is added to those that the cloud has.
    /// - Parameter prefersNew: whether what they have is also changed to what the files say.
    /// - Parameter overwrites: whether they are deleted instead and made anew.
    /// - Throws: `ProgramError` when there is no cloud, no file, or a file that is wrong.
    public func load(_ path: String?, merges: Bool, prefersNew: Bool, overwrites: Bool) async throws -> String {
        let mode: MetadataDefinitions.LoadMode = overwrites ? .overwrite : prefersNew ? .preferNew : merges ? .merge : .keep
        do {
            let files = try path.map(Self.read) ?? MetadataDefinitions.builtInDefinitions
            let report = try await inspect { try await $0.load(files, mode: mode) }
            let parts = [("loaded", report.made), ("merged", report.merged), ("kept as they are", report.kept)]
            return parts.filter { !$1.isEmpty }.map { "\($1.count) namespaces \($0): \($1.joined(separator: ", "))" }
                .joined(separator: "\n")
        } catch let failure as DefinitionFile.Failure {
            throw ProgramError(failure.description)
        }
    }

    /// Removes all definitions.
    /// - Throws: `ProgramError` when there is no cloud.
    public func unload() async throws -> String { "\(try await inspect { try await $0.unload() }) namespaces removed" }

    /// Writes all definitions into a folder, one file a namespace.
    /// - Throws: `ProgramError` when there is no cloud, or the folder cannot be written.
    public func export(_ path: String) async throws -> String {
        let files = try await inspect { try await $0.export() }
        let folder = URL(filePath: path, directoryHint: .isDirectory)
        do {
            try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
            for file in files { try Data(file.text.utf8).write(to: folder.appending(path: file.name), options: .atomic) }
        } catch {
            throw ProgramError("cannot write to \(path): \(error.localizedDescription)")
        }
        return "\(files.count) namespaces written to \(path)"
    }

    /// The files at a path, in the order of their names.
    private static func read(_ path: String) throws -> [DefinitionFile] {
        var isFolder: ObjCBool = false
        guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) else {
            throw ProgramError("there is no file \(path)")
        }
        let url = URL(filePath: path)
        guard isFolder.boolValue else { return [try file(url)] }
        do {
            let names = try FileManager.default.contentsOfDirectory(atPath: path).filter { $0.hasSuffix(".json") }.sorted()
            guard !names.isEmpty else { throw ProgramError("there is no .json file in \(path)") }
            return try names.map { try file(url.appending(path: $0)) }
        } catch let error as CocoaError {
            throw ProgramError("cannot read \(path): \(error.localizedDescription)")
        }
    }

    private static func file(_ url: URL) throws -> DefinitionFile {
        guard let data = FileManager.default.contents(atPath: url.path) else { throw ProgramError("cannot read \(url.path)") }
        return try DefinitionFile(name: url.lastPathComponent, text: String(decoding: data, as: UTF8.self))
    }

    private func inspect<Answer: Sendable>(_ body: (MetadataDefinitions) async throws -> Answer) async throws -> Answer {
        guard settings[CloudSettingKeys.database] != nil || FileManager.default.fileExists(atPath: directory.database) else {
            throw ProgramError("there is no cloud in \(directory.path)")
        }
        let database = try StoreOpening.open(directory, settings)
        do {
            try await database.migrate(MetadataDefinitions.migrations)
            let answer = try await body(MetadataDefinitions(database: database))
            await database.close()
            return answer
        } catch {
            await database.close()
            throw error
        }
    }
}
