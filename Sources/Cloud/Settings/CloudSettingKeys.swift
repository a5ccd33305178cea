import CloudCore
import CloudSettings
import CloudTelemetry
import Foundation
import Identity

/// Every setting of the program, declared once. Modules never see these: the composition root turns them into the
/// plain options that each module takes.
public enum CloudSettingKeys {
    // MARK: API

    static let publicURL = SettingKey<String?>(
        "api.public_url", default: nil, "The address that clients reach this cloud at, if it is not the one they ask for.")
    static let bodyLimit = SettingKey(
        "api.body_limit", default: 1_048_576, in: 1024...1_073_741_824, "The largest JSON body in bytes.")
    static let logLevel = SettingKey<LogLevel>("log.level", default: .info, "The least severe log line that is written.")
    static let logFormat = SettingKey<LogFormat>("log.format", default: .text, "How log lines are written: text or json.")
    static let accessLog = SettingKey("log.access", default: true, "Whether each request is logged in a line.")

    // MARK: Store

    static let database = SettingKey<Secret<String>?>(
        "store.database", default: nil,
        "The database: nothing for the embedded one, or a PostgreSQL connection string.")

    // MARK: Identity

    static let passwordHashRounds = SettingKey(
        "identity.password_hash_rounds", default: 12, in: 4...31, "bcrypt's cost for passwords: each step doubles the work.")
    static let tokenLifetime = SettingKey<Duration>(
        "identity.token_lifetime", default: .seconds(3600), in: .seconds(60)...(.seconds(86400 * 365)),
        "How long a token is valid, in seconds.")
    static let maximumActiveKeys = SettingKey(
        "identity.max_active_keys", default: 3, in: 2...100, "How many token keys are kept through rotations.")
    static let lockoutFailureAttempts = SettingKey<Int?>(
        "identity.security_compliance.lockout_failure_attempts", default: nil, in: 1...1000,
        "After how many failed logins in a row a user is locked out; nothing for never.")
    static let lockoutDuration = SettingKey<Duration>(
        "identity.security_compliance.lockout_duration", default: .seconds(1800), in: .seconds(1)...(.seconds(31_536_000)),
        "How long a user stays locked out, in seconds.")
    static let uniqueLastPasswordCount = SettingKey(
        "identity.security_compliance.unique_last_password_count", default: 0, in: 0...24,
        "How many of a user's last passwords may not be used again; 0 for any.")
    static let passwordExpiresDays = SettingKey<Int?>(
        "identity.security_compliance.password_expires_days", default: nil, in: 1...36_500,
        "After how many days a new password must be changed; nothing for never.")
    static let minimumPasswordAge = SettingKey(
        "identity.security_compliance.minimum_password_age", default: 0, in: 0...36_500,
        "How many days users must keep a password they chose; 0 for none.")
    static let passwordRegex = SettingKey<String?>(
        "identity.security_compliance.password_regex", default: nil,
        "A regular expression that new passwords must match; nothing for any password."
    ) { $0.map { (try? NSRegularExpression(pattern: $0)) == nil ? "must be a regular expression" : nil } ?? nil }
    static let passwordRegexDescription = SettingKey<String?>(
        "identity.security_compliance.password_regex_description", default: nil,
        "The regular expression in words, for users whose password does not match.")
    static let changePasswordUponFirstUse = SettingKey(
        "identity.security_compliance.change_password_upon_first_use", default: false,
        "Whether users must change a password that an administrator gave them before they can log in.")
    static let disableUserAccountDaysInactive = SettingKey<Int?>(
        "identity.security_compliance.disable_user_account_days_inactive", default: nil, in: 1...36_500,
        "After how many days without a login a user counts as disabled; nothing for never.")
    static let enforcementModel = SettingKey<EnforcementModel>(
        "identity.enforcement_model", default: .flat,
        "How unified limits depend on the project hierarchy: flat, or strict_two_level.")
    static let returnAllEndpoints = SettingKey(
        "identity.endpoint_filter.return_all_endpoints_if_no_filter", default: true,
        "Whether a project for which no endpoints are chosen sees all of them, or none.")
    static let region = SettingKey("identity.region", default: "RegionOne", "The region that the first start makes.")

    // MARK: Networking

