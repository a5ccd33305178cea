import CloudCore

/// A setting as it was written, before its type is known.
public enum SettingText: Sendable, Hashable {
    /// A word or text. Quoted in a file, it is a text even when it looks like a number.
    case scalar(String, isQuoted: Bool)
    /// A list of a file.
    case list([SettingText])
    /// A mapping of a file, in its order.
    case map([SettingMember])
    /// A key of a file without a value, or with YAML's null.
    case null
}

/// A member of a mapping.
public struct SettingMember: Sendable, Hashable {
    /// Its name.
    public let name: String
    /// Its value.
    public let value: SettingText
}

/// A type that a setting can have.
public protocol SettingValue: Sendable {
    /// What is expected, for messages: "a whole number".
    static var settingKind: String { get }
    /// Whether values must never be shown.
    static var isSecretSetting: Bool { get }
    /// Reads a value; nil when it is not of this kind.
    init?(setting: SettingText)
    /// The value as it could be written on the command line.
    var settingText: String { get }
}

extension SettingValue {
    /// Most settings may be shown.
    public static var isSecretSetting: Bool { false }
}

extension SettingText {
    /// The text of a scalar that may stand for a number or a truth value.
    var word: String? { if case .scalar(let text, false) = self { text } else { nil } }
    /// The text of a scalar, quoted or not.
    var text: String? { if case .scalar(let text, _) = self { text } else { nil } }
    /// The parts of a scalar that are separated by commas, without the space around them.
    var commaSeparated: [String]? {
        text.map { text in
            text.split(separator: ",").map { String($0.trimmingPrefix(while: \.isWhitespace)) }.map { part in
                String(part.prefix(part.count - part.reversed().prefix(while: \.isWhitespace).count))
            }.filter { !$0.isEmpty }
        }
    }
}

extension Bool: SettingValue {
    /// A switch.
    public static var settingKind: String { "true or false" }
    /// Reads what oslo.config reads: true, yes, on, 1 and their opposites, in any case.
    public init?(setting: SettingText) {
        switch setting.word?.lowercased() {
        case "true", "yes", "on", "1": self = true
        case "false", "no", "off", "0": self = false
        default: return nil
        }
    }
    /// `true` or `false`.
    public var settingText: String { self ? "true" : "false" }
}

extension Int: SettingValue {
    /// An integer of 64 bits.
    public static var settingKind: String { "a whole number" }
    /// Reads decimal digits with an optional sign.
    public init?(setting: SettingText) {
        guard let word = setting.word, let value = Int(word) else { return nil }
        self = value
    }
    /// Its decimal digits.
    public var settingText: String { String(self) }
}

extension Double: SettingValue {
    /// A decimal number.
    public static var settingKind: String { "a number" }
    /// Reads a finite decimal number.
    public init?(setting: SettingText) {
        guard let word = setting.word, let value = Double(word), value.isFinite, !word.lowercased().hasPrefix("0x") else { return nil }
        self = value
    }
    /// Its shortest decimal form.
    public var settingText: String { "\(self)" }
}

extension String: SettingValue {
    /// Any text.
    public static var settingKind: String { "a text" }
    /// Reads any scalar as it is written.
    public init?(setting: SettingText) {
        guard let text = setting.text else { return nil }
        self = text
    }
    /// The text itself.
    public var settingText: String { self }
}

extension Duration: SettingValue {
    /// The longest duration that is read, a hundred years, so that moments in the future stay representable.
    private static let longest: Double = 100 * 366 * 86_400
    /// A duration in seconds.
    public static var settingKind: String { "a number of seconds" }
    /// Reads seconds, with an optional fraction.
    public init?(setting: SettingText) {
        guard let seconds = Double(setting: setting), (0...Self.longest).contains(seconds) else { return nil }
        self = .microseconds(Int((seconds * 1_000_000).rounded()))
    }
    /// Its seconds, with a fraction where there is one.
    public var settingText: String {
        let (seconds, attoseconds) = components
        return attoseconds == 0 ? String(seconds) : "\(Double(seconds) + Double(attoseconds) / 1e18)"
    }
}

extension [String]: SettingValue {
    /// Texts in an order.
    public static var settingKind: String { "a list of texts" }
    /// Reads a list of scalars, or one scalar with commas.
    public init?(setting: SettingText) {
        guard case .list(let elements) = setting else {
            guard let parts = setting.commaSeparated else { return nil }
            self = parts
            return
        }
        let texts = elements.compactMap(\.text)
        guard texts.count == elements.count else { return nil }
        self = texts
    }
    /// The texts joined by commas.
    public var settingText: String { joined(separator: ",") }
}

extension [String: String]: SettingValue {
    /// Texts by name.
    public static var settingKind: String { "a mapping of names to texts" }
    /// Reads a mapping, or one scalar such as `a=1,b=2`.
    public init?(setting: SettingText) {
        self = [:]
        if case .map(let members) = setting {
            for member in members {
                guard let text = member.value.text else { return nil }
                self[member.name] = text
            }
            return
        }
        guard let parts = setting.commaSeparated else { return nil }
        for part in parts {
            guard let equals = part.firstIndex(of: "="), equals != part.startIndex else { return nil }
            self[String(part[..<equals])] = String(part[part.index(after: equals)...])
        }
    }
    /// `name=text` pairs joined by commas, sorted by name.
    public var settingText: String { sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }.joined(separator: ",") }
}

extension SettingValue where Self: RawRepresentable & CaseIterable, RawValue == String {
    /// The names of the cases.
    public static var settingKind: String { "one of " + allCases.map(\.rawValue).joined(separator: ", ") }
    /// Reads one of the cases' raw values.
    public init?(setting: SettingText) {
        guard let text = setting.text else { return nil }
        self.init(rawValue: text)
    }
    /// The case's name.
    public var settingText: String { rawValue }
}

extension Optional: SettingValue where Wrapped: SettingValue {
    /// The wrapped kind, or nothing.
    public static var settingKind: String { Wrapped.settingKind + ", or nothing" }
    /// As the wrapped kind.
    public static var isSecretSetting: Bool { Wrapped.isSecretSetting }
    /// Reads null and the empty text as nothing.
    public init?(setting: SettingText) {
        if setting == .null || setting.text == "" {
            self = Wrapped?.none
            return
        }
        guard let value = Wrapped(setting: setting) else { return nil }
        self = value
    }
    /// The value, or the empty text.
    public var settingText: String { self?.settingText ?? "" }
}

extension Secret<String>: SettingValue {
    /// A text, whatever it is.
    public static var settingKind: String { "a text" }
    /// Always.
    public static var isSecretSetting: Bool { true }
    /// Reads any scalar as it is written.
    public init?(setting: SettingText) {
        guard let text = setting.text else { return nil }
        self.init(text)
    }
    /// Never the value.
    public var settingText: String { "***" }
}
