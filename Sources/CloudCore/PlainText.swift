extension StringProtocol {
    /// Whether it is not empty and all its bytes are ASCII letters, digits or some others. For what is asked often: a regular
    /// expression is compiled at each use.
    public func isPlain(with others: StaticString = "") -> Bool {
        !isEmpty && utf8.allSatisfy { byte in
            switch byte {
            case 0x30...0x39, 0x41...0x5A, 0x61...0x7A: true
            default: others.withUTF8Buffer { $0.contains(byte) }
            }
        }
    }
}