    static let tenantNetworkType = SettingKey(
        "network.tenant_network_type", default: "geneve", "What carries projects' own networks.")
    static let externalBridge = SettingKey(
        "network.external_bridge", default: "br-ex", "The bridge of the physical network `public`; made if it is not there."
    ) { $0.utf8.count <= 15 && !$0.isEmpty ? nil : "must have 1 to 15 characters" }
    static let externalAddress = SettingKey<String?>(
        "network.external_address", default: "172.24.4.1/24",
        "The address this host takes on the external bridge, so that it reaches floating IPs; nothing for none.")
    static let physicalMTU = SettingKey(
        "network.physical_mtu", default: 1500, in: 576...65535, "The largest packet of the physical networks, in bytes.")
    static let resyncInterval = SettingKey<Duration>(
        "network.resync_interval", default: .seconds(300), in: .seconds(5)...(.seconds(86400)),
        "How often the whole data plane is compared with the tables, in seconds.")

    // MARK: Compute

    static let hostName = SettingKey<String?>("host.name", default: nil, "This host's name; the system's when nothing is set.")
    static let acceleration = SettingKey<GuestAcceleration>(
        "compute.acceleration", default: .automatic,
        "How guests run: kvm, emulation, or automatic, which tries KVM with a tiny guest first.")
    static let libvirtURI = SettingKey<String?>(
        "compute.libvirt_uri", default: nil, "The libvirt to use; nothing for one of the program's own.")
    static let cpuAllocationRatio = SettingKey(
        "compute.cpu_allocation_ratio", default: 4.0, in: 0.1...64, "How many times a host's processors may be given away.")
    static let memoryAllocationRatio = SettingKey(
        "compute.ram_allocation_ratio", default: 1.0, in: 0.1...16, "How many times a host's memory may be given away.")
    static let reservedHostMemory = SettingKey(
        "compute.reserved_host_memory_mb", default: 512, in: 0...1_048_576, "Memory in MiB that a host keeps for itself.")
    static let reclaimInterval = SettingKey<Duration>(
        "compute.reclaim_instance_interval", default: .zero, in: .zero...(.seconds(365 * 24 * 3600)),
        "How long the deletion of a server can be taken back, in seconds; 0 deletes at once.")
    static let quotaInstances = SettingKey("quota.instances", default: 10, in: -1...1_000_000, "Servers of a project; -1 for any number.")
    static let quotaCores = SettingKey("quota.cores", default: 20, in: -1...10_000_000, "Processors of a project's servers; -1 for any number.")
    static let quotaRAM = SettingKey("quota.ram", default: 51200, in: -1...1_000_000_000, "Memory of a project's servers in MiB; -1 for any amount.")

    // MARK: Simulation

    static let simulatedHosts = SettingKey("simulation.hosts", default: 1, in: 0...10_000, "How many compute hosts are simulated.")
    static let simulatedLatency = SettingKey<Duration>(
        "simulation.latency", default: .zero, in: .zero...(.seconds(600)),
        "How long simulated hosts take for each thing they do, in seconds.")

    /// All of them.
    public static let registry = SettingsRegistry([
        publicURL, bodyLimit, logLevel, logFormat, accessLog, database, passwordHashRounds, tokenLifetime,
        maximumActiveKeys, lockoutFailureAttempts, lockoutDuration, uniqueLastPasswordCount, passwordExpiresDays,
        minimumPasswordAge, passwordRegex, passwordRegexDescription, changePasswordUponFirstUse,
        disableUserAccountDaysInactive, enforcementModel, returnAllEndpoints, region, tenantNetworkType,
        externalBridge, externalAddress, physicalMTU, resyncInterval, hostName, acceleration, libvirtURI,
        cpuAllocationRatio, memoryAllocationRatio, reservedHostMemory, reclaimInterval, quotaInstances, quotaCores, quotaRAM, simulatedHosts,
        simulatedLatency,
    ] + TokenSettingKeys.all + DataPlaneSettingKeys.all + PlacementSettingKeys.all + ImageSettingKeys.all + ImageImportSettingKeys.all
        + SchedulerSettingKeys.all
        + VolumeSettingKeys.all
        + VolumeBackendSettingKeys.all
        + AuditSettingKeys.all
        + ImageLimitSettingKeys.all + QuotaSettingKeys.all + ConsoleSettingKeys.all + MoveSettingKeys.all + HostResourceSettingKeys.all + VendorDataSettingKey.all + SimulationSettingKeys.all + LogSettingKeys.all + federation)
}

/// The severities of log lines.
enum LogLevel: String, SettingValue, CaseIterable { case trace, debug, info, notice, warning, error, critical }

/// How guests run.
enum GuestAcceleration: String, SettingValue, CaseIterable { case automatic, kvm, emulation }

extension LogFormat: SettingValue {}

extension EnforcementModel: SettingValue {}
