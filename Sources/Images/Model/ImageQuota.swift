import CloudAPI
import CloudStore

/// What projects may have at most of images: unified limits, which Identity keeps.
public protocol ImageLimits: Sendable {
    /// A project's limits on the image service's resources, by their names; negative for any number. A resource that has
    /// no limit at all is not to be had.
    func limits(ofProject id: String) async throws -> [String: Int]
}

/// What images are counted by, under the names of upstream's unified limits.
enum ImageQuota: String, Sendable, CaseIterable {
    /// MiB in stores, counted once for each store.
    case size = "image_size_total"
    /// MiB that wait to be imported.
    case staged = "image_stage_total"
    /// Images.
    case count = "image_count_total"
    /// Images whose bytes are on their way.
    case uploading = "image_count_uploading"

    /// How much of it a project has, rounded down.
    func usage(of projectID: String, in reader: any Reader) throws -> Int {
        switch self {
        case .size: try QuotaRecords.storedBytes(of: projectID, in: reader) >> 20
        case .staged: try QuotaRecords.stagedBytes(of: projectID, in: reader) >> 20
        case .count: try QuotaRecords.images(of: projectID, in: reader)
        case .uploading: try QuotaRecords.uploads(of: projectID, in: reader)
        }
    }
}

/// A project's limits, looked up before the transaction that they are held against.
struct ImageAllowance: Sendable, Codable, Hashable {
    let projectID: String
    let limits: [String: Int]

    func limit(on quota: ImageQuota) -> Int { limits[quota.rawValue] ?? 0 }

    /// - Throws: 413 when the project would have more than it may. As upstream, one that has just as much as it may
    ///   can go on where nothing is added.
    func check(_ quota: ImageQuota, adding delta: Int = 0, in reader: any Reader) throws {
        let limit = limit(on: quota)
        guard limit >= 0 else { return }
        let usage = try quota.usage(of: projectID, in: reader)
        guard usage + delta > limit else { return }
        throw ImageError.overLimit(
            "Project \(projectID) is over a limit for [Resource \(quota.rawValue) is over limit of \(limit) due to current usage "
                + "\(usage) and delta \(delta)]")
    }
}

extension Images.Parts {
    /// What the caller's project may have; nil where unified limits are not in use.
    func allowance(_ request: APIRequest) async throws -> ImageAllowance? {
        try await allowance(ofProject: request.token?.projectID)
    }

    /// What a project may have; nil where unified limits are not in use.
    func allowance(ofProject projectID: String?) async throws -> ImageAllowance? {
        guard let limits, let projectID else { return nil }
        return ImageAllowance(projectID: projectID, limits: try await limits.limits(ofProject: projectID))
    }

    /// Holds the caller's project to one of its limits, before anything is begun. As upstream, bytes whose number the
    /// client doesn't announce count when they are there: they can go beyond the limit, the next can't.
    /// - Parameter bytes: how many come, where that is known.
    /// - Returns: what the project may have, to be held against within the transaction that begins the work.
    /// - Throws: 413 when the project has more than it may.
    func enforce(_ quota: ImageQuota, adding bytes: Int?, _ request: APIRequest) async throws -> ImageAllowance? {
        guard let allowance = try await allowance(request) else { return nil }
        try await database.read { try allowance.check(quota, adding: (bytes ?? 0) >> 20, in: $0) }
        return allowance
    }
}
