import CloudCore
import CloudSettings
import Foundation
import Testing

enum Driver: String, CaseIterable, SettingValue {
    case simulated, libvirt
}

/// One setting of every kind.
enum Keys {
    static let rounds = SettingKey("identity.password_hash_rounds", default: 12, in: 4...31, "The cost of bcrypt.")
    static let attempts = SettingKey(
        "identity.security_compliance.lockout_failure_attempts", default: Int?.none, in: 1...100, "Failures before a lockout.")
    static let lockout = SettingKey(
        "identity.security_compliance.lockout_duration", default: Duration.seconds(1_800), in: Duration.zero ... .seconds(86_400), "Seconds.")
    static let debug = SettingKey("log.debug", default: false, "Whether to log everything.")
    static let ratio = SettingKey("compute.ram_ratio", default: 1.5, "RAM sold for RAM had.")
    static let driver = SettingKey("compute.driver", default: Driver.libvirt, "What runs guests.")
    static let region = SettingKey("cloud.region", default: "RegionOne", "The region's name.") { $0.isEmpty ? "must not be empty" : nil }
    static let servers = SettingKey("network.dns_servers", default: [String](), "Resolvers.")
    static let bridges = SettingKey("network.bridges", default: [String: String](), "Bridges by physical network.")
    static let password = SettingKey("database.password", default: Secret(""), "The database's password.")
    static let key = SettingKey("metadata.shared_key", default: "initial", "A key.", isSecret: true) {
        $0.count < 3 ? "must have three letters at least" : nil
    }
    static let all: [any SettingDeclaration] = [
        rounds, attempts, lockout, debug, ratio, driver, region, servers, bridges, password, key,
    ]
}

private func load(
    _ file: String? = nil, environment: [String: String] = [:], sets: [String] = [], flags: [SettingFlag] = []
) throws(SettingsError) -> Settings {
    try Settings.load(
        SettingsRegistry(Keys.all), file: file.map { SettingsFile(name: "altostack.yaml", text: $0) },
        environment: environment, sets: sets, flags: flags)
}

@Suite struct SettingsTests {
    @Test func `nothing set means the defaults`() throws {
        let settings = try load()
        #expect(settings[Keys.rounds] == 12 && settings[Keys.attempts] == nil && settings[Keys.lockout] == .seconds(1_800))
        #expect(!settings[Keys.debug] && settings[Keys.ratio] == 1.5 && settings[Keys.driver] == .libvirt)
        #expect(settings[Keys.region] == "RegionOne" && settings[Keys.servers].isEmpty && settings[Keys.bridges].isEmpty)
        #expect(settings.effective.allSatisfy { $0.source == .builtIn })
        #expect(settings.effective.map(\.key) == Keys.all.map(\.path).sorted())
    }

    @Test func `a file sets every kind`() throws {
        let settings = try load(
            """
            # The cloud of the tests.
            identity:
              password_hash_rounds: 4
              security_compliance: {lockout_failure_attempts: 5, lockout_duration: 0.5}
            log.debug: yes
            compute:
              ram_ratio: 2
              driver: simulated
            cloud:
              region: 0123
            network:
              dns_servers: [192.0.2.1, "192.0.2.2"]
              bridges:
                physnet1: br-ex
                physnet2: br-two
            database:
              password: "hunter2"
            """)
        #expect(settings[Keys.rounds] == 4 && settings[Keys.attempts] == 5 && settings[Keys.lockout] == .milliseconds(500))
        #expect(settings[Keys.debug] && settings[Keys.ratio] == 2 && settings[Keys.driver] == .simulated)
        #expect(settings[Keys.region] == "0123")
        #expect(settings[Keys.servers] == ["192.0.2.1", "192.0.2.2"])
        #expect(settings[Keys.bridges] == ["physnet1": "br-ex", "physnet2": "br-two"])
        #expect(settings[Keys.password].reveal() == "hunter2")
    }

