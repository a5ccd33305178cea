import CloudStore

/// The key manager: secrets kept encrypted (Barbican's API).
public final class KeyManager: Sendable {
    /// The service.
    public init() {}
}
