import Testing

@testable import KeyManager
