import CloudCore

/// A kind of check that a service adds to the language, such as Networking's `field:networks:shared=True`.
public struct PolicyCheckKind: Sendable {
    /// Decides for one request. Must be quick and without side effects: it runs within every authorisation.
    public typealias Decision = @Sendable (PolicyCredentials, PolicyTarget) -> Bool

    /// The word before the colon. It takes precedence over the credentials' attribute of the same name.
    public let name: String
    let compile: @Sendable (String) throws -> Decision

    /// A kind of check.
    /// - Parameters:
    ///   - name: the word before the colon; not one of the language's own (`rule`, `role`, `http`, `https`).
    ///   - compile: turns the text after the colon into a decision, once; its error's description is shown to the
    ///     operator with the rule's name.
    public init(_ name: String, compile: @escaping @Sendable (_ match: String) throws -> Decision) {
        (self.name, self.compile) = (name, compile)
    }
}
