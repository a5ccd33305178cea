import CloudCore

/// Where a setting's value comes from, in rising order of precedence.
public enum SettingSource: Sendable, Hashable, CustomStringConvertible {
    /// Nobody set it.
    case builtIn
    /// A line of the file, counted from one.
    case file(String, line: Int)
    /// An environment variable.
    case environment(String)
    /// `--set KEY=VALUE`.
    case set
    /// An option of its own, such as `--listen`.
    case flag(String)

    public var description: String {
        switch self {
        case .builtIn: "default"
        case .file(let name, let line): "\(name):\(line)"
        case .environment(let variable): variable
        case .set: "--set"
        case .flag(let name): name
        }
    }
}

/// An option of the command line that stands for a setting.
public struct SettingFlag: Sendable {
    /// The option as the user writes it, such as "--listen".
    public let name: String
    /// The setting's path.
    public let path: String
    /// What the user gave.
    public let value: String

    /// An option that was given.
    public init(_ name: String, path: String, value: String) { (self.name, self.path, self.value) = (name, path, value) }
}

/// A setting in force, for `altostack config`.
public struct EffectiveSetting: Sendable, Hashable {
    /// The path.
    public let key: String
    /// The value as text; `***` for a secret.
    public let value: String
    /// Where it comes from.
    public let source: SettingSource
    /// What the setting does.
    public let description: String
}

/// The settings in force, immutable. Only the composition root holds them: modules get plain options of their own.
public struct Settings: Sendable {
    private let values: [String: any Sendable]
    /// Every setting in force, ordered by key.
    public let effective: [EffectiveSetting]

    /// Gathers the settings. A later source wins: defaults, file, environment, `--set`, flags.
    /// - Parameters:
    ///   - registry: what may be set.
    ///   - file: the settings file, if there is one.
    ///   - environment: the process's variables. Those that begin with `ALTOSTACK_` and hold a double underscore
    ///     must name a setting; others are somebody else's.
    ///   - sets: the arguments of `--set`, each `KEY=VALUE`.
    ///   - flags: the options that stand for settings.
    /// - Throws: `SettingsError` with every unknown key and ill-typed value of all sources.
    public static func load(
        _ registry: SettingsRegistry, file: SettingsFile? = nil, environment: [String: String] = [:],
        sets: [String] = [], flags: [SettingFlag] = []
    ) throws(SettingsError) -> Settings {
        var gathering = Gathering(registry: registry)
        if let file { gathering.take(file) }
        gathering.take(environment: environment)
        for argument in sets { gathering.take(set: argument) }
        for flag in flags { gathering.take(flag) }
        guard gathering.problems.isEmpty else { throw SettingsError(gathering.problems) }
        return Settings(gathering)
    }

    private init(_ gathering: Gathering) {
        (values, effective) = (gathering.values.mapValues(\.value), gathering.effective)
    }

    /// The value of a setting. Asking for one that was never registered is a programming error.
    public subscript<Value>(key: SettingKey<Value>) -> Value {
        guard let value = values[key.path] as? Value else {
            preconditionFailure("the setting \(key.path) is not registered with this type")
        }
        return value
    }
}

/// The values found so far, and what was wrong.
private struct Gathering {
    let registry: SettingsRegistry
    var values: [String: (value: any Sendable, source: SettingSource)]
    var problems: [String] = []

    init(registry: SettingsRegistry) {
        self.registry = registry
        values = registry.declarations.mapValues { ($0.reader.defaultValue, .builtIn) }
    }

    var effective: [EffectiveSetting] {
        registry.paths.compactMap { path in
            guard let declaration = registry.declarations[path], let (value, source) = values[path] else { return nil }
            return EffectiveSetting(
                key: path, value: declaration.reader.show(value), source: source, description: declaration.description)
        }
    }

    private mutating func set(_ path: String, _ text: SettingText, from source: SettingSource) {
        guard let declaration = registry.declarations[path] else {
            return problems.append("\(source): \(path): there is no such setting\(registry.hint(for: path))")
        }
        switch declaration.reader.read(text) {
        case .success(let value): values[path] = (value, source)
        case .failure(let problem): problems.append("\(source): \(path): \(problem.reason)")
        }
    }

    mutating func take(_ file: SettingsFile) {
        do throws(SettingsError) {
            for entry in try file.entries(registry) { set(entry.path, entry.value, from: .file(file.name, line: entry.line)) }
        } catch {
            problems += error.problems
        }
    }

    mutating func take(environment: [String: String]) {
        for (name, value) in environment.sorted(by: { $0.key < $1.key }) where name.hasPrefix(SettingsRegistry.variablePrefix) {
            if let path = registry.path(ofVariable: name) {
                set(path, .scalar(value, isQuoted: false), from: .environment(name))
            } else if name.contains("__") {
                problems.append("\(name): there is no such setting\(registry.hint(forVariable: name))")
            }
        }
    }

    mutating func take(set argument: String) {
        guard let equals = argument.firstIndex(of: "="), equals != argument.startIndex else {
            // The argument may be a secret whose key was forgotten: it is not repeated.
            return problems.append("--set: KEY=VALUE expected")
        }
        let value = String(argument[argument.index(after: equals)...])
        set(String(argument[..<equals]), .scalar(value, isQuoted: false), from: .set)
    }

    mutating func take(_ flag: SettingFlag) {
        set(flag.path, .scalar(flag.value, isQuoted: false), from: .flag(flag.name))
    }
}
