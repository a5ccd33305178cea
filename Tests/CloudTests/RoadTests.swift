import CloudCore
import CloudSettings
import CloudStore
import CloudWorkflow
import ComputeAgent
import Foundation
import HostCommands
import NetworkAgent
import Testing
import VolumeBackends
import VolumeMessages

@testable import Cloud

/// Faults that are ordered of a simulated cloud.
@Suite struct FaultRuleTests {
    private func rule(_ operation: String, host: String? = nil, _ effect: FaultRule.Effect, count: Int? = nil) throws -> FaultRule {
        FaultRule(
            id: Identifier.passing(), operation: operation, work: try #require(SimulatedWork.named(operation)), host: host, effect: effect,
            remaining: count)
    }

    @Test func aCountedFaultStrikesSoOftenOnItsHostAlone() throws {
        var rules = FaultRules()
        rules.add(try rule("spawn", host: "node-3", .fail("ordered"), count: 2))
        #expect(rules.strike(.guest(.spawn), on: "node-1") == nil)
        #expect(rules.strike(.guest(.powerOff), on: "node-3") == nil)
        #expect(rules.strike(.guest(.spawn), on: "node-3") == .fail("ordered"))
        #expect(rules.strike(.guest(.spawn), on: "node-3") == .fail("ordered"))
        #expect(rules.strike(.guest(.spawn), on: "node-3") == nil)
        #expect(rules.rules.isEmpty)
    }

    @Test func anUncountedFaultStrikesUntilItIsWithdrawn() throws {
        var rules = FaultRules()
        let slow = try rule("ports", .delay(.seconds(2)))
        rules.add(slow)
        for _ in 0..<5 {
            #expect(rules.strike(.network(.plug), on: "a") == .delay(.seconds(2)))
            #expect(rules.strike(.network(.unplug), on: "b") == .delay(.seconds(2)))
        }
        #expect(rules.rules.first?.struck == 10)
        #expect(rules.strike(.network(.apply), on: "a") == nil)
        let (removed, again) = (rules.remove(slow.id), rules.remove(slow.id))
        #expect(removed && !again)
        #expect(rules.strike(.network(.plug), on: "a") == nil)
    }

    @Test func theOldestFaultThatFitsStrikesFirst() throws {
        var rules = FaultRules()
        rules.add(try rule("any", .hang, count: 1))
        rules.add(try rule("spawn", .fail("second")))
        #expect(rules.strike(.guest(.spawn), on: "a") == .hang)
        #expect(rules.strike(.guest(.spawn), on: "a") == .fail("second"))
    }