    @Test func `variables and the command line set every kind`() throws {
        let settings = try load(
            environment: [
                "ALTOSTACK_IDENTITY__PASSWORD_HASH_ROUNDS": "5", "ALTOSTACK_LOG__DEBUG": "1",
                "ALTOSTACK_NETWORK__DNS_SERVERS": "192.0.2.1, 192.0.2.2",
                "ALTOSTACK_IDENTITY__SECURITY_COMPLIANCE__LOCKOUT_FAILURE_ATTEMPTS": "7",
            ],
            sets: ["network.bridges=physnet1=br-ex,physnet2=br-two", "cloud.region=a=b", "identity.security_compliance.lockout_duration=60"],
            flags: [SettingFlag("--simulate", path: "compute.driver", value: "simulated")])
        #expect(settings[Keys.rounds] == 5 && settings[Keys.debug] && settings[Keys.attempts] == 7)
        #expect(settings[Keys.servers] == ["192.0.2.1", "192.0.2.2"])
        #expect(settings[Keys.bridges] == ["physnet1": "br-ex", "physnet2": "br-two"])
        #expect(settings[Keys.region] == "a=b" && settings[Keys.lockout] == .seconds(60) && settings[Keys.driver] == .simulated)
    }

    @Test func `a later source wins`() throws {
        let file = "identity:\n  password_hash_rounds: 5\n"
        let environment = ["ALTOSTACK_IDENTITY__PASSWORD_HASH_ROUNDS": "6"]
        let sets = ["identity.password_hash_rounds=7", "identity.password_hash_rounds=8"]
        let flags = [SettingFlag("--rounds", path: "identity.password_hash_rounds", value: "9")]
        func check(_ settings: Settings, _ value: Int, _ source: SettingSource) {
            #expect(settings[Keys.rounds] == value)
            #expect(settings.effective.first { $0.key == Keys.rounds.path }?.source == source)
        }
        check(try load(file), 5, .file("altostack.yaml", line: 2))
        check(try load(file, environment: environment), 6, .environment("ALTOSTACK_IDENTITY__PASSWORD_HASH_ROUNDS"))
        check(try load(file, environment: environment, sets: sets), 8, .set)
        check(try load(file, environment: environment, sets: sets, flags: flags), 9, .flag("--rounds"))
    }

    @Test func `nothing can be set to nothing where that is a value`() throws {
        let path = Keys.attempts.path
        #expect(try load("identity:\n  security_compliance:\n    lockout_failure_attempts:\n", sets: ["\(path)=3"])[Keys.attempts] == 3)
        #expect(try load("\(path): 4", sets: ["\(path)="])[Keys.attempts] == nil)
        #expect(try load("\(path): null")[Keys.attempts] == nil)
    }

    @Test(arguments: ["", "# nothing", "identity:\n", "identity:\n  security_compliance:\n", "---\n{}"])
    func `empty sections change nothing`(file: String) throws {
        #expect(try load(file).effective.allSatisfy { $0.source == .builtIn })
    }

    @Test func `other programs' variables are left alone`() throws {
        let environment = ["HOME": "/root", "ALTOSTACK_ADMIN_PASSWORD": "x", "OTHER__THING": "y", "PATH": ""]
        #expect(try load(environment: environment).effective.allSatisfy { $0.source == .builtIn })
    }

    @Test func `secrets are not shown`() throws {
        let settings = try load("database: {password: hunter2}", sets: ["metadata.shared_key=hunter3"])
        let shown = Dictionary(uniqueKeysWithValues: settings.effective.map { ($0.key, $0.value) })
        #expect(shown["database.password"] == "***" && shown["metadata.shared_key"] == "***")
        #expect(!"\(settings.effective)".contains("hunter"))
        #expect(Keys.key.defaultText == "***" && Keys.password.defaultText == "***")
        let error = #expect(throws: SettingsError.self) { try load(sets: ["metadata.shared_key=h2", "hunter4"]) }
        #expect(error?.problems == [
            "--set: metadata.shared_key: must have three letters at least", "--set: KEY=VALUE expected",
        ])
    }

    @Test func `the effective settings can be set again`() throws {
        let first = try load(
            "network: {dns_servers: [192.0.2.1, 192.0.2.2], bridges: {b: '2', a: '1'}}\nidentity.security_compliance.lockout_duration: 1.5")
        let shown = first.effective.filter { $0.value != "***" }
        let second = try load(sets: shown.map { "\($0.key)=\($0.value)" })
        #expect(second.effective.map(\.value) == first.effective.map(\.value))
        #expect(shown.first { $0.key == "network.bridges" }?.value == "a=1,b=2")
        #expect(shown.first { $0.key == "identity.security_compliance.lockout_duration" }?.value == "1.5")
    }
}

