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
    /// Whether a slash at a path's end makes the next parameter empty, so that `/v2/images/` is an image without id, which
    /// there is none of, and not the list. Elsewhere such slashes do not matter.
    public var readsEmptyEnds = false

    /// What most services do.
    public static let standard = HTTPConventions()
    /// Glance's, on Routes with paths matched to the letter.
    public static let images: HTTPConventions = {
        var conventions = HTTPConventions()
        conventions.readsEmptyEnds = true
        return conventions
    }()
    /// Services on WebOb, Routes and microversion_parse, such as Placement.
    public static let webOb: HTTPConventions = {
        var conventions = HTTPConventions()
        (conventions.negotiatesFirst, conventions.declaredMethodsOnly) = (true, true)
        (conventions.requiresMediaType, conventions.negotiatesErrors) = (true, true)
        return conventions
    }()
}
