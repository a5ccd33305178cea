import CloudAPI
import CloudCore

/// A member of an image as the API shows it.
struct MemberView: JSONWritable {
    let member: ImageMember

    func write(to json: inout JSONWriter) {
        json.object {
            $0.member("member_id", member.memberID)
            $0.member("image_id", member.imageID)
            $0.member("status", member.status.rawValue)
            $0.member("created_at", member.createdAt.iso8601)
            $0.member("updated_at", member.updatedAt.iso8601)
            $0.member("schema", "/v2/schemas/member")
        }
    }
}