@Suite struct SettingsErrorTests {
    @Test(arguments: [
        ("identity:\n  password_hash_round: 4", "altostack.yaml:2: identity.password_hash_round: there is no such setting; is identity.password_hash_rounds meant?"),
        ("identiti:\n  password_hash_rounds: 4", "altostack.yaml:1: identiti: there is no such setting; is identity meant?"),
        ("\nquite.different.thing: 4", "altostack.yaml:2: quite.different.thing: there is no such setting"),
        ("identity:\n  password_hash_rounds: many", "altostack.yaml:2: identity.password_hash_rounds: \"many\": a whole number expected"),
        ("identity:\n  password_hash_rounds: \"4\"", "altostack.yaml:2: identity.password_hash_rounds: \"4\": a whole number expected"),
        ("identity:\n  password_hash_rounds: 4.5", "\"4.5\": a whole number expected"),
        ("identity:\n  password_hash_rounds: 3", "\"3\": must lie between 4 and 31"),
        ("identity:\n  password_hash_rounds:\n", "identity.password_hash_rounds: a whole number expected"),
        ("identity:\n  password_hash_rounds: [4]", "identity.password_hash_rounds: a whole number expected"),
        ("identity.security_compliance.lockout_failure_attempts: 0", "\"0\": must lie between 1 and 100"),
        ("identity.security_compliance.lockout_failure_attempts: x", "\"x\": a whole number, or nothing expected"),
        ("identity.security_compliance.lockout_duration: -1", "\"-1\": a number of seconds expected"),
        ("identity.security_compliance.lockout_duration: 90000", "must lie between 0 and 86400"),
        ("identity.security_compliance.lockout_duration: 1h", "\"1h\": a number of seconds expected"),
        ("log: {debug: maybe}", "log.debug: \"maybe\": true or false expected"),
        ("log: {debug: \"true\"}", "log.debug: \"true\": true or false expected"),
        ("compute: {driver: xen}", "compute.driver: \"xen\": one of simulated, libvirt expected"),
        ("compute: {ram_ratio: nan}", "a number expected"),
        ("compute: {ram_ratio: inf}", "a number expected"),
        ("compute: {ram_ratio: 0x10}", "a number expected"),
        ("cloud: {region: \"\"}", "cloud.region: \"\": must not be empty"),
        ("cloud: {region: [a]}", "cloud.region: a text expected"),
        ("network: {dns_servers: {a: b}}", "network.dns_servers: a list of texts expected"),
        ("network: {dns_servers: [[a]]}", "a list of texts expected"),
        ("network: {bridges: [a]}", "network.bridges: a mapping of names to texts expected"),
        ("network: {bridges: {a: [b]}}", "a mapping of names to texts expected"),
        ("network: {bridges: noequals}", "\"noequals\": a mapping of names to texts expected"),
        ("database: {password: [hunter2]}", "database.password: a text expected"),
        ("identity: 5", "altostack.yaml:1: identity: a section, not a setting"),
        ("identity: [1]", "a section, not a setting"),
        ("- a", "altostack.yaml:1: sections with settings expected"),
        ("text", "altostack.yaml:1: sections with settings expected"),
        ("a: [", "altostack.yaml:"),
        ("log: {debug: true}\nlog: {debug: false}", "set twice"),
        ("log: {debug: true}\nlog.debug: false", "altostack.yaml:2: log.debug: set twice, first in line 1"),
        ("[a]: b", "altostack.yaml:1: a name expected"),
    ])
    func `a wrong file says where`(file: String, message: String) {
        let error = #expect(throws: SettingsError.self) { try load(file) }
        #expect(error?.description.contains(message) == true, "\(error?.description ?? "")")
        #expect(error?.description.contains("hunter") == false)
    }

