import CloudAPI
import CloudCore
import CloudPolicy
import CloudStore

/// What the API says of volumes: those of one answer, with all that their rows alone don't say.
struct VolumeView: Sendable {
    let request: APIRequest
    /// The volumes' attachments, by volume.
    let attachments: [String: [Attachment]]
    /// The volumes' types, by id.
    let types: [String: VolumeType]
    /// Groups among theirs that stand for consistency groups, whose ids are shown under that name too.
    var consistencyGroups: Set<String> = []
    /// The ids of the back ends' services, by "host@backend".
    var services: [String: String] = [:]

    /// Reads what the volumes' rows don't say.
    init(_ volumes: [Volume], for request: APIRequest, in reader: any Reader) throws {
        self.request = request
        attachments = try AttachmentRecords.of(volumes: volumes.map(\.id), in: reader)
        types = try VolumeTypeRecords.find(volumes.map(\.typeID), in: reader)
        guard request.isFrom(48) else { return }
        let all = try StorageServiceRecords.all(in: reader).filter { $0.binary == .volume }
        services = Dictionary(uniqueKeysWithValues: all.map { ($0.host, $0.id) })
    }

    /// A volume in a list without details.
    func writeSummary(_ volume: Volume, to json: inout JSONWriter) {
        json.object {
            $0.member("id", volume.id)
            $0.member("name", volume.name)
            request.writeLinks("volumes", volume.id, to: &$0)
        }
    }

    /// A volume with everything.
    /// - Parameter extended: whether with what extensions add, which the answer to its making lacks.
    func write(_ volume: Volume, extended: Bool = true, to json: inout JSONWriter) {
        json.object {
            writeFacts(volume, to: &$0)
            $0.member("attachments") { $0.array { writeAttachments(volume, to: &$0) } }
            writeLater(volume, to: &$0)
            if request.isAdmin { $0.member("migration_status", volume.migrationStatus) }
            if extended { writeExtensions(volume, to: &$0) }
        }
    }

    private func writeFacts(_ volume: Volume, to json: inout JSONWriter) {
        json.member("id", volume.id)
        json.member("status", volume.status.shown.rawValue)
        json.member("size", volume.size)
        json.member("availability_zone", volume.availabilityZone)
        json.member("created_at", volume.createdAt.iso8601Naive)
        json.member("updated_at", volume.updatedAt?.iso8601Naive)
        json.member("name", volume.name)
        json.member("description", volume.description)
        json.member("volume_type", types[volume.typeID]?.name)
        json.member("snapshot_id", volume.snapshotID)
        json.member("source_volid", volume.sourceID)
        json.member("metadata", JSON(volume.visibleMetadata))
        request.writeLinks("volumes", volume.id, to: &json)
        json.member("user_id", volume.userID)
        json.member("bootable", volume.isBootable ? "true" : "false")
        json.member("encrypted", volume.isEncrypted)
        json.member("replication_status", String?.none)
        json.member("consistencygroup_id", volume.groupID.flatMap { consistencyGroups.contains($0) ? $0 : nil })
        json.member("multiattach", volume.isMultiattach)
    }

    private func writeAttachments(_ volume: Volume, to json: inout JSONWriter) {
        for attachment in attachments[volume.id] ?? [] where attachment.isAttached {
            json.object {
                $0.member("id", volume.id)
                $0.member("attachment_id", attachment.id)
                $0.member("volume_id", volume.id)
                $0.member("server_id", attachment.serverID)
                $0.member("host_name", seesHosts ? attachment.host : nil)
                $0.member("device", attachment.device)
                $0.member("attached_at", attachment.attachedAt?.iso8601Naive)
            }
        }
    }

    private var seesHosts: Bool { request.isAdmin || request.token?.roles.contains("service") == true }

    /// What later microversions added.
    private func writeLater(_ volume: Volume, to json: inout JSONWriter) {
        if request.isFrom(13) { json.member("group_id", volume.groupID) }
        if request.isFrom(21), request.isAdmin { json.member("provider_id", volume.details.providerID) }
        if request.isFrom(48) {
            json.member("shared_targets", false)
            json.member("service_uuid", volume.place.flatMap { services[$0.service] })
        }
        if request.isFrom(61), request.isAdmin { json.member("cluster_name", String?.none) }
        if request.isFrom(63) { json.member("volume_type_id", volume.typeID) }
        if request.isFrom(64), let key = volume.encryptionKeyID { json.member("encryption_key_id", key) }
        if request.isFrom(65) { json.member("consumes_quota", volume.usesQuota) }
    }

    /// What upstream's extensions add where their rules admit the caller.
    private func writeExtensions(_ volume: Volume, to json: inout JSONWriter) {
        func allows(_ rule: String) -> Bool { request.allows("volume_extension:\(rule)", volume.target) }
        if allows("volume_host_attribute") { json.member("os-vol-host-attr:host", volume.host) }
        if allows("volume_tenant_attribute") { json.member("os-vol-tenant-attr:tenant_id", volume.projectID) }
        if allows("volume_mig_status_attribute") {
            json.member("os-vol-mig-status-attr:migstat", volume.migrationStatus)
            json.member("os-vol-mig-status-attr:name_id", volume.details.nameID)
        }
        if !volume.imageMetadata.isEmpty, allows("volume_image_metadata:show") {
            json.member("volume_image_metadata", JSON(volume.imageMetadata))
        }
    }
}
