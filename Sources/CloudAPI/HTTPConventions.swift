/// Where services differ in how they read HTTP itself.
public struct HTTPConventions: Sendable, Hashable {
    /// Whether the microversion is negotiated before path and method are looked at, so that 404 and 405 are answered in
    /// it, and whether `Vary` names its header in small letters, as the middleware of microversion_parse does both.
    public var negotiatesFirst = false
    /// Whether only declared methods exist: OPTIONS is answered with 405, and `Allow` lists what is declared.
    public var declaredMethodsOnly = false
    /// Whether a JSON body must name its media type.
    public var requiresMediaType = false
    /// Whether clients that prefer HTML or plain text to JSON get errors so.
    public var negotiatesErrors = false

    /// What most services do.
    public static let standard = HTTPConventions()
    /// Services on WebOb, Routes and microversion_parse, such as Placement.
    public static let webOb: HTTPConventions = {
        var conventions = HTTPConventions()
        (conventions.negotiatesFirst, conventions.declaredMethodsOnly) = (true, true)
        (conventions.requiresMediaType, conventions.negotiatesErrors) = (true, true)
        return conventions
    }()
}
