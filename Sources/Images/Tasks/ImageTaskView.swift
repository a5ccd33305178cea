import CloudAPI
import CloudCore

/// A task as the API shows it. Lists leave out what was asked for and what it came to.
struct ImageTaskView: JSONWritable {
    let task: ImageTask
    var isBrief = false

    func write(to json: inout JSONWriter) {
        json.object { json in
            json.member("id", task.id)
            json.member("type", task.kind.rawValue)
            json.member("status", task.status.rawValue)
            json.member("owner", task.owner)
            if let imageID = task.imageID { json.member("image_id", imageID) }
            if let requestID = task.requestID { json.member("request_id", requestID) }
            if let userID = task.userID { json.member("user_id", userID) }
            if !isBrief {
                json.member("input", task.input)
                json.member("result", task.result)
                json.member("message", task.message)
            }
            json.member("created_at", task.createdAt.iso8601)
            json.member("updated_at", task.updatedAt.iso8601)
            if let end = task.expiresAt { json.member("expires_at", end.iso8601) }
            json.member("self", "/v2/tasks/\(task.id)")
            json.member("schema", "/v2/schemas/task")
        }
    }

    /// A task within an image's list of tasks, which upstream writes straight from its rows.
    static func write(row task: ImageTask, to json: inout JSONWriter) {
        json.object { json in
            json.member("id", task.id)
            json.member("type", task.kind.rawValue)
            json.member("status", task.status.rawValue)
            json.member("owner", task.owner)
            json.member("image_id", task.imageID)
            json.member("request_id", task.requestID)
            json.member("user_id", task.userID)
            json.member("input", task.input)
            json.member("result", task.result)
            json.member("message", task.message)
            json.member("created_at", task.createdAt.iso8601Naive)
            json.member("updated_at", task.updatedAt.iso8601Naive)
            json.member("expires_at", task.expiresAt?.iso8601Naive)
            json.member("deleted", false)
            json.member("deleted_at", String?.none)
        }
    }
}

/// What requests about tasks look like.
enum ImageTaskSchemas {
    /// What makes a task.
    static let create: Schema = .object(
        [("type", .oneOf(["import"])), ("input", .object([], additional: .any))], required: ["type", "input"])
}

/// The schemas of tasks, which clients read.
enum ImageTaskDocuments {
    /// A task.
    static let task: JSON = document("task", common + details)
    /// A task as lists show it.
    static let brief: JSON = document("task", common)

    private static func document(_ name: String, _ members: [(name: String, schema: JSON)]) -> JSON {
        var properties: JSONObject = [:]
        for member in members { properties[member.name] = member.schema }
        return ["name": .string(name), "properties": .object(properties)]
    }

    private static func text(_ description: String) -> JSON { ["type": "string", "description": .string(description)] }

    private static let common: [(name: String, schema: JSON)] = [
        (
            "id",
            [
                "type": "string", "description": "The task's UUID",
                "pattern": "^([0-9a-fA-F]){8}-([0-9a-fA-F]){4}-([0-9a-fA-F]){4}-([0-9a-fA-F]){4}-([0-9a-fA-F]){12}$",
            ]
        ),
        (
            "type",
            [
                "type": "string", "description": "What the task does",
                "enum": .array(ImageTask.Kind.allCases.map { .string($0.rawValue) }),
            ]
        ),
        (
            "status",
            [
                "type": "string", "description": "How far the task is",
                "enum": .array(ImageTask.Status.allCases.map { .string($0.rawValue) }),
            ]
        ),
        ("owner", text("The project that asked for the task")), ("image_id", text("The image the task works on")),
        ("request_id", text("The request that began the task")), ("user_id", text("The user who asked for the task")),
        ("expires_at", ["type": ["null", "string"], "description": "When the task is forgotten"]),
        ("created_at", text("When the task was made")), ("updated_at", text("When the task last changed")),
        ("self", ["type": "string", "readOnly": true]), ("schema", ["type": "string", "readOnly": true]),
    ]

    private static let details: [(name: String, schema: JSON)] = [
        ("input", ["type": ["null", "object"], "description": "What was asked for"]),
        ("result", ["type": ["null", "object"], "description": "What it came to"]),
        ("message", text("What went wrong, or how far the task is")),
    ]
}