    @Test func everyKindOfWorkHasANameOfItsOwn() {
        let names = SimulatedWork.all.map(\.name)
        #expect(Set(names).count == names.count)
        #expect(names.contains("power_off") && names.contains("plug_port"))
        for work in SimulatedWork.all { #expect(SimulatedWork.named(work.name) == [work]) }
        #expect(SimulatedWork.named("spwn") == nil)
    }

    @Test func aBackEndsFaultStrikesItsWorkAlone() throws {
        var rules = FaultRules()
        var broken = try rule("volume_create", .fail("ordered"), count: 2)
        broken.backend = "fast"
        rules.add(broken)
        #expect(rules.strike(.volume(.create), on: "a", backend: "slow") == nil)
        #expect(rules.strike(.volume(.delete), on: "a", backend: "fast") == nil)
        for _ in 1...2 { #expect(rules.strike(.volume(.create), on: "a", backend: "fast") == .fail("ordered")) }
        #expect(rules.strike(.volume(.create), on: "a", backend: "fast") == nil)
        var all = try rule("any", .hang)
        all.backend = "fast"
        rules.add(all)
        #expect(rules.strike(.guest(.spawn), on: "a") == nil)
        #expect(rules.strike(.volume(.open), on: "a", backend: "fast") == .hang)
    }

    @Test func backEndsAskTheBoard() async throws {
        let board = FaultBoard()
        board.connect(hosts: ["node"], backends: ["fast"])
        #expect(board.hasBackend("fast") && !board.hasBackend("slow"))
        let backend = SimulatedBackend(name: "fast")
        backend.faults.follow(board.volumes(of: "fast", on: "node"))
        var broken = try rule("volume_create", .fail("no room in the rack"), count: 1)
        broken.backend = "fast"
        #expect(board.add(broken))
        let volume = VolumeSpecification(id: Identifier.uuid(), name: "one", sizeGiB: 1)
        await #expect { try await backend.create(volume, .blank) } throws: { error in
            (error as? VolumeFailure)?.message == "no room in the rack"
        }
        try await backend.create(volume, .blank)
        #expect(try await backend.holds(volume))
    }

    @Test func hostsAreKnownByNameAndByNumber() {
        let board = FaultBoard()
        board.connect(hosts: ["node-1", "node-2"])
        #expect(board.host("2") == "node-2" && board.host("node-1") == "node-1")
        #expect(board.host("3") == nil && board.host("0") == nil && board.host("other") == nil)
    }
}

/// What the terminal shows.
@Suite struct ViewTests {
    @Test func durationsAreShortAndExact() {
        #expect(Elapsed.text(.milliseconds(7)) == "7 ms")
        #expect(Elapsed.text(.milliseconds(2_450)) == "2.4 s")
        #expect(Elapsed.text(.seconds(200)) == "3 min 20 s")
        #expect(Elapsed.text(.seconds(18_120)) == "5 h 2 min")
        #expect(Elapsed.text(.seconds(273_600)) == "3 d 4 h")
    }

    @Test func barsShowShares() {
        #expect(Bar((0, 4)).text == "░░░░░░░░ 0/4")
        #expect(Bar((2, 4)).text == "████░░░░ 2/4")
        #expect(Bar((9, 4)).text == "████████ 9/4")
        #expect(Bar((0, 0)).text == "░░░░░░░░ 0/0")
    }

    @Test func bytesHaveUnits() {
        #expect(Bytes.text(512) == "512 B")
        #expect(Bytes.text(3_565_158) == "3.4 MiB")
    }

    @Test func doctorsReportNamesRemediesAndEndsAccordingly() throws {
        let good = DoctorReport([.good("user", "root"), Doctor.memory(mebibytes: 512)])
        #expect(good.exitCode == 0)
        #expect(good.text.contains("! memory  512 MiB") && good.text.contains("→ give the machine 2 GiB or more"))
        let bad = DoctorReport(Doctor.programs { $0 != "libvirtd" })
        #expect(bad.exitCode == 1)
        #expect(bad.text.contains("✗ libvirt") && bad.text.contains("libvirt-daemon-driver-qemu"))
        #expect(bad.json["ready"]?.bool == false)
        #expect(bad.json["findings"]?.array?.count == Doctor.programs.count)
    }

    @Test func doctorNamesTheSwitchOfAnotherCloud() {
        func found(_ words: [String]...) -> DoctorReport {
            let running = words.map { Doctor.RunningSwitch(process: 7, command: ["ovs-vswitchd"] + $0) }
            return DoctorReport([Doctor.switches(running, own: "/var/lib/altostack")])
        }
        let own = ["unix:/var/lib/altostack/network/run/db.sock", "--unixctl=/x"]
        #expect(found().text.contains("✓ switch") && found(own).text.contains("this cloud's own"))
        let other = found(own, ["unix:/srv/second/network/run/db.sock"])
        #expect(other.exitCode == 0 && other.text.contains("→ it is another cloud's: altostack down --networks --data-dir /srv/second"))
        #expect(found(["unix:/var/run/openvswitch/db.sock"]).text.contains("systemctl disable --now openvswitch-switch"))
    }

