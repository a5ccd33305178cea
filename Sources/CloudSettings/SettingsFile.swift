import CloudCore
import Foundation
import Yams

/// A settings file's content: YAML, whose nested mappings are the sections. `identity: {password_hash_rounds: 12}`
/// and `identity.password_hash_rounds: 12` mean the same.
public struct SettingsFile: Sendable {
    /// The largest file that is read, in bytes.
    public static let maximumSize = 1 << 20

    /// The name, for messages.
    public let name: String
    /// The YAML text.
    public let text: String

    /// A file's content by name.
    public init(name: String, text: String) { (self.name, self.text) = (name, text) }

    /// Reads a file.
    /// - Throws: `SettingsError` when it cannot be read or is not UTF-8.
    public init(path: String) throws(SettingsError) {
        do {
            self.init(name: path, text: try String(contentsOf: URL(filePath: path), encoding: .utf8))
        } catch {
            throw SettingsError(["\(path): cannot be read: \((error as NSError).localizedDescription)"])
        }
    }

    /// A value and the line that holds it.
    struct Entry {
        let path: String
        let value: SettingText
        let line: Int
    }

    /// The values by path.
    /// - Throws: `SettingsError` for text that is not YAML, and for every key that the registry does not know.
    func entries(_ registry: SettingsRegistry) throws(SettingsError) -> [Entry] {
        guard text.utf8.count <= Self.maximumSize else { throw SettingsError(["\(name): larger than \(Self.maximumSize) bytes"]) }
        guard let root = try compose(), SettingText(root) != .null else { return [] }
        guard let mapping = root.mapping else { throw SettingsError(["\(name):1: sections with settings expected"]) }
        var reading = Reading(file: name, registry: registry)
        reading.walk(mapping, prefix: "")
        guard reading.problems.isEmpty else { throw SettingsError(reading.problems) }
        return reading.entries
    }

    private func compose() throws(SettingsError) -> Node? {
        do {
            return try Yams.compose(yaml: text)
        } catch let error as YamlError {
            throw SettingsError([message(error)])
        } catch {
            throw SettingsError(["\(name): \(error)"])
        }
    }

    private func message(_ error: YamlError) -> String {
        switch error {
        case .scanner(_, let problem, let mark, _), .parser(_, let problem, let mark, _), .composer(_, let problem, let mark, _):
            "\(name):\(mark.line): \(problem)"
        case .duplicatedKeysInMapping(let names, let context):
            "\(name):\(context.mark.line): set twice: \(names.sorted().joined(separator: ", "))"
        case .reader(let problem, _, _, _): "\(name): \(problem)"
        default: "\(name): \(error)"
        }
    }
}

/// One pass over a file's mappings.
private struct Reading {
    let file: String
    let registry: SettingsRegistry
    var entries: [SettingsFile.Entry] = []
    var problems: [String] = []
    private var lines: [String: Int] = [:]

    init(file: String, registry: SettingsRegistry) { (self.file, self.registry) = (file, registry) }

    mutating func walk(_ mapping: Node.Mapping, prefix: String) {
        for (key, value) in mapping {
            let line = key.mark?.line ?? 1
            guard let name = key.scalar?.string, !name.isEmpty else {
                problems.append("\(file):\(line): a name expected")
                continue
            }
            take(value, path: prefix + name, line: line)
        }
    }

    private mutating func take(_ value: Node, path: String, line: Int) {
        if registry.declarations[path] != nil {
            if let first = lines.updateValue(line, forKey: path) {
                return problems.append("\(file):\(line): \(path): set twice, first in line \(first)")
            }
            entries.append(SettingsFile.Entry(path: path, value: SettingText(value), line: line))
        } else if !registry.sections.contains(path) {
            problems.append("\(file):\(line): \(path): there is no such setting\(registry.hint(for: path))")
        } else if let mapping = value.mapping {
            walk(mapping, prefix: path + ".")
        } else if SettingText(value) != .null {
            problems.append("\(file):\(line): \(path): a section, not a setting; settings below it expected")
        }
    }
}

extension SettingText {
    /// A file's value. Tags other than YAML's own mean nothing here.
    fileprivate init(_ node: Node) {
        if let scalar = node.scalar {
            let isQuoted = scalar.style != .plain && scalar.style != .any
            let isNull = !isQuoted && ["", "~", "null", "Null", "NULL"].contains(scalar.string)
            self = isNull ? .null : .scalar(scalar.string, isQuoted: isQuoted)
        } else if let sequence = node.sequence {
            self = .list(sequence.map { SettingText($0) })
        } else if let mapping = node.mapping {
            self = .map(mapping.map { SettingMember(name: $0.scalar?.string ?? "", value: SettingText($1)) })
        } else {
            self = .null
        }
    }
}
