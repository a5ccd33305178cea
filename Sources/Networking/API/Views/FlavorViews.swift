import CloudCore
import CloudStore

/// A flavor as the API shows it.
struct FlavorView: View {
    static let names = ResourceNames("flavor", "flavors")

    let flavor: ServiceFlavor
    let profileIDs: [String]

    static func load(_ flavors: [ServiceFlavor], in reader: any Reader) throws -> [FlavorView] {
        let profiles = try ServiceProfileRecords.ids(flavors: flavors.map(\.id), in: reader)
        return flavors.map { FlavorView(flavor: $0, profileIDs: profiles[$0.id] ?? []) }
    }

    var id: String { flavor.id }
    var subject: PolicySubject { PolicySubject(projectID: "") }

    func write(to json: inout MemberWriter) {
        json("id", flavor.id)
        json("name", flavor.name)
        json("description", flavor.description)
        json("service_type", flavor.serviceType)
        json("enabled", flavor.isEnabled)
        json("service_profiles", profileIDs)
    }
}

/// A service profile as the API shows it.
struct ServiceProfileView: View {
    static let names = ResourceNames("service_profile", "service_profiles")

    let profile: ServiceProfile

    static func load(_ profiles: [ServiceProfile], in reader: any Reader) throws -> [ServiceProfileView] {
        profiles.map { ServiceProfileView(profile: $0) }
    }

    var id: String { profile.id }
    var subject: PolicySubject { PolicySubject(projectID: "") }

    func write(to json: inout MemberWriter) {
        json("id", profile.id)
        json("description", profile.description)
        json("driver", profile.driver)
        json("enabled", profile.isEnabled)
        json("metainfo", profile.metainfo)
    }
}

/// A service provider as the API shows it.
struct ServiceProviderView: View {
    static let names = ResourceNames("service_provider", "service_providers")

    let provider: ServiceProvider

    var id: String { provider.name }
    var subject: PolicySubject { PolicySubject(projectID: "") }

    func write(to json: inout MemberWriter) {
        json("service_type", provider.serviceType)
        json("name", provider.name)
        json("default", provider.isDefault)
    }
}