    @Test func doctorLooksAtVolumesBackEnds() {
        let backends = [
            VolumeBackendSetting(name: "local", driver: .file), VolumeBackendSetting(name: "blocks", driver: .iscsi),
            VolumeBackendSetting(name: "far", driver: .nfs, options: ["path": "/mnt/far", "export": "host:/far"]),
            VolumeBackendSetting(name: "ceph", driver: .rbd, options: ["pool": "volumes"]),
        ]
        func findings(lacking: Set<String> = [], files: Bool = true, mounts: Bool = true) -> [DoctorFinding] {
            Doctor.volumes(backends, isInstalled: { !lacking.contains($0) }, isThere: { _ in files }, isMounted: { _ in mounts })
        }
        #expect(findings().allSatisfy { $0.standing == .good })
        #expect(findings(lacking: ["tgtd"]).map(\.standing) == [.good, .problem, .good, .good])
        #expect(findings(lacking: ["qemu-img"]).allSatisfy { $0.standing == .problem })
        #expect(findings(mounts: false)[2].remedy?.hasSuffix("mount -t nfs host:/far /mnt/far") == true)
        #expect(findings(files: false)[3].text == "there is no /etc/ceph/ceph.conf")
        #expect(Doctor.postgresTools(isWanted: false) { _ in false }.isEmpty)
        #expect(Doctor.postgresTools(isWanted: true) { $0 != "pg_dump" }.map(\.standing) == [.warning])
    }

    @Test func whatPostgresToolsSayIsTurnedIntoWhatToDo() {
        #expect(PostgresTools.reason("pg_restore", "error: relation \"images\" already exists").contains("is not empty"))
        #expect(PostgresTools.reason("pg_dump", "env: 'pg_dump': No such file or directory").contains("postgresql-client"))
        #expect(PostgresTools.reason("pg_dump", "no room") == "pg_dump: no room")
    }

    @Test func doctorTellsProcessorsApart() {
        let standings = VirtualisationProbe.Outcome.allCases.map { Doctor.processor($0) }
        #expect(standings.count { $0.standing == .good } == 1)
        for finding in standings where finding.standing != .good { #expect(finding.remedy != nil) }
        #expect(Doctor.processor(.noEmulator).standing == .problem)
    }

    @Test func doctorLooksAtRoomPortsAndPackets() {
        #expect(Doctor.kernel { _ in true }.standing == .good)
        #expect(Doctor.kernel { $0 == "tun" }.standing == .warning)
        #expect(Doctor.kernel { $0 != "tun" }.standing == .problem)
        #expect(Doctor.disk("/", freeBytes: 1 << 30).standing == .problem)
        #expect(Doctor.disk("/", freeBytes: 5 << 30).standing == .warning)
        #expect(Doctor.disk("/", freeBytes: 50 << 30).standing == .good)
        #expect(Doctor.port(9000, "the API", isFree: false, isOurs: false).standing == .problem)
        #expect(Doctor.port(9000, "the API", isFree: false, isOurs: true).standing == .good)
        #expect(Doctor.packets(wanted: 1500, interface: ("eth0", 1450)).remedy == "start with --set network.physical_mtu=1450")
        #expect(Doctor.packets(wanted: 1500, interface: ("eth0", 9000)).standing == .good)
    }

    @Test func rangesOfAddresses() {
        #expect(Demo.range(of: "172.24.4.1/24") == "172.24.4.0/24")
        #expect(Demo.range(of: "10.9.200.7/20") == "10.9.192.0/20")
        #expect(Demo.range(of: "10.9.200.7") == nil && Demo.range(of: "10.9.300.7/20") == nil)
    }
}

/// The program's own HTTP client.
@Suite struct HTTPCallTests {
    @Test func answersAreTakenApart() throws {
        let plain = try HTTPCall.parse(Array("HTTP/1.1 201 Created\r\nX-Subject-Token: abc\r\n\r\n{\"a\":1}".utf8), from: "here")
        #expect(plain.status == 201 && plain.headers["x-subject-token"] == "abc" && plain.json["a"]?.int == 1)
        let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6;x=y\r\n world\r\n0\r\n\r\n"
        #expect(try HTTPCall.parse(Array(chunked.utf8), from: "here").body == Array("hello world".utf8))
        #expect(throws: ProgramError.self) { try HTTPCall.parse(Array("hello".utf8), from: "here") }
        #expect(HTTPCall.isComplete(Array(chunked.utf8)) && !HTTPCall.isComplete(Array(chunked.utf8.dropLast())))
        let sized = "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello"
        #expect(HTTPCall.isComplete(Array(sized.utf8)) && !HTTPCall.isComplete(Array(sized.utf8.dropLast())))
        #expect(HTTPCall.isComplete(Array("HTTP/1.1 204 No Content\r\n\r\n".utf8)))
    }

