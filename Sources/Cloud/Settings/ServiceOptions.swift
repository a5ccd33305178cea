import CloudSettings
import Compute
import Foundation
import Identity
import Networking

/// Each service's plain options, from the settings.
struct ServiceOptions {
    let settings: Settings
    let directory: DataDirectory
    let simulate: Bool

    /// The name of this host.
    var hostName: String { settings[CloudSettingKeys.hostName] ?? ProcessInfo.processInfo.hostName }

    var identity: IdentityOptions {
        var options = IdentityOptions(keyDirectory: directory.tokenKeys)
        options.passwordHashRounds = passwordHashRounds
        options.tokenLifetime = settings[CloudSettingKeys.tokenLifetime]
        options.maximumActiveKeys = settings[CloudSettingKeys.maximumActiveKeys]
        options.securityCompliance = securityCompliance
        options.federation = federation
        options.enforcementModel = settings[CloudSettingKeys.enforcementModel]
        options.returnsAllEndpointsWithoutFilter = settings[CloudSettingKeys.returnAllEndpoints]
        options.signingKeyDirectory = directory.signingKeys
        TokenSettingKeys.apply(settings, to: &options)
        return options
    }

    /// A simulated cloud holds nobody's secrets and shall be ready at once, so it hashes cheaply unless somebody says otherwise.
    private var passwordHashRounds: Int {
        let key = CloudSettingKeys.passwordHashRounds
        let isChosen = settings.effective.contains { $0.key == key.path && $0.source != .builtIn }
        return simulate && !isChosen ? 4 : settings[key]
    }

    private var securityCompliance: IdentityOptions.SecurityCompliance {
        var rules = IdentityOptions.SecurityCompliance()
        rules.lockoutFailureAttempts = settings[CloudSettingKeys.lockoutFailureAttempts]
        rules.lockoutDuration = settings[CloudSettingKeys.lockoutDuration]
        rules.uniqueLastPasswordCount = settings[CloudSettingKeys.uniqueLastPasswordCount]
        rules.passwordExpiresDays = settings[CloudSettingKeys.passwordExpiresDays]
        rules.minimumPasswordAge = settings[CloudSettingKeys.minimumPasswordAge]
        rules.passwordRegex = settings[CloudSettingKeys.passwordRegex]
        rules.passwordRegexDescription = settings[CloudSettingKeys.passwordRegexDescription]
        rules.changePasswordUponFirstUse = settings[CloudSettingKeys.changePasswordUponFirstUse]
        rules.disableUserAccountDaysInactive = settings[CloudSettingKeys.disableUserAccountDaysInactive]
        return rules
    }

    var networking: NetworkingOptions {
        var options = NetworkingOptions()
        options.tenantNetworkType = settings[CloudSettingKeys.tenantNetworkType]
        DataPlaneSettingKeys.apply(settings, to: &options)
        options.physicalMTU = settings[CloudSettingKeys.physicalMTU]
        options.resyncInterval = settings[CloudSettingKeys.resyncInterval]
        options.pathMTU = settings[DataPlaneSettingKeys.pathMTU]
        options.physicalNetworks = [PhysicalNetwork(label: Self.publicNetwork, vlans: 1...4094)]
        return options
    }

    /// The label of the physical network that the external bridge is on.
    static let publicNetwork = "public"

    var compute: ComputeOptions {
        var options = ComputeOptions()
        options.cpuAllocationRatio = settings[CloudSettingKeys.cpuAllocationRatio]
        options.memoryAllocationRatio = settings[CloudSettingKeys.memoryAllocationRatio]
        options.reservedHostMemoryMiB = settings[CloudSettingKeys.reservedHostMemory]
        options.reclaimInterval = settings[CloudSettingKeys.reclaimInterval]
        options.quota.instances = settings[CloudSettingKeys.quotaInstances]
        options.quota.cores = settings[CloudSettingKeys.quotaCores]
        options.quota.ram = settings[CloudSettingKeys.quotaRAM]
        QuotaSettingKeys.apply(settings, to: &options)
        MoveSettingKeys.apply(settings, to: &options)
        HostResourceSettingKeys.apply(settings, to: &options)
        VendorDataSettingKey.apply(settings, to: &options)
        AuditSettingKeys.apply(settings, to: &options)
        options.controllerHostName = hostName
        SchedulerSettingKeys.apply(settings, to: &options.scheduler)
        return options
    }
}
