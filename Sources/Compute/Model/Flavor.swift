import CloudCore

/// A size of server.
struct Flavor: Sendable, Hashable, Codable {
    /// The id that the API shows (flavorid), any text.
    var id: String
    var name: String
    var vcpus: Int
    var memoryMiB: Int
    var diskGiB: Int
    var ephemeralGiB: Int
    var swapMiB: Int
    var rxtxFactor: Double
    var isPublic: Bool
    var isDisabled: Bool
    var description: String?
    var extraSpecs: [String: String]
    /// Its place in the order in which flavors were made.
    var number: Int?
    var createdAt: Timestamp?
    var updatedAt: Timestamp?

    /// What a server of this size takes on a host, by resource class; classes of which it needs nothing are absent.
    var resources: [String: Int] {
        let disk = diskGiB + ephemeralGiB + (swapMiB + 1023) / 1024
        return ["VCPU": vcpus, "MEMORY_MB": memoryMiB, "DISK_GB": disk].filter { $0.value > 0 }
    }
}

/// A key pair; the private half is never kept.
struct KeyPair: Sendable, Hashable {
    /// The kinds of key.
    enum Kind: String, Sendable { case ssh, x509 }
    var id: Int
    var userID: String
    var name: String
    var kind: Kind
    var publicKey: String
    /// MD5 of the public key, in colon-separated pairs, as upstream shows it.
    var fingerprint: String
    var createdAt: Timestamp
}
