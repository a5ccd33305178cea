import CloudCore
import Foundation
import HostCommands
import Testing
import VolumeMessages

@testable import VolumeBackends

/// What tgtd is told, and what it says.
@Suite struct TargetMessageTests {
    /// The bytes that tgtadm 1.0.85 sent for the same.
    @Test func requestsAreTgtadms() {
        let request = TargetRequest(mode: .target, operation: .new, target: 1, parameters: "targetname=iqn.2010-10.org.openstack:volume-1")
        let bytes = request.bytes
        #expect(bytes.count == 166)
        #expect(bytes[0..<8] == [1, 0, 0, 0, 0, 0, 0, 0])
        #expect(String(decoding: bytes[8..<13], as: UTF8.self) == "iscsi")
        #expect(bytes[72..<80] == [166, 0, 0, 0, 1, 0, 0, 0])
        #expect(bytes.last == 0)
        let unit = TargetRequest(mode: .connection, operation: .delete, target: -1, session: 2, lun: 3, connection: 4, force: true).bytes
        #expect(unit.count == 120)
        #expect(unit[72..<100] == [120, 0, 0, 0, 255, 255, 255, 255, 2, 0, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 4, 0, 0, 0])
        #expect(unit[116..<120] == [1, 0, 0, 0])
    }

    @Test func targetsAreRead() {
        let text = """
            Target 7: iqn.2010-10.org.openstack:volume-1
                System information:
                    Driver: iscsi
                I_T nexus information:
                    I_T nexus: 2
                        Initiator: iqn.2008-11.org.linux-kvm alias: none
                        Connection: 1
                            IP Address: 127.0.0.1
                LUN information:
                    LUN: 0
                        Type: controller
                        Backing store path: None
                    LUN: 1
                        Size: 67 MB, Block size: 512
                        Backing store path: /srv/volume-1.raw
                Account information:
                    abc
                ACL information:
                    127.0.0.1
                    192.0.2.7
            Target 9: iqn.2010-10.org.openstack:volume-2
                ACL information:
                    ALL

            """
        #expect(TargetState.all(in: text) == [
            TargetState(
                number: 7, name: "iqn.2010-10.org.openstack:volume-1", path: "/srv/volume-1.raw",
                peers: [.init(session: 2, connection: 1, address: "127.0.0.1")], users: ["abc"], addresses: ["127.0.0.1", "192.0.2.7"]),
            TargetState(number: 9, name: "iqn.2010-10.org.openstack:volume-2", addresses: ["ALL"]),
        ])
    }

    @Test func everyNameMakesATarget() {
        #expect(TargetAccess.target(of: "volume-1") == "iqn.2010-10.org.openstack:volume-1")
        let names = ["by hand", "by_hand", String(repeating: "a", count: 200)].map(TargetAccess.target(of:))
        #expect(Set(names).count == 3)
        #expect(names.allSatisfy { $0.utf8.count < 224 && $0.allSatisfy { $0.isLetter || $0.isNumber || ":.-".contains($0) } })
    }
}

