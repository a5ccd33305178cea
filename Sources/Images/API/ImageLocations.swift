import CloudAPI
import CloudCore
import ImageStores

/// A location as the API shows it.
struct LocationView: JSONWritable {
    let place: ImageLocation
    let stores: StoreRegistry

    func write(to json: inout JSONWriter) {
        var metadata = place.metadata
        metadata["store"] = .string(place.store)
        json.object {
            $0.member("url", stores.url(of: place))
            $0.member("metadata", JSON.object(metadata))
        }
    }
}

extension Images.Parts {
    /// The locations that a request's caller is shown, the preferred ones first. Those of an image that is out of use
    /// are for administrators.
    func shownLocations(_ image: Image, _ request: APIRequest) -> [ImageLocation] {
        guard image.status != .deactivated || request.isImageAdmin else { return [] }
        return stores.preferred(image.locations.filter { $0.status == .active })
    }

    /// Puts the rules of changes of locations, and that such changes are possible at all.
    func authorizeLocations(_ changes: [ImageChange], _ seen: SeenImage, _ request: APIRequest) throws {
        for change in changes where change.isAboutLocations {
            guard change.operation != .replace || change.value.array?.isEmpty == false else {
                throw ImageError.forbidden("Cannot set locations to empty list.")
            }
            try request.require(
                change.operation == .remove ? "delete_image_location" : "set_image_location", target(seen, request))
            guard options.showsLocations else {
                throw ImageError.forbidden("It's not allowed to \(change.operation.rawValue) locations if locations are invisible.")
            }
        }
    }

    /// Looks at the URLs that a patch names, other than those the image has already.
    /// - Throws: 400 for those that are no place for an image.
    func look(at changes: [ImageChange], of image: Image) async throws -> [String: FoundPlace] {
        let known = Set(image.locations.map(stores.url(of:)))
        var found: [String: FoundPlace] = [:]
        for change in changes where change.isAboutLocations && change.operation != .remove {
            for value in change.value.array ?? [change.value] {
                guard let url = value["url"]?.string, found[url] == nil, !known.contains(url) || change.operation == .add
                else { continue }
                found[url] = try await place(at: url)
            }
        }
        return found
    }

    /// What is at a URL that a client names.
    /// - Throws: 400 where no store would read it for a client, or nothing is there.
    func place(at url: String) async throws -> FoundPlace {
        // A path on this host is nothing that clients may name (CVE-2014-0162, CVE-2015-5251 and their kin).
        guard let (store, location) = stores.resolve(url: url), store.store.kind != "file" else { throw ImageError.invalidLocation }
        do {
            let content = try await store.store.open(location)
            return FoundPlace(store: store.id, location: location, size: content.size)
        } catch {
            throw ImageError.invalidLocation
        }
    }
}