    @Test func stepsAreReadAsTheLogGrows() throws {
        let directory = DataDirectory(FileManager.default.temporaryDirectory.appending(path: "altostack-steps-\(UUID().uuidString)").path)
        try directory.create()
        let log = try RotatingLog(folder: directory.logs, files: 2, fileSize: 4096)
        func end(_ steps: String, _ request: String, _ word: String = "done") {
            log.append("2026-01-01T00:00:00Z INFO altostack.workflow: \(word) request_id=\(request) steps=\(steps) workflow_name=compute.build")
        }
        end("early", "req-1")
        var trail = StepLog(directory: directory, requestID: "req-1")
        trail.readOn()
        #expect(trail.steps == ["early"])
        end("one,two", "req-1")
        end("foreign", "req-2")
        end("taken-back", "req-1", "undone")
        log.append(#"{"label":"altostack.workflow","message":"done","request_id":"req-1","steps":"three"}"#)
        trail.readOn()
        #expect(trail.steps == ["early", "one", "two", "three"])
        // A log that has been turned over is read from its beginning.
        for _ in 0..<60 { end("filler", "req-2") }
        trail.readOn()
        for _ in 0..<20 { end("filler", "req-2") }
        end("last", "req-1")
        trail.readOn()
        #expect(trail.steps.contains("last"))
    }

    @Test func clientFilesAreReadAsTheyAreWritten() throws {
        let directory = DataDirectory(FileManager.default.temporaryDirectory.appending(path: "altostack-rc-\(UUID().uuidString)").path)
        try directory.create()
        try ClientFiles(url: "http://127.0.0.1:9000", password: Secret("it's $HOME"), region: "RegionOne").write(directory)
        let variables = CloudClient.variables(try String(contentsOfFile: directory.openrc, encoding: .utf8))
        #expect(variables["OS_PASSWORD"] == "it's $HOME" && variables["OS_USERNAME"] == "admin")
    }
}

/// The log in the data folder.
@Suite struct RotatingLogTests {
    private func folder() -> String { FileManager.default.temporaryDirectory.appending(path: "altostack-log-\(UUID().uuidString)").path }

    @Test func fullFilesMakeRoomAndTheOldestGoes() throws {
        let folder = folder()
        let log = try RotatingLog(folder: folder, files: 3, fileSize: 64)
        for number in 0..<20 { log.append("line \(number) of the log, request req-\(number % 2)") }
        let files = LogFiles.inOrder(folder)
        #expect(files.count == 3 && files.last?.hasSuffix("/altostack.log") == true)
        let kept = LogFiles.lines(in: folder, holding: "line")
        #expect(kept.last == "line 19 of the log, request req-1")
        #expect(kept == kept.sorted { Int($0.split(separator: " ")[1]) ?? 0 < Int($1.split(separator: " ")[1]) ?? 0 })
        #expect(LogFiles.lines(in: folder, holding: "req-0").allSatisfy { $0.hasSuffix("req-0") })
        #expect(LogFiles.lines(in: folder, holding: "nothing").isEmpty)
    }

    @Test func aLogGoesOnWhereItWas() throws {
        let folder = folder()
        try RotatingLog(folder: folder, files: 2, fileSize: 1 << 20).append("first")
        try RotatingLog(folder: folder, files: 2, fileSize: 1 << 20).append("second")
        #expect(LogFiles.lines(in: folder, holding: "s") == ["first", "second"])
    }

