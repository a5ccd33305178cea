/// The declaration of a setting: its place, type, default and meaning. Declared once, as a constant:
///
///     static let rounds = SettingKey("identity.password_hash_rounds", default: 12, in: 4...31, "bcrypt's cost …")
///     …
///     options.rounds = settings[rounds]
public struct SettingKey<Value: SettingValue>: Sendable {
    /// The place: lower-case names joined by dots, the first naming the module.
    public let path: String
    /// The value where nobody sets another.
    public let defaultValue: Value
    /// What it does, with its unit, for `altostack config`.
    public let description: String
    /// Whether the value must never be shown.
    public let isSecret: Bool
    private let validate: @Sendable (Value) -> String?

    /// A setting.
    /// - Parameters:
    ///   - path: its place, such as "identity.password_hash_rounds".
    ///   - defaultValue: the value where nobody sets another.
    ///   - description: what it does, with its unit.
    ///   - isSecret: whether the value must never be shown; always so for a `Secret`.
    ///   - validate: says what is wrong with a value of the right type, as in "must be even"; nil when it is right.
    public init(
        _ path: String, default defaultValue: Value, _ description: String, isSecret: Bool = false,
        validate: @escaping @Sendable (Value) -> String? = { _ in nil }
    ) {
        (self.path, self.defaultValue, self.description) = (path, defaultValue, description)
        (self.isSecret, self.validate) = (isSecret || Value.isSecretSetting, validate)
    }

    /// Reads a value as it was written.
    /// - Throws: `SettingProblem`, which shows the value unless it is secret.
    func read(_ text: SettingText) throws(SettingProblem) -> Value {
        guard let value = Value(setting: text) else { throw SettingProblem("\(shown(text))\(Value.settingKind) expected") }
        if let problem = validate(value) { throw SettingProblem("\(shown(text))\(problem)") }
        return value
    }

    private func shown(_ text: SettingText) -> String {
        guard !isSecret, let scalar = text.text else { return "" }
        return "\"\(scalar)\": "
    }
}

/// What is wrong with one value; whoever knows where it was written says so.
struct SettingProblem: Error {
    let reason: String
    init(_ reason: String) { self.reason = reason }
}

extension SettingKey where Value: Comparable {
    /// A setting whose values lie in a range.
    public init(_ path: String, default defaultValue: Value, in range: ClosedRange<Value>, _ description: String) {
        self.init(path, default: defaultValue, description) { value in
            range.contains(value) ? nil : outside(range)
        }
    }
}

extension SettingKey {
    /// A setting that may be absent and whose values lie in a range.
    public init<Wrapped: SettingValue & Comparable>(
        _ path: String, default defaultValue: Value, in range: ClosedRange<Wrapped>, _ description: String
    ) where Value == Wrapped? {
        self.init(path, default: defaultValue, description) { value in
            guard let value else { return nil }
            return range.contains(value) ? nil : outside(range)
        }
    }
}

private func outside<Value: SettingValue>(_ range: ClosedRange<Value>) -> String {
    "must lie between \(range.lowerBound.settingText) and \(range.upperBound.settingText)"
}

/// A setting of whatever type, as a registry keeps it. Only `SettingKey` conforms.
public protocol SettingDeclaration: Sendable {
    /// The place.
    var path: String { get }
    /// What it does.
    var description: String { get }
    /// Whether the value must never be shown.
    var isSecret: Bool { get }
    /// The kind of its values, as in "a whole number".
    var kind: String { get }
    /// The default as text; `***` for a secret.
    var defaultText: String { get }
    /// Makes the machinery that reads its values.
    var reader: SettingReader { get }
}

/// Reads and shows the values of one setting.
public struct SettingReader: Sendable {
    let defaultValue: any Sendable
    let read: @Sendable (SettingText) -> Result<any Sendable, SettingProblem>
    let show: @Sendable (any Sendable) -> String
}

extension SettingKey: SettingDeclaration {
    /// The kind of its values, as in "a whole number".
    public var kind: String { Value.settingKind }
    /// The default as text; `***` for a secret.
    public var defaultText: String { shown(defaultValue) }

    private func shown(_ value: Value) -> String { isSecret ? "***" : value.settingText }

    /// Reads and shows the setting's values.
    public var reader: SettingReader {
        SettingReader(
            defaultValue: defaultValue,
            read: { text in
                do throws(SettingProblem) {
                    return .success(try read(text))
                } catch {
                    return .failure(error)
                }
            },
            show: { value in (value as? Value).map(shown) ?? "" })
    }
}
