import CloudAPI
import CloudBus
import CloudCore
import CloudStore
import ComputeMessages
import Testing

@testable import Compute

/// What changes a server where it is.
@Suite(.timeLimit(.minutes(2))) struct LifeTests {
    // MARK: States

    /// Each action with the states that allow it (nova.compute.api).
    static let matrix: [(body: JSON, allowed: Set<Server.State>)] = [
        (["os-start": nil], [.stopped]),
        (["os-stop": nil], [.active, .error]),
        (["reboot": ["type": "SOFT"]], [.active]),
        (["reboot": ["type": "HARD"]], [.active, .stopped, .paused, .suspended, .error]),
        (["pause": nil], [.active]),
        (["unpause": nil], [.paused]),
        (["suspend": nil], [.active]),
        (["resume": nil], [.suspended]),
        (["rescue": nil], [.active, .stopped, .error]),
        (["unrescue": nil], [.rescued]),
        (["rebuild": ["imageRef": .string(FakeImages.other)]], [.active, .stopped, .error]),
        (["changePassword": ["adminPass": "secret"]], [.active]),
        (["createImage": ["name": "i"]], [.active, .stopped, .paused, .suspended]),
        (["createBackup": ["name": "b", "backup_type": "daily", "rotation": 1]], [.active, .stopped, .paused, .suspended]),
        (["trigger_crash_dump": nil], [.active, .paused, .rescued, .resized, .error]),
        (["restore": nil], [.softDeleted]),
    ]

    @Test(arguments: matrix.indices) func actionsKeepToTheirStates(_ index: Int) async throws {
        let (body, allowed) = Self.matrix[index]
        try await Site.with { site in
            site.acceptUploads()
            let id = try await site.build()
            for state in Server.State.allCases where state != .deleted && state != .building {
                try await site.put(id, state)
                let answer = await site.act(id, body)
                let expected = allowed.contains(state) ? [202, 200] : [409]
                #expect(expected.contains(answer.status.code), "\(body) in \(state): \(answer.status) \(answer.text)")
                try await site.settle()
                #expect(await site.show(id)["OS-EXT-STS:task_state"] == .null)
            }
        }
    }

    @Test(arguments: matrix.indices) func aTaskStandsInTheWay(_ index: Int) async throws {
        let (body, allowed) = Self.matrix[index]
        try await Site.with { site in
            let id = try await site.build()
            try await site.put(id, try #require(allowed.first), task: .migrating)
            let answer = await site.act(id, body)
            #expect(answer.status == .conflict)
            let message = answer.json["conflictingRequest"]?["message"]?.string ?? ""
            #expect(message.contains("task_state migrating"), "\(message)")
        }
    }

    @Test func theCycleOfStates() async throws {
        try await Site.with { site in
            let id = try await site.build()
            let steps: [(JSON, String, Int)] = [
                (["pause": nil], "PAUSED", 3), (["unpause": nil], "ACTIVE", 1), (["suspend": nil], "SUSPENDED", 7),
                (["resume": nil], "ACTIVE", 1), (["os-stop": nil], "SHUTOFF", 4), (["rescue": nil], "RESCUE", 1),
                (["unrescue": nil], "ACTIVE", 1),
            ]
            for (body, status, power) in steps {
                let answer = await site.act(id, body)
                #expect([200, 202].contains(answer.status.code), "\(answer.text)")
                try await site.settle()
                let server = await site.show(id)
                #expect(server["status"] == .string(status))
                #expect(server["OS-EXT-STS:power_state"] == .int(power))
            }
        }
    }

    @Test(arguments: ["pause", "suspend", "rescue", "os-stop"])
    func aFailureLeavesTheServerAsItWas(_ action: String) async throws {
        try await Site.with { site in
            let id = try await site.build()
            site.agents.orders.fail("power", with: BusFailure(code: "unsupported", message: "no"))
            _ = await site.act(id, .object([action: nil]))
            try await site.settle()
            let server = await site.show(id)
            #expect(server["status"] == "ACTIVE")
            #expect(server["OS-EXT-STS:task_state"] == .null)
            #expect(try await site.log(id)[action == "os-stop" ? "stop" : action] == "Error")
        }
    }

    @Test(arguments: ["pause", "suspend", "rescue", "rebuild", "createImage"])
    func deletingDuringAnActionWins(_ action: String) async throws {
        let bodies: [String: JSON] = [
            "rebuild": ["rebuild": ["imageRef": .string(FakeImages.image)]], "createImage": ["createImage": ["name": "i"]],
        ]
        try await Site.with { site in
            site.acceptUploads()
            let id = try await site.build()
            for call in ["power", "rebuild", "snapshot"] {
                site.agents.orders.before(call) { _ in _ = await site.send(.delete, "/servers/\(id)") }
            }
            _ = await site.act(id, bodies[action] ?? .object([action: nil]))
            try await site.settle()
            #expect(await site.send(.get, "/servers/\(id)").status == .notFound)
            #expect(try await site.log(id)["delete"] == "Success")
            #expect(try await site.snapshots().isEmpty)
            site.agents.orders.clear()
            try await GuestReconciler(compute: site.compute.parts).reconcile()
            try await site.expectCleanSlate()
        }
    }

    @Test func aHardRebootReplacesASoftOne() async throws {
        try await Site.with { site in
            let id = try await site.build()
            let isFirst = Flag()
            site.agents.orders.before("power") { _ in
                guard isFirst.raise() else { return }
                #expect(await site.act(id, ["reboot": ["type": "SOFT"]]).status == .conflict)
                #expect(await site.act(id, ["reboot": ["type": "HARD"]]).status == .accepted)
            }
            #expect(await site.act(id, ["reboot": ["type": "SOFT"]]).status == .accepted)
            try await site.settle()
            #expect(await site.show(id)["status"] == "ACTIVE")
            #expect(site.agents.powerRequests.last?.action == .hardReboot)
            #expect(try await site.count("compute_actions WHERE finished_at IS NULL") == 0)
        }
    }

    // MARK: Locks, states, passwords

    @Test func locks() async throws {
        try await Site.with { site in
            let id = try await site.build()
            #expect(await site.act(id, ["lock": ["locked_reason": "mine"]]).status == .accepted)
            #expect(await site.show(id)["locked_reason"] == "mine")
            #expect(await site.act(id, ["os-stop": nil]).status == .conflict)
            #expect(await site.send(.delete, "/servers/\(id)").status == .conflict)
            #expect(await site.act(id, ["unlock": nil]).status == .accepted)
            #expect(await site.show(id)["locked"] == false)
            #expect(await site.act(id, ["lock": nil], token: Site.admin).status == .accepted)
            #expect(await site.act(id, ["unlock": nil]).status == .forbidden)
            #expect(await site.act(id, ["unlock": nil], token: Site.admin).status == .accepted)
            #expect(await site.send(.post, "/servers/\(id)/action", at: "2.72", ["lock": ["locked_reason": 1]]).status == .accepted)
            #expect(await site.show(id)["locked_reason"] == .null)
        }
    }

    @Test func resettingTheStateEndsWhatIsUnderWay() async throws {
        try await Site.with { site in
            let id = try await site.build()
            site.agents.orders.before("power") { _ in
                #expect(await site.act(id, ["os-resetState": ["state": "error"]], token: Site.admin).status == .accepted)
            }
            #expect(await site.act(id, ["pause": nil]).status == .accepted)
            try await site.settle()
            #expect(await site.show(id)["status"] == "ERROR")
            #expect(await site.show(id)["OS-EXT-STS:task_state"] == .null)
            #expect(await site.act(id, ["os-resetState": ["state": "active"]]).status == .forbidden)
            #expect(await site.act(id, ["resetNetwork": nil], token: Site.admin).status == .gone)
        }
    }

    @Test(arguments: ["destroy", "power"]) func resettingTheStateDoesNotTakeADeletionBack(during call: String) async throws {
        try await Site.with { site in
            let id = try await site.build()
            let isFirst = Flag()
            site.agents.orders.before(call) { _ in
                guard isFirst.raise() else { return }
                if call == "power" { _ = await site.send(.delete, "/servers/\(id)") }
                _ = await site.act(id, ["os-resetState": ["state": "active"]], token: Site.admin)
            }
            if call == "power" { _ = await site.act(id, ["pause": nil]) } else { _ = await site.send(.delete, "/servers/\(id)") }
            try await site.settle()
            #expect(await site.send(.get, "/servers/\(id)").status == .notFound)
            #expect(try await site.log(id)["delete"] == "Success")
            site.agents.orders.clear()
            try await GuestReconciler(compute: site.compute.parts).reconcile()
            try await site.expectCleanSlate()
        }
    }

    @Test func aDeletionThatFailsLeavesAnErrorAndCanBeAskedForAgain() async throws {
        try await Site.with { site in
            let id = try await site.build()
            site.orders.fail("unclaim", with: Unlucky())
            site.agents.orders.before("destroy") { _ in
                let reset = await site.act(id, ["os-resetState": ["state": "active"]], token: Site.admin)
                #expect(reset.status == .accepted)
            }
            _ = await site.send(.delete, "/servers/\(id)")
            try await site.settle()
            #expect(await site.show(id)["status"] == "ERROR")
            site.orders.clear()
            _ = await site.send(.delete, "/servers/\(id)")
            try await site.settle()
            #expect(await site.send(.get, "/servers/\(id)").status == .notFound)
        }
    }

    @Test func passwordsAreSetOrRefused() async throws {
        try await Site.with { site in
            let id = try await site.build()
            #expect(await site.act(id, ["changePassword": ["adminPass": "s3cret-word"]]).status == .accepted)
            #expect(await site.show(id)["OS-EXT-STS:task_state"] == .null)
            site.agents.orders.fail("password", with: BusFailure(code: "unsupported", message: "no agent"))
            #expect(await site.act(id, ["changePassword": ["adminPass": "s3cret-word"]]).status == .conflict)
            #expect(await site.show(id)["status"] == "ACTIVE")
            let written: Int = try await site.count("workflows WHERE state LIKE '%s3cret%'")
            #expect(written == 0)
        }
    }

    // MARK: Rescue, rebuild

    @Test func aRescueBootsFromTheImageAndGoesBack() async throws {
        try await Site.with { site in
            let id = try await site.build()
            let answer = await site.act(id, ["rescue": ["rescue_image_ref": .string(FakeImages.other), "adminPass": "word"]])
            #expect(answer.status == .ok)
            #expect(answer.json["adminPass"] == "word")
            try await site.settle()
            #expect(site.agents.powerRequests.last?.guest.rescue?.imageID == FakeImages.other)
            #expect(await site.act(id, ["reboot": ["type": "HARD"]]).status == .conflict)
            #expect(await site.act(id, ["unrescue": nil]).status == .accepted)
            try await site.settle()
            #expect(site.agents.powerRequests.last?.guest.rescue == nil)
            #expect(await site.act(id, ["rescue": ["rescue_image_ref": .string(FakeImages.queued)]]).status == .badRequest)
            #expect(await site.act(id, ["rescue": ["rescue_image_ref": "nonsense"]]).status == .badRequest)
        }
    }

    @Test func theRescueSystemLearnsItsPassword() async throws {
        try await Site.with { site in
            let id = try await site.build("web", ["config_drive": true])
            func told() throws -> JSON? {
                let drive = try #require(site.agents.powerRequests.last?.guest.configDrive)
                let file = try #require(drive.files.first { $0.path == "openstack/latest/meta_data.json" })
                return try JSON(parsing: String(decoding: file.bytes, as: UTF8.self))["admin_pass"]
            }
            #expect(await site.act(id, ["rescue": ["adminPass": "w0rd"]]).status == .ok)
            try await site.settle()
            #expect(try told() == "w0rd")
            #expect(try await site.count("workflows WHERE state LIKE '%w0rd%'") == 0)
            _ = await site.act(id, ["unrescue": nil])
            try await site.settle()
            #expect(try told() == nil)
            site.agents.orders.fail("power", with: BusFailure(code: "unsupported", message: "no"))
            #expect(await site.act(id, ["rescue": ["adminPass": "w0rd"]]).status == .ok)
            try await site.settle()
            #expect(site.compute.parts.passwords.password(of: id) == nil)
        }
    }

    @Test func aRebuildKeepsAStoppedServerStopped() async throws {
        try await Site.with { site in
            let id = try await site.build()
            _ = await site.act(id, ["os-stop": nil])
            try await site.settle()
            let answer = await site.act(
                id, ["rebuild": ["imageRef": .string(FakeImages.other), "name": "new", "metadata": ["a": "b"], "user_data": nil]])
            #expect(answer.status == .accepted, "\(answer.text)")
            #expect(answer.json["server"]?["status"] == "REBUILD")
            #expect(answer.json["server"]?["image"]?["id"] == .string(FakeImages.other))
            #expect(answer.json["server"]?["adminPass"] != nil)
            #expect(answer.json["server"]?["user_data"] == .null)
            #expect(answer.json["server"]?["OS-EXT-SRV-ATTR:user_data"] == nil)
            try await site.settle()
            let server = await site.show(id)
            #expect(server["status"] == "SHUTOFF")
            #expect(server["name"] == "new")
            #expect(server["metadata"] == ["a": "b"])
            #expect(site.agents.guests(on: "host-1")[id] == .shutdown)
        }
    }

    @Test func answersToEarlyRebuildsAreShort() async throws {
        try await Site.with { site in
            let id = try await site.build()
            let answer = await site.send(
                .post, "/servers/\(id)/action", at: "2.1", ["rebuild": ["imageRef": .string(FakeImages.image)]])
            let server = answer.json["server"]
            #expect(server?["OS-EXT-STS:task_state"] == nil)
            #expect(server?["key_name"] == nil)
            #expect(server?["addresses"]?["private"]?[0]?["OS-EXT-IPS:type"] == nil)
            #expect(server?["OS-DCF:diskConfig"] == "MANUAL")
            try await site.settle()
        }
    }

    @Test func whatARebuildCantBeMadeOf() async throws {
        try await Site.with { site in
            let id = try await site.build()
            let bodies: [JSON] = [
                ["imageRef": .string(FakeImages.queued)], ["imageRef": .string(FakeImages.large)], ["imageRef": "nothing"],
                ["imageRef": .string(Identifier.uuid())], ["imageRef": .string(FakeImages.image), "key_name": "none"],
                ["imageRef": .string(FakeImages.image), "personality": []], [:],
            ]
            for body in bodies { #expect(await site.act(id, ["rebuild": body]).status == .badRequest, "\(body)") }
            #expect(await site.show(id)["image"]?["id"] == .string(FakeImages.image))
        }
    }

    @Test func anImageThatTheHostDoesNotSuitChangesNothing() async throws {
        try await Site.with { site in
            let id = try await site.build()
            #expect(await site.act(id, ["rebuild": ["imageRef": .string(FakeImages.choosy)]]).status == .accepted)
            try await site.settle()
            let server = await site.show(id)
            #expect(server["status"] == "ACTIVE")
            #expect(server["image"]?["id"] == .string(FakeImages.image))
            #expect(try await site.log(id)["rebuild"] == "Error")
            #expect(!site.agents.asked.contains("rebuild host-1"))
        }
    }

    @Test func aRebuildThatFailsOnTheHostIsAnError() async throws {
        try await Site.with { site in
            let id = try await site.build()
            site.agents.orders.fail("rebuild", with: BusFailure(code: "disk_full", message: "The disk is full."))
            _ = await site.act(id, ["rebuild": ["imageRef": .string(FakeImages.other)]])
            try await site.settle()
            let server = await site.show(id)
            #expect(server["status"] == "ERROR")
            #expect(server["fault"]?["message"] == "The disk is full.")
            #expect(try await site.log(id)["rebuild"] == "Error")
            #expect(await site.act(id, ["rebuild": ["imageRef": .string(FakeImages.image)]]).status == .accepted)
        }
    }

    // MARK: Soft delete

    @Test func deletionsAreTakenBackOrReclaimed() async throws {
        try await Site.with({ $0.reclaimInterval = .seconds(3600) }) { site in
            let id = try await site.build()
            #expect(await site.send(.delete, "/servers/\(id)").status == .noContent)
            try await site.settle()
            #expect(await site.show(id)["status"] == "SOFT_DELETED")
            #expect(await site.send(.get, "/servers").json["servers"]?.array?.isEmpty == true)
            #expect(site.agents.guests(on: "host-1")[id] == .shutdown)
            #expect(await site.act(id, ["restore": nil]).status == .accepted)
            try await site.settle()
            #expect(await site.show(id)["status"] == "ACTIVE")
            _ = await site.send(.delete, "/servers/\(id)")
            try await site.settle()
            try await ServerReclaim(compute: site.compute.parts).reconcile()
            try await site.settle()
            #expect(await site.show(id)["status"] == "SOFT_DELETED", "it is not long enough ago")
            try await site.age(id)
            try await ServerReclaim(compute: site.compute.parts).reconcile()
            try await site.settle()
            #expect(await site.send(.get, "/servers/\(id)").status == .notFound)
            try await site.expectCleanSlate()
        }
    }

    @Test func forcedDeletionsAreAtOnce() async throws {
        try await Site.with({ $0.reclaimInterval = .seconds(3600) }) { site in
            let id = try await site.build()
            #expect(await site.act(id, ["forceDelete": nil]).status == .accepted)
            try await site.settle()
            #expect(await site.send(.get, "/servers/\(id)").status == .notFound)
            try await site.expectCleanSlate()
        }
    }

    // MARK: Power by itself

    @Test func whatPowerMeansForAServer() {
        let all: [PowerState] = [.noState, .running, .paused, .shutdown, .crashed, .suspended]
        for state in Server.State.allCases {
            for power in all {
                let expected: PowerSync = switch (state, power) {
                case (.active, .shutdown), (.active, .crashed), (.active, .suspended), (.paused, .shutdown), (.paused, .crashed): .stopped
                case (.stopped, .running), (.stopped, .paused), (.stopped, .suspended): .stopAgain
                default: .note
                }
                #expect(PowerSync(state, power) == expected, "\(state) \(power)")
            }
        }
    }

    @Test func aStoppedGuestThatRunsIsStoppedAgain() async throws {
        try await Site.with { site in
            let id = try await site.build()
            _ = await site.act(id, ["os-stop": nil])
            try await site.settle()
            site.agents.put(id, on: "host-1", .running)
            try await site.report("host-1", guests: [GuestStatus(id: id, power: .running)])
            try await site.settle()
            #expect(await site.show(id)["status"] == "SHUTOFF")
            #expect(site.agents.guests(on: "host-1")[id] == .shutdown)
        }
    }

    @Test func aRescuedServerStaysRescued() async throws {
        try await Site.with { site in
            let id = try await site.build()
            _ = await site.act(id, ["rescue": nil])
            try await site.settle()
            try await site.report("host-1", guests: [GuestStatus(id: id, power: .shutdown)])
            #expect(await site.show(id)["status"] == "RESCUE")
            #expect(await site.show(id)["OS-EXT-STS:power_state"] == 4)
        }
    }
}