/// Volumes by iSCSI, through QEMU's own initiator.
@Suite(.serialized, .enabled(if: TargetArm.isPossible), .timeLimit(.minutes(2))) struct TargetTests {
    /// What qemu-io says to a command at a connection.
    private func visit(_ connection: VolumeConnection, password: String? = nil, _ commands: String...) async throws -> Command.Outcome {
        guard case .iscsi(let portals, let iqn, let lun, let user, let secret) = connection else {
            throw VolumeFailure(.unsupported, "\(connection) is not reached by iSCSI")
        }
        let name = "iscsi://\(user ?? "")%\(password ?? secret ?? "")@\(portals[0])/\(iqn)/\(lun)"
        let arguments = ["-f", "raw"] + commands.flatMap { ["-c", $0] } + [name]
        return try await Command(program: "qemu-io", arguments: arguments, deadline: .seconds(30)).run()
    }

    private func with(_ body: (FileBackend, TargetArm) async throws -> Void) async throws {
        let arm = try TargetArm()
        do { try await body(try await arm.openFiles(), arm) } catch {
            await arm.close()
            throw error
        }
        await arm.close()
    }

    @Test func onlyWhoHasThePasswordComes() async throws {
        try await with { backend, _ in
            let one = volume()
            try await backend.create(one, .blank)
            let connection = try await backend.connect(one, attachmentID: "a", connector: someHost)
            #expect(try await visit(connection, "write -P 7 5M 8k").status == 0)
            let bytes = try await backend.open(one, writing: false)
            #expect(try await bytes.read(5 << 20..<(5 << 20) + 8192) == [UInt8](repeating: 7, count: 8192))
            await bytes.close()
            #expect(try await visit(connection, password: "wrong-wrong-wrong", "read 0 512").status != 0)
            let second = try await backend.connect(one, attachmentID: "b", connector: someHost)
            try await backend.disconnect(one, attachmentID: "a")
            #expect(try await visit(connection, "read 0 512").status != 0)
            #expect(try await visit(second, "read -P 7 5M 8k").status == 0)
            try await backend.disconnect(one, attachmentID: "b")
            #expect(try await visit(second, "read 0 512").status != 0)
        }
    }

    @Test func strangersAreNotAdmitted() async throws {
        try await with { backend, _ in
            let one = volume()
            try await backend.create(one, .blank)
            let connection = try await backend.connect(one, attachmentID: "a", connector: VolumeConnector(host: "far", ip: "192.0.2.7"))
            #expect(try await visit(connection, "read 0 512").status != 0)
        }
    }

    @Test func targetsComeBackWithTheDaemon() async throws {
        try await with { backend, arm in
            let one = volume()
            try await backend.create(one, .blank)
            let connection = try await backend.connect(one, attachmentID: "a", connector: someHost)
            #expect(try await visit(connection, "write -P 5 0 8k").status == 0)
            let first = try #require(arm.processID)
            #expect(kill(first, SIGKILL) == 0)
            while kill(first, 0) == 0 { try await Task.sleep(for: .milliseconds(5)) }
            // The next report finds that it is gone.
            _ = try await backend.pools()
            #expect(try await visit(connection, "read -P 5 0 8k").status == 0)
            #expect(try #require(arm.processID) != first)
            // A program of ours that begins anew goes on with the same one.
            let second = arm.processID
            let again = try await arm.openFiles()
            #expect(arm.processID == second)
            try await again.disconnect(one, attachmentID: "a")
            await again.stop()
        }
    }

    @Test func aVolumeGrowsOnceNobodyWrites() async throws {
        try await with { backend, _ in
            var one = volume()
            try await backend.create(one, .blank)
            let connection = try await backend.connect(one, attachmentID: "a", connector: someHost)
            one.sizeGiB = 2
            let session = Task { try await visit(connection, "write -P 4 8k 8k", "sleep 2000", "read -P 4 8k 8k", "write -P 6 900M 8k") }
            while try await !backend.isOpen(one) { try await Task.sleep(for: .milliseconds(10)) }
            #expect(await code { _ = try await backend.extend(one, isAttached: true) } == .openInGuest)
            #expect(try await backend.extendHeld(one) == false)
            // The one who has it open goes on with the same session.
            #expect(try await session.value.status == 0)
            #expect(try await visit(connection, "write -P 9 1500M 8k", "read -P 6 900M 8k").status == 0)
            one.sizeGiB = 3
            while try await backend.isOpen(one) { try await Task.sleep(for: .milliseconds(10)) }
            #expect(try await backend.extend(one, isAttached: true) == false)
            #expect(try await visit(connection, "write -P 9 2500M 8k").status == 0)
        }
    }
}

extension FileBackend {
    /// Whether an initiator has a volume open.
    fileprivate func isOpen(_ volume: VolumeSpecification) async throws -> Bool {
        try await (access as? TargetAccess)?.isOpen(volume.name) ?? false
    }
}
