import CloudCore

/// Every setting of the program. The composition root adds each module's declarations.
public struct SettingsRegistry: Sendable {
    /// The declarations by path.
    private(set) var declarations: [String: any SettingDeclaration] = [:]
    /// Every path that has settings below it.
    private(set) var sections: Set<String> = []
    private var byVariable: [String: String] = [:]

    /// What the names of environment variables begin with.
    public static let variablePrefix = "ALTOSTACK_"

    /// A registry without settings.
    public init() {}

    /// A registry of these settings.
    public init(_ declarations: [any SettingDeclaration]) {
        self.init()
        add(declarations)
    }

    /// Adds settings. A path that is not lower-case names joined by dots, or that is declared twice, or that is
    /// also another setting's section, is a programming error.
    public mutating func add(_ declarations: [any SettingDeclaration]) {
        for declaration in declarations { add(declaration) }
    }

    private mutating func add(_ declaration: any SettingDeclaration) {
        let path = declaration.path
        precondition(Self.isPath(path), "\(path): a setting's path is lower-case names joined by dots")
        precondition(declarations[path] == nil && !sections.contains(path), "\(path) is declared twice")
        var section = path[...]
        while let dot = section.lastIndex(of: ".") {
            section = section[..<dot]
            precondition(declarations[String(section)] == nil, "\(section) is a setting and a section")
            sections.insert(String(section))
        }
        declarations[path] = declaration
        byVariable[Self.variable(for: path)] = path
    }

    private static func isPath(_ path: String) -> Bool {
        let names = path.split(separator: ".", omittingEmptySubsequences: false)
        // A double underscore stands for a dot in variables, so a name may not hold one.
        return names.count > 1 && !path.contains("__") && names.allSatisfy { name in
            name.first?.isLetter == true && name.last != "_"
                && name.allSatisfy { $0.isASCII && ($0.isLowercase || $0.isNumber || $0 == "_") }
        }
    }

    /// The paths in order.
    public var paths: [String] { declarations.keys.sorted() }

    /// The environment variable of a setting: `ALTOSTACK_IDENTITY__PASSWORD_HASH_ROUNDS`.
    public static func variable(for path: String) -> String {
        variablePrefix + path.uppercased().replacing(".", with: "__")
    }

    /// The setting of an environment variable.
    func path(ofVariable name: String) -> String? { byVariable[name] }

    /// What a mistyped path was probably meant to be, as the end of a message.
    func hint(for path: String) -> String {
        Suggestion.nearest(to: path, among: paths + sections.sorted()).map { "; is \($0) meant?" } ?? ""
    }

    /// What a mistyped variable was probably meant to be, as the end of a message.
    func hint(forVariable name: String) -> String {
        Suggestion.nearest(to: name, among: byVariable.keys).map { "; is \($0) meant?" } ?? ""
    }
}
