import CloudAPI
import CloudCore

/// Booting a server from another image while its disk is mended.
enum RescueActions {
    static let all = [
        ServerActionEndpoint("rescue", rule: "os-rescue", LifeSchemas.rescue, handler: rescue),
        ServerActionEndpoint("unrescue", rule: "os-unrescue") { call in
            try await call.begin(.unrescue) { server, _ in server.details.rescueImage = nil }
            return .empty()
        },
    ]

    @Sendable private static func rescue(_ call: ActionCall) async throws -> APIResponse {
        try PowerAction.rescue.conditions.check(call.server, isAdmin: call.isAdmin)
        let image = try await image(call)
        if call.server.isVolumeBacked { try checkVolume(image, call) }
        let password = call.value["adminPass"]?.string ?? AdministratorPassword.make()
        try await call.begin(.rescue) { server, transaction in
            server.details.rescueImage = image
            call.compute.passwords.hold(Secret(password), for: server.id, from: transaction)
        }
        return .json(status: .ok, "adminPass", password)
    }

    /// The image that is asked for, or the server's own.
    private static func image(_ call: ActionCall) async throws -> ServerImage {
        guard let id = call.value["rescue_image_ref"]?.string else {
            guard let image = call.server.image else { throw notRescuable(call, "Cannot rescue a volume-backed instance") }
            return image
        }
        guard let token = call.request.token, let image = try await call.compute.images.image(id, for: token),
            image.status == "active", image.properties["img_block_device_mapping"] == nil, image.properties["block_device_mapping"] == nil
        else { throw ComputeError.badRequest("Requested rescue image '\(id)' is not supported") }
        return image
    }

    /// From microversion 2.87 on a server with its root disk on a volume can be rescued with an image that says where its
    /// disk goes.
    private static func checkVolume(_ image: ServerImage, _ call: ActionCall) throws {
        guard call.isFrom(87), image.properties["hw_rescue_bus"] != nil, image.properties["hw_rescue_device"] != nil else {
            throw notRescuable(call, "Cannot rescue a volume-backed instance")
        }
    }

    private static func notRescuable(_ call: ActionCall, _ reason: String) -> ComputeError {
        .badRequest("Instance \(call.server.id) cannot be rescued: \(reason)")
    }
}
