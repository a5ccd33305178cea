import CloudAPI

/// What somebody trusted says about who logs in by a protocol of an identity provider.
struct FederatedAssertion: Sendable {
    let providerID: String
    let protocolID: String
    let attributes: MappingAssertion
    /// The name the web server knows the person by, for mappings that give none.
    var remoteUser: String?
}

extension FederatedAssertion {
    /// Takes the attributes from a request's headers. Each counts under its own name, and under the name that CGI and
    /// WSGI give it, `HTTP_…` in capitals, which rules written for Keystone may use.
    /// - Parameter address: where the request came from.
    /// - Throws: `IdentityError.refused` when this cloud takes no assertions, `.unauthorized` for strangers.
    init(
        providerID: String, protocolID: String, headers: HTTPFields, from address: String?, _ options: FederationOptions
    ) throws {
        let attributes = try Self.attributes(headers, from: address, options)
        let prefix = Self.variable(options.assertionPrefix)
        self.init(
            providerID: providerID, protocolID: protocolID, attributes: MappingAssertion(joined: attributes),
            remoteUser: attributes[prefix + "REMOTE_USER"])
    }

    /// The attributes in a request's headers, whomever they are about.
    static func attributes(_ headers: HTTPFields, from address: String?, _ options: FederationOptions) throws -> [String: String] {
        guard options.takesAssertions else {
            throw IdentityError.refused("This cloud takes no assertions about users: no proxy is trusted to make them.")
        }
        guard let address, options.trusts(address) else { throw IdentityError.unauthorized }
        let prefix = options.assertionPrefix.lowercased()
        var attributes: [String: String] = [:]
        for field in headers where field.name.canonicalName.hasPrefix(prefix) {
            for name in [field.name.rawName, variable(field.name.rawName)] {
                attributes[name] = attributes[name].map { $0 + ";" + field.value } ?? field.value
            }
        }
        return attributes
    }

    /// A header's name as an environment variable.
    private static func variable(_ header: String) -> String {
        "HTTP_" + header.uppercased().replacing("-", with: "_")
    }
}
