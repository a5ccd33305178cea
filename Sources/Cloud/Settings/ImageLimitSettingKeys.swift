import CloudSettings
import Images

/// The settings of how much there may be of images, and of what is told about where their bytes are.
enum ImageLimitSettingKeys {
    private static let quota = -1...1_000_000
    static let members = SettingKey(
        "images.image_member_quota", default: 128, in: quota, "With how many projects an image is shared at most; -1 for any number.")
    static let properties = SettingKey(
        "images.image_property_quota", default: 128, in: quota, "How many custom properties an image has at most; -1 for any number.")
    static let tags = SettingKey(
        "images.image_tag_quota", default: 128, in: quota, "How many tags an image has at most; -1 for any number.")
    static let locations = SettingKey(
        "images.image_location_quota", default: 10, in: quota, "At how many places an image's bytes are at most; -1 for any number.")
    static let useUnifiedLimits = SettingKey(
        "images.use_keystone_limits", default: false,
        "Whether projects' unified limits on images hold. A resource without a registered limit can then not be used at all.")
    static let pageSize = SettingKey(
        "images.limit_param_default", default: 25, in: 1...1000, "How many images a list answers when the client does not say.")
    static let maximumPageSize = SettingKey(
        "images.api_limit_max", default: 1000, in: 1...100_000, "How many images a list answers at most.")
    static let showDirectURL = SettingKey(
        "images.show_image_direct_url", default: false, "Whether images tell where their bytes are (direct_url).")
    static let showLocations = SettingKey(
        "images.show_multiple_locations", default: false,
        "Whether images tell all the places of their bytes, and clients may change these with the image.")
    static let hashesLocations = SettingKey(
        "images.do_secure_hash", default: true, "Whether the bytes at a place that a client names are read and hashed.")

    static let all: [any SettingDeclaration] = [
        members,
        properties,
        tags,
        locations,
        useUnifiedLimits,
        pageSize,
        maximumPageSize,
        showDirectURL,
        showLocations,
        hashesLocations,
    ]

    static func apply(_ settings: Settings, to options: inout ImageOptions) {
        options.limits.members = settings[members]
        options.limits.properties = settings[properties]
        options.limits.tags = settings[tags]
        options.limits.locations = settings[locations]
        options.pageSize = settings[pageSize]
        options.maximumPageSize = settings[maximumPageSize]
        options.showsDirectURL = settings[showDirectURL]
        options.showsLocations = settings[showLocations]
        options.hashesLocations = settings[hashesLocations]
    }
}
