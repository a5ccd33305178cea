import CloudCore
import CloudStore

// Flavors and what carries them out.
extension Operations {
    func createServiceProfile(_ profile: ServiceProfile, in transaction: any Transaction) throws -> ServiceProfile {
        guard !profile.driver.isEmpty || !profile.metainfo.isEmpty else {
            throw NetworkingError(.badRequest, "ServiceProfileEmpty", "Service Profile needs either a driver or metainfo.")
        }
        try Self.checkDriver(profile.driver)
        try ServiceProfileRecords.insert(profile, in: transaction)
        return profile
    }

    func updateServiceProfile(_ profile: ServiceProfile, in transaction: any Transaction) throws -> ServiceProfile {
        try Self.checkDriver(profile.driver)
        try checkUnbound(profile, in: transaction)
        try ServiceProfileRecords.update(profile, in: transaction)
        return profile
    }

    func deleteServiceProfile(_ profile: ServiceProfile, in transaction: any Transaction) throws {
        try checkUnbound(profile, in: transaction)
        try ServiceProfileRecords.delete(profile.id, in: transaction)
    }

    private static func checkDriver(_ driver: String) throws(NetworkingError) {
        guard driver.isEmpty || ServiceProvider.all.contains(where: { $0.driver == driver }) else {
            throw .driverNotFound(driver)
        }
    }

    private func checkUnbound(_ profile: ServiceProfile, in reader: any Reader) throws {
        guard try ServiceProfileRecords.flavorIDs(profiles: [profile.id], in: reader).isEmpty else {
            throw NetworkingError(.conflict, "ServiceProfileInUse", "Service Profile \(profile.id) is bound to a flavor.")
        }
    }

    func deleteFlavor(_ flavor: ServiceFlavor, in transaction: any Transaction) throws {
        guard try !FlavorRecords.isUsed(flavor.id, in: transaction) else {
            throw NetworkingError(.conflict, "FlavorInUse", "Flavor \(flavor.id) is used by some service instance.")
        }
        try FlavorRecords.delete(flavor.id, in: transaction)
    }

    func bind(_ profile: String, to flavor: ServiceFlavor, in transaction: any Transaction) throws {
        _ = try ServiceProfileRecords.find(profile, in: transaction).orThrow(.serviceProfileNotFound(profile))
        guard try ServiceProfileRecords.bind(profile, to: flavor.id, in: transaction) else {
            throw NetworkingError(
                .conflict, "FlavorServiceProfileBindingExists",
                "Service Profile \(profile) is already associated with flavor \(flavor.id).")
        }
    }

    /// Gives a flavor exactly these profiles.
    func rebind(_ profiles: Set<String>, to flavor: ServiceFlavor, in transaction: any Transaction) throws {
        let bound = Set(try ServiceProfileRecords.ids(flavors: [flavor.id], in: transaction)[flavor.id] ?? [])
        for profile in bound.subtracting(profiles).sorted() {
            _ = try ServiceProfileRecords.unbind(profile, from: flavor.id, in: transaction)
        }
        for profile in profiles.subtracting(bound).sorted() { try bind(profile, to: flavor, in: transaction) }
    }

    /// What carries out a flavor: the provider of the first profile it was given.
    func provider(flavor id: String, in reader: any Reader) throws -> ServiceProvider {
        _ = try FlavorRecords.find(id, in: reader).orThrow(.flavorNotFound(id))
        guard let first = try ServiceProfileRecords.ids(flavors: [id], in: reader)[id]?.first,
            let profile = try ServiceProfileRecords.find(first, in: reader)
        else { throw NetworkingError.profileNotBound("", flavor: id) }
        guard profile.isEnabled else {
            throw NetworkingError(.unavailable, "ServiceProfileDisabled", "Service Profile is not enabled.")
        }
        return try ServiceProvider.all.first { $0.driver == profile.driver }.orThrow(.driverNotFound(profile.driver))
    }
}