    @Test func linesAreOrderedByTheirTime() {
        #expect(RequestTrail.time("2026-01-02T03:04:05.678901Z INFO x: y") == "2026-01-02T03:04:05.678901Z")
        #expect(RequestTrail.time(#"{"time":"2026-01-02T03:04:05.678901Z","level":"info"}"#) == "2026-01-02T03:04:05.678901Z")
    }
}

/// Backups, and what of them is refused.
@Suite struct BackupTests {
    private func cloud() async throws -> (DataDirectory, Settings) {
        let directory = DataDirectory(FileManager.default.temporaryDirectory.appending(path: "altostack-backup-\(UUID().uuidString)").path)
        try directory.create()
        let settings = try Settings.load(CloudSettingKeys.registry, sets: ["host.name=test-host"])
        let database = try StoreOpening.open(directory, settings)
        try await database.migrate(WorkflowSchema.migrations)
        await database.close()
        for (path, text) in [("images/data/one", "bytes"), ("images/cache/two", "cached"), ("identity/fernet-keys/0", "key"), ("lock", "")] {
            let file = URL(filePath: directory.file(path))
            try FileManager.default.createDirectory(at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
            try Data(text.utf8).write(to: file)
        }
        return (directory, settings)
    }

    @Test func aRestoredFolderHoldsWhatABackupKeeps() async throws {
        let (directory, settings) = try await cloud()
        let file = directory.path + ".backup", other = DataDirectory(directory.path + "-restored")
        _ = try await CloudBackup(directory: directory, settings: settings).write(to: file)
        #expect((try FileManager.default.attributesOfItem(atPath: file)[.posixPermissions] as? Int) == 0o600)
        _ = try await CloudRestore(directory: other, settings: settings).read(from: file)
        #expect(try FolderWalk.paths(in: other.path) == ["altostack.db", "identity/fernet-keys/0", "images/data/one"])
        #expect(try String(contentsOfFile: other.file("images/data/one"), encoding: .utf8) == "bytes")
        // Where there is a cloud, nothing is restored.
        await #expect(throws: ProgramError.self) { _ = try await CloudRestore(directory: other, settings: settings).read(from: file) }
        #expect(try FileManager.default.contentsOfDirectory(atPath: directory.path).allSatisfy { !$0.hasPrefix("backup.") })
    }

    @Test func aManifestHoldsFilesAgainstIt() {
        let database = BackupManifest.File(path: "altostack.db", size: 2, sha256: "aa")
        let manifest = BackupManifest(madeAt: .now, hostName: "a", isSimulated: true, store: .sqlite, files: [database])
        #expect(manifest.flaw(found: [database]) == nil)
        #expect(manifest.flaw(found: [])?.contains("missing") == true)
        #expect(manifest.flaw(found: [.init(path: "altostack.db", size: 3, sha256: "aa")])?.contains("bytes") == true)
        #expect(manifest.flaw(found: [.init(path: "altostack.db", size: 2, sha256: "bb")])?.contains("damaged") == true)
        #expect(manifest.flaw(found: [database, .init(path: "more", size: 0, sha256: "")])?.contains("belong") == true)
        var newer = manifest
        newer.format = BackupManifest.currentFormat + 1
        #expect(newer.flaw(found: [database])?.contains("newer") == true)
    }

    @Test func whatIsMadeAnewIsLeftOut() {
        for path in ["lock", "run.json", "altostack.db-wal", "network", "images/cache", "compute/libvirt", "compute/instances", "volumes/nfs", "log"] {
            #expect(CloudBackup.isLeftOut(path), "\(path)")
        }
        for path in ["images", "images/data/x", "identity/fernet-keys/0", "compute", "compute/simulated/h/x.json", "volumes/simulated/a", "backups/b", "policy/compute.yaml", "openrc"] {
            #expect(!CloudBackup.isLeftOut(path), "\(path)")
        }
    }
}

/// Documents that follow from the program.
@Suite struct DocumentTests {
    private let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

    @Test func configurationNamesEverySetting() throws {
        let written = try String(contentsOf: root.appending(path: "docs/CONFIGURATION.md"), encoding: .utf8)
        #expect(try SettingsDocument.markdown() == written, "run `make docs`")
    }
}
