import CloudCore
import ComputeMessages
import Foundation
import Testing

@testable import ComputeAgent

/// What every driver does to a guest beside starting and stopping it.
extension HypervisorConformanceTests {
    @Test(arguments: ArmKind.available) func aGuestIsHeldAndChanged(kind: ArmKind) async throws {
        try await with(kind) { arm in
            var guest = specification(name: "web-2", root: arm.root)
            _ = try await arm.call(SpawnGuest(guest: guest))
            try await arm.waitForBoot(guest.id, times: 1)
            try await isLookedInto(guest, arm)
            try await isHeld(guest, arm)
            guest = try await changesDevices(guest, arm)
            try await isSnapshot(guest, arm)
            #expect(try await arm.boots(guest.id) == 1)
            _ = try await arm.call(DestroyGuest(id: guest.id, portIDs: guest.interfaces.map(\.portID)))
            #expect(try await arm.isClean())
        }
    }

    private func isHeld(_ guest: GuestSpecification, _ arm: any HypervisorArm) async throws {
        func power(_ action: PowerGuest.Action) async throws -> PowerState {
            try await arm.call(PowerGuest(guest: guest, action: action)).power
        }
        for _ in 1...2 { #expect(try await power(.pause) == .paused) }
        #expect(await failureCode { try await power(.resume) == .running } == nil)
        for _ in 1...2 { #expect(try await power(.unpause) == .running) }
        for _ in 1...2 { #expect(try await power(.suspend) == .suspended) }
        #expect(try await arm.call(ListGuests()) == [GuestStatus(id: guest.id, power: .suspended)])
        #expect(await failureCode { try await power(.pause) } == "wrong_state")
        for _ in 1...2 { #expect(try await power(.resume) == .running) }
        #expect(try await power(.injectCrashDump) == .running)
    }

    private func isLookedInto(_ guest: GuestSpecification, _ arm: any HypervisorArm) async throws {
        let diagnostics = try await arm.call(DiagnoseGuest(id: guest.id))
        #expect(diagnostics.power == .running)
        #expect(diagnostics.processors.count == 1)
        #expect(diagnostics.interfaces.map(\.mac) == guest.interfaces.map(\.mac))
        #expect(diagnostics.disks.map(\.device) == ["vda"])
        #expect(diagnostics.disks.first?.readBytes ?? 0 > 0)
        #expect(diagnostics.memoryMaximumMiB == guest.memoryMiB)
        guard case .tcp(_, let port, _) = try await arm.call(OpenGuestConsole(id: guest.id, kind: .vnc)) else {
            Issue.record("the screen is no port")
            return
        }
        #expect(port > 0)
        #expect(await failureCode { try await arm.call(OpenGuestConsole(id: guest.id, kind: .mks)) } == "unsupported")
        #expect(await failureCode { try await arm.call(SetGuestPassword(id: guest.id, password: "x")) } == "unsupported")
        #expect(await failureCode { try await arm.call(DiagnoseGuest(id: Identifier.uuid())) } == "guest_not_found")
    }

    private func changesDevices(_ guest: GuestSpecification, _ arm: any HypervisorArm) async throws -> GuestSpecification {
        var wide = guest
        let interface = GuestInterface(portID: Identifier.uuid(), networkID: Identifier.uuid(), mac: "fa:16:3e:00:00:77", mtu: 1442)
        wide.interfaces.append(interface)
        for _ in 1...2 { #expect(try await arm.call(AttachInterface(guest: wide, interface: interface)).power == .running) }
        #expect(try await arm.call(DiagnoseGuest(id: guest.id)).interfaces.map(\.mac).contains(interface.mac))
        #expect(arm.network.plugged.contains(interface.portID))
        for _ in 1...2 {
            _ = try await arm.call(DetachInterface(guest: guest, portID: interface.portID, mac: interface.mac))
            #expect(!arm.network.plugged.contains(interface.portID))
        }
        var volume = GuestVolume(id: Identifier.uuid(), connection: .file(path: try await arm.makeVolume(), format: "raw"))
        wide = guest
        try await isRefused(volume, with: ["total_iops_sec": "500", "read_iops_sec": "100"], wide, arm)
        volume.qosSpecs = ["total_iops_sec": "5000", "total_iops_sec_max": "9000", "unheard": "of"]
        wide.volumes = [volume]
        for _ in 1...2 { #expect(try await arm.call(AttachVolume(guest: wide, volume: volume)).deviceName == "/dev/vdb") }
        #expect(try await arm.call(DiagnoseGuest(id: guest.id)).disks.map(\.device) == ["vda", "vdb"])
        #expect(try await arm.call(ListGuestVolumes()) == [guest.id: [volume.id]])
        let copy = try await arm.makeVolume() + ".copy"
        for _ in 1...2 {
            _ = try await arm.call(CopyGuestVolume(id: guest.id, volumeID: volume.id, target: .file(path: copy, format: "qcow2")))
        }
        #expect(await failureCode {
            try await arm.call(CopyGuestVolume(id: guest.id, volumeID: Identifier.uuid(), target: .file(path: copy, format: "raw")))
        } == "wrong_state")
        for _ in 1...2 { _ = try await arm.call(DetachVolume(guest: guest, volumeID: volume.id)) }
        #expect(try await arm.call(DiagnoseGuest(id: guest.id)).disks.map(\.device) == ["vda"])
        #expect(try await arm.call(ListGuestVolumes()) == [guest.id: []])
        return guest
    }

    /// Limits that no hypervisor can keep leave the guest as it was.
    private func isRefused(
        _ volume: GuestVolume, with specs: [String: String], _ guest: GuestSpecification, _ arm: any HypervisorArm
    ) async throws {
        var (volume, wide) = (volume, guest)
        volume.qosSpecs = specs
        wide.volumes = [volume]
        let request = AttachVolume(guest: wide, volume: volume)
        #expect(await failureCode { try await arm.call(request) } == "unsupported")
        #expect(try await arm.call(DiagnoseGuest(id: guest.id)).disks.map(\.device) == ["vda"])
        #expect(try await arm.call(ListGuestVolumes()) == [guest.id: []])
    }

    private func isSnapshot(_ guest: GuestSpecification, _ arm: any HypervisorArm) async throws {
        let image = Identifier.uuid()
        let snapshot = try await arm.call(SnapshotGuest(id: guest.id, imageID: image))
        let bytes = try #require(arm.images.image(image))
        let header = try #require(QCOW2Header(bytes))
        #expect(header.backingFile == nil)
        #expect(header.virtualSize == 1 << 30)
        #expect((snapshot.sizeBytes, snapshot.virtualSizeBytes) == (bytes.count, 1 << 30))
        #expect(try await arm.call(ListGuests()) == [GuestStatus(id: guest.id, power: .running)])
        #expect(await failureCode { try await arm.call(SnapshotGuest(id: Identifier.uuid(), imageID: image)) } == "guest_not_found")
    }

    @Test(arguments: ArmKind.available, [ConfigDrive.Format.iso9660, .vfat])
    func aGuestReadsItsConfigDriveAndAnswersTheHost(kind: ArmKind, format: ConfigDrive.Format) async throws {
        try await with(kind) { arm in
            var guest = specification(name: "web-4", root: arm.root, ports: 0, properties: ["hw_qemu_guest_agent": "yes"])
            let files = [
                "openstack/latest/meta_data.json": #"{"uuid": "\#(guest.id)", "hostname": "driven", "public_keys": {}}"#,
                "openstack/latest/user_data": "#!/bin/sh\necho it ran\n",
            ]
            guest.configDrive = ConfigDrive(files: files.map { .init(path: $0.key, bytes: Data($0.value.utf8)) }, format: format)
            _ = try await arm.call(SpawnGuest(guest: guest))
            try await eventually(within: arm.bootDeadline, "the drive was read and the agent runs") {
                let console = try await arm.call(ReadConsole(id: guest.id, lines: nil))
                return arm.driveMarks.allSatisfy(console.contains)
            }
            #expect(try await arm.call(DiagnoseGuest(id: guest.id)).hasConfigDrive)
            _ = try await arm.call(SetGuestPassword(id: guest.id, user: "altostack", password: "it's \"quoted\" & so on"))
            #expect(try await arm.call(ReadConsole(id: guest.id, lines: nil)).contains("password of altostack changed"))
            let image = Identifier.uuid()
            _ = try await arm.call(SnapshotGuest(id: guest.id, imageID: image, format: "qcow2", quiesce: true))
            #expect(arm.images.image(image)?.isEmpty == false)
            _ = try await arm.call(DestroyGuest(id: guest.id, portIDs: []))
            #expect(try await arm.isClean())
        }
    }

    @Test(arguments: ArmKind.available) func aGuestIsRescuedRebuiltAndMoved(kind: ArmKind) async throws {
        try await with(kind) { arm in
            let guest = specification(name: "web-3", root: arm.root, ports: 1, ephemeralGiB: 1)
            _ = try await arm.call(SpawnGuest(guest: guest))
            try await isRescued(guest, arm)
            try await isRebuilt(guest, arm)
            try await isResized(guest, arm)
            _ = try await arm.call(DestroyGuest(id: guest.id, portIDs: guest.interfaces.map(\.portID)))
            #expect(try await arm.isClean())
        }
    }

    private func isRescued(_ guest: GuestSpecification, _ arm: any HypervisorArm) async throws {
        var rescued = guest
        rescued.rescue = arm.root
        rescued.rescue?.sizeGiB = 0
        for _ in 1...2 { #expect(try await arm.call(PowerGuest(guest: rescued, action: .hardReboot)).power == .running) }
        try await arm.waitForBoot(guest.id, times: 1)
        #expect(try await arm.call(PowerGuest(guest: guest, action: .hardReboot)).power == .running)
    }

    private func isRebuilt(_ guest: GuestSpecification, _ arm: any HypervisorArm) async throws {
        let rebuild = RebuildGuest(guest: guest, preserveEphemeral: true, start: false, token: "one")
        for _ in 1...2 { #expect(try await arm.call(rebuild).power == .shutdown) }
        #expect(try await arm.call(RebuildGuest(guest: guest, token: "two")).power == .running)
        #expect(await failureCode { try await arm.call(RebuildGuest(guest: specification(root: arm.root), token: "x")) } == "guest_not_found")
    }

    private func isResized(_ guest: GuestSpecification, _ arm: any HypervisorArm) async throws {
        var large = guest
        (large.memoryMiB, large.vcpus) = (192, 2)
        large.root?.sizeGiB = 2
        let ports = guest.interfaces.map(\.portID)
        for isConfirmed in [false, true] {
            var released = try await arm.call(ReleaseGuest(id: guest.id, portIDs: ports, graceSeconds: 0))
            #expect(try await arm.call(ReleaseGuest(id: guest.id, portIDs: ports, graceSeconds: 0)) == released)
            #expect(try await arm.call(ListGuests()).isEmpty)
            #expect(released.files.contains { $0.name == "disk" })
            released.files.removeAll { $0.name == "console.log" }
            for _ in 1...2 { #expect(try await arm.call(ReceiveGuest(guest: large, released: released)).power == .running) }
            // The guest that came back larger is not what a late repeat puts aside.
            _ = try await arm.call(ReleaseGuest(id: guest.id, portIDs: ports, graceSeconds: 0))
            #expect(try await arm.call(DiagnoseGuest(id: guest.id)).memoryMaximumMiB == 192)
            for _ in 1...2 where isConfirmed { _ = try await arm.call(ConfirmMove(id: guest.id)) }
            for start in [true, false] where !isConfirmed {
                #expect(try await arm.call(RevertMove(guest: guest, start: start)).power == .running)
                #expect(try await arm.call(DiagnoseGuest(id: guest.id)).memoryMaximumMiB == guest.memoryMiB)
            }
        }
        #expect(await failureCode { try await arm.call(ReleaseGuest(id: Identifier.uuid(), portIDs: [])) } == "guest_not_found")
    }
}