    @Test(arguments: [
        (["ALTOSTACK_IDENTITY__PASSWORD_HASH_ROUND": "4"], "ALTOSTACK_IDENTITY__PASSWORD_HASH_ROUND: there is no such setting; is ALTOSTACK_IDENTITY__PASSWORD_HASH_ROUNDS meant?"),
        (["ALTOSTACK_LOG__DEBUG": ""], "ALTOSTACK_LOG__DEBUG: log.debug: \"\": true or false expected"),
    ])
    func `a wrong variable is named`(environment: [String: String], message: String) {
        let error = #expect(throws: SettingsError.self) { try load(environment: environment) }
        #expect(error?.description == message)
    }

    @Test(arguments: [
        ("identity.password_hash_rounds", "--set: KEY=VALUE expected"),
        ("=4", "--set: KEY=VALUE expected"),
        ("identity.rounds=4", "--set: identity.rounds: there is no such setting"),
        ("identity=4", "--set: identity: there is no such setting"),
        ("log.debug=perhaps", "--set: log.debug: \"perhaps\": true or false expected"),
    ])
    func `a wrong argument is named`(argument: String, message: String) {
        let error = #expect(throws: SettingsError.self) { try load(sets: [argument]) }
        #expect(error?.description.hasPrefix(message) == true, "\(error?.description ?? "")")
    }

    @Test func `every problem is reported at once`() {
        let error = #expect(throws: SettingsError.self) {
            try load(
                "log: {debug: x}\ncompute: {ram_ratio: y}", environment: ["ALTOSTACK_CLOUD__REGION": ""], sets: ["a.b=c"],
                flags: [SettingFlag("--simulate", path: "compute.driver", value: "none")])
        }
        #expect(error?.problems.count == 5)
        #expect(error?.problems.last == "--simulate: compute.driver: \"none\": one of simulated, libvirt expected")
    }

    @Test func `a file is read from disk`() throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "settings-" + Identifier.hex())
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let path = folder.appending(path: "altostack.yaml").path()
        try "log: {debug: true}".write(toFile: path, atomically: true, encoding: .utf8)
        let settings = try Settings.load(SettingsRegistry(Keys.all), file: try SettingsFile(path: path))
        #expect(settings[Keys.debug])
        #expect(settings.effective.first { $0.key == "log.debug" }?.source.description == path + ":1")

        let missing = folder.appending(path: "missing.yaml").path()
        let error = #expect(throws: SettingsError.self) { try SettingsFile(path: missing) }
        #expect(error?.description.hasPrefix("\(missing): cannot be read") == true)
    }

    @Test func `a file too large is refused`() {
        let error = #expect(throws: SettingsError.self) { try load(String(repeating: "# padding\n", count: SettingsFile.maximumSize / 10 + 1)) }
        #expect(error?.description.contains("larger than") == true)
    }
}

@Suite struct SettingsRegistryTests {
    @Test func `a path has a variable`() {
        #expect(SettingsRegistry.variable(for: Keys.rounds.path) == "ALTOSTACK_IDENTITY__PASSWORD_HASH_ROUNDS")
    }

    @Test func `declarations are kept in order of their paths`() {
        #expect(SettingsRegistry(Keys.all).paths == Keys.all.map(\.path).sorted())
        #expect(Keys.rounds.kind == "a whole number" && Keys.rounds.defaultText == "12" && Keys.lockout.defaultText == "1800")
    }

    @Test func `a path declared twice stops the program`() async {
        await #expect(processExitsWith: .failure) {
            _ = SettingsRegistry([SettingKey("a.b", default: 1, ""), SettingKey("a.b", default: 2, "")])
        }
    }

    @Test func `a setting that is a section stops the program`() async {
        await #expect(processExitsWith: .failure) {
            _ = SettingsRegistry([SettingKey("a.b", default: 1, ""), SettingKey("a.b.c", default: 2, "")])
        }
    }

    @Test(arguments: ["plain", "a.B", "a..b", ".a", "a.", "a.b__c", "a.b_", "a.1b", "a.b c", "a.ü"])
    func `a malformed path stops the program`(path: String) async {
        await #expect(processExitsWith: .failure) { [path] in
            _ = SettingsRegistry([SettingKey(path, default: 1, "")])
        }
    }
}
