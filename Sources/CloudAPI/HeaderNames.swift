import HTTPTypes

/// A header name that is known to be well formed, since it stands in this file.
private func name(_ text: String) -> HTTPField.Name {
    HTTPField.Name(text) ?? .userAgent
}

extension HTTPField.Name {
    /// The token of who asks.
    public static let authToken = name("X-Auth-Token")
    /// The token that a login answers with.
    public static let subjectToken = name("X-Subject-Token")
    /// The receipt of a login that needs further methods.
    public static let authReceipt = name("Openstack-Auth-Receipt")
    /// The microversions asked for and served.
    public static let openStackAPIVersion = name("OpenStack-API-Version")
    /// This request's id in answers; the operation's global id in requests.
    public static let openStackRequestID = name("X-Openstack-Request-Id")
    static let forwardedProtocol = name("X-Forwarded-Proto")
    static let forwardedHost = name("X-Forwarded-Host")
    static let forwardedFor = name("X-Forwarded-For")
    static let host = name("Host")
}

extension HTTPFields {
    /// The value of a header that comes once, the first where it comes more often. Cheaper than the subscript, which
    /// joins the values of all.
    func first(_ name: HTTPField.Name) -> String? {
        for field in self where field.name == name { return field.value }
        return nil
    }
}
