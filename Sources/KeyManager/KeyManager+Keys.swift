import CloudStore

extension KeyManager {
    /// Encrypts every payload anew under the key that is the first now, a few hundred in a transaction: requests go on meanwhile, and
    /// a repeat does no harm.
    /// - Returns: how many payloads were encrypted anew, and how many no key opens.
    /// - Throws: `StoreError`.
    public func sealAnew() async throws -> (sealed: Int, unreadable: Int) {
        let cipher = parts.cipher
        var (sealed, unreadable, last) = (0, 0, "")
        while true {
            let done = try await parts.database.write { [last] transaction in
                try SecretRecords.sealAnew(after: last, limit: 500, in: transaction) { cipher.open($0).map(cipher.seal) }
            }
            guard let done else { return (sealed, unreadable) }
            (sealed, unreadable, last) = (sealed + done.sealed, unreadable + done.unreadable, done.last)
        }
    }
}
