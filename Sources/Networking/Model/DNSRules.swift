import CloudCore

/// Neutron's rules about names in DNS (RFC 952, RFC 1123).
enum DNSRules {
    private static let longest = 255
    /// The words that stand for who asks, in angle brackets, within a domain.
    private static let keywords: Set = ["<project_id>", "<project_name>", "<user_name>", "<user_id>"]

    /// A port's name in lower case: one that is not qualified leaves room for the cloud's domain, one that is ends in it.
    static func name(_ text: String, domain: String = "") throws(NetworkingError) -> String {
        let name = text.lowercased()
        guard !name.isEmpty else { return "" }
        try check(name, text)
        let domain = domain.isEmpty || domain.hasSuffix(".") ? domain : "\(domain)."
        guard !domain.isEmpty else { return name }
        if name.hasSuffix(".") {
            guard name.utf8.count > domain.utf8.count + 1, name.hasSuffix(".\(domain)") else {
                throw refused(text, "a qualified name must lie within the domain '\(domain)'")
            }
        } else {
            guard name.utf8.count + domain.utf8.count + 1 <= longest else {
                throw refused(text, "with the domain '\(domain)' it is longer than \(longest) characters")
            }
        }
        return name
    }

    /// A domain in lower case: fully qualified, with room for a name within it.
    static func domain(_ text: String) throws(NetworkingError) -> String {
        let domain = text.lowercased()
        guard !domain.isEmpty else { return "" }
        guard domain.hasSuffix(".") else { throw NetworkingError.badBody("'\(text)' is not a FQDN") }
        try check(domain, text)
        guard domain.utf8.count <= longest - 2 else { throw refused(text, "a name within it would be too long") }
        return domain
    }

    /// The name and the domain of a floating IP, which need each other.
    static func floating(_ name: String, _ domain: String) throws(NetworkingError) -> (name: String, domain: String) {
        guard !name.hasSuffix(".") else { throw .badBody("'\(name)' is a FQDN. It should be a relative domain name") }
        let (checkedName, checkedDomain) = (try self.name(name), try self.domain(domain))
        guard checkedName.isEmpty == checkedDomain.isEmpty else {
            let (given, missing) = checkedName.isEmpty ? ("dns_domain", "dns_name") : ("dns_name", "dns_domain")
            throw .badRequest("floatingip", "\(given) cannot be specified without a \(missing)")
        }
        return (checkedName, checkedDomain)
    }

    private static func check(_ name: String, _ text: String) throws(NetworkingError) {
        let labels = (name.hasSuffix(".") ? name.dropLast() : name[...]).split(separator: ".", omittingEmptySubsequences: false)
        guard name.utf8.count <= longest else { throw refused(text, "it is longer than \(longest) characters") }
        for label in labels where !keywords.contains(String(label)) {
            guard label.utf8.count <= 63, Self.isLabel(label) else {
                throw refused(text, "labels have 1 to 63 letters, digits and hyphens")
            }
        }
        if labels.count > 1, let last = labels.last, last.utf8.allSatisfy({ (0x30...0x39).contains($0) }) {
            throw refused(text, "a top-level domain is no number")
        }
    }

    /// Whether it has small letters, digits and, within, hyphens.
    private static func isLabel(_ label: Substring) -> Bool {
        label.isPlain(with: "-") && !label.hasPrefix("-") && !label.hasSuffix("-") && !label.utf8.contains { (0x41...0x5A).contains($0) }
    }

    private static func refused(_ text: String, _ reason: String) -> NetworkingError {
        .badBody("'\(text)' not a valid PQDN or FQDN. Reason: \(reason)")
    }
}
