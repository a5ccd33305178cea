/// What is wrong with the settings: everything that was found, so that one start shows all of it.
public struct SettingsError: Error, Sendable, Equatable, CustomStringConvertible {
    /// One line a problem, each with its file and line (or variable, or option) and the key.
    public let problems: [String]

    /// An error with at least one problem.
    public init(_ problems: [String]) { self.problems = problems }

    public var description: String { problems.joined(separator: "\n") }
}
