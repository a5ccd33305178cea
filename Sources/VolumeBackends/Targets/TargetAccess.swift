import CloudCore
import CloudCrypto
import Foundation
import VolumeMessages

/// Disks that hosts reach by iSCSI: a target for each volume, with its disk as unit 1, and an account for each attachment.
actor TargetAccess: DiskAccess {
    nonisolated let names: (driver: String, storageProtocol: String)
    nonisolated let isDirect = false
    nonisolated let format: String? = "raw"
    private let daemon: TargetDaemon
    private let folder: String

    static let prefix = "iqn.2010-10.org.openstack:"
    private static let guardPrefix = "guard-"

    /// - Parameter folder: where the disks are.
    init(daemon: TargetDaemon, folder: String, driver: String) {
        (self.daemon, self.folder, names) = (daemon, folder, (driver, "iSCSI"))
    }

    // MARK: The back end's side

    /// Starts tgtd, or goes on with the one that runs, and gives it all targets.
    func start(_ granted: [GrantedAccess]) async throws {
        guard !folder.contains(",") else { throw VolumeFailure(.backendError, "The folder of iSCSI volumes must have no comma: \(folder)") }
        _ = try await daemon.ensure()
        try await converge(granted, removing: true)
    }

    /// A tgtd that ended is started again, and gets its targets back. Initiators try for so long.
    func maintain(_ granted: [GrantedAccess]) async throws {
        if try await daemon.ensure() { try await converge(granted, removing: false) }
    }

    func stop(_ granted: [GrantedAccess]) async {
        // Guests go on by it, and one that can't be reached needs no ending.
        if granted.isEmpty { try? await daemon.stop() }
    }

    /// The compute host's job writes into the folder itself: it has to be this host.
    nonisolated func reachesFolder(_ access: GrantedAccess) -> Bool { HostAddresses.isOwn(access.address) }

    /// Exports the disk, with this attachment beside the others of its volume.
    func grant(_ access: GrantedAccess, of granted: [GrantedAccess]) async throws -> VolumeConnection {
        if access.isCopy { return .file(path: folder + "/" + access.file, format: access.format) }
        try await maintain(granted)
        try await converge(granted.filter { $0.volumeName == access.volumeName }, removing: false)
        return .iscsi(
            portals: [daemon.portal], iqn: Self.target(of: access.volumeName), lun: 1, user: access.user, password: access.password)
    }

    /// Takes the attachment's account away with its session, and with the last one the target.
    func revoke(_ access: GrantedAccess, of granted: [GrantedAccess]) async throws {
        if access.isCopy { return }
        try await maintain(granted)
        let rest = granted.filter { $0.volumeName == access.volumeName && $0.id != access.id }
        guard let target = try await targets().first(where: { $0.name == Self.target(of: access.volumeName) }) else {
            return try await deleteAccount(access.user)
        }
        if rest.isEmpty { return try await remove(target) }
        // Another attachment of the same host keeps its session: which one is whose can't be told.
        if !rest.contains(where: { $0.address == access.address }) {
            try await withdraw(access.user, from: target)
            try await close(target.peers.filter { $0.address == access.address }, of: target)
        }
        try await converge(rest, removing: false)
    }

    /// tgtd sees a size only when it opens a file, and what a guest writes while it is closed would be lost: guests that have it open
    /// must be held.
    func checkGrowth(_ granted: [GrantedAccess], isHeld: Bool) async throws {
        guard !granted.isEmpty else { return }
        try await maintain(granted)
        guard !isHeld, try await exporting(granted).contains(where: { !$0.peers.isEmpty }) else { return }
        throw VolumeFailure(.openInGuest, "A volume that a guest reaches by iSCSI grows while the guest is held.")
    }

    private func exporting(_ granted: [GrantedAccess]) async throws -> [TargetState] {
        let names = Set(granted.map { Self.target(of: $0.volumeName) })
        return try await targets().filter { names.contains($0.name) }
    }

    /// Whether an initiator has a volume open.
    func isOpen(_ volumeName: String) async throws -> Bool {
        try await targets().contains { $0.name == Self.target(of: volumeName) && !$0.peers.isEmpty }
    }

    /// Has the file opened anew, in one request: no initiator finds its unit missing.
    func resized(_ granted: [GrantedAccess]) async throws {
        for target in try await exporting(granted) {
            guard let path = target.path else { continue }
            try await send(
                .init(mode: .device, operation: .update, target: target.number, lun: 1, parameters: "online=0,path=" + path))
        }
        try await converge(granted, removing: false)
    }

    // MARK: tgtd's side

    /// A volume's target. tgt takes letters, digits, colons, dots and hyphens.
    static func target(of volumeName: String) -> String {
        let isPlain = volumeName.utf8.count <= 100 && volumeName.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "-") }
        if isPlain { return prefix + volumeName }
        return prefix + "name." + Digest.of(volumeName, .sha256).map { String(format: "%02x", $0) }.joined()
    }

    /// Makes what is missing, and where `removing` takes away what nobody was granted.
    private func converge(_ granted: [GrantedAccess], removing: Bool) async throws {
        let granted = granted.filter { !$0.isCopy }
        var present = try await targets()
        let wanted = Dictionary(grouping: granted) { Self.target(of: $0.volumeName) }
        if removing {
            for target in present where target.name.hasPrefix(Self.prefix) && wanted[target.name] == nil {
                try await remove(target)
            }
        }
        for (name, accesses) in wanted.sorted(by: { $0.key < $1.key }) {
            let target: TargetState
            if let found = present.first(where: { $0.name == name }) {
                target = found
            } else {
                let used = Set(present.map(\.number))
                target = TargetState(number: (1...Int32.max).first { !used.contains($0) } ?? 1, name: name)
                try await send(.init(mode: .target, operation: .new, target: target.number, parameters: "targetname=" + name))
                present.append(target)
            }
            try await complete(target, for: accesses)
        }
    }

    private func complete(_ target: TargetState, for accesses: [GrantedAccess]) async throws {
        // Accounts come before addresses: a target without accounts asks nobody for a password, one without addresses admits nobody.
        // So the first account is one whose password nobody knows, which lasts as long as the target.
        if target.users.isEmpty {
            try await admit(Self.guardPrefix + Identifier.hex(), Base64URL.encode(RandomBytes.make(12)), to: target)
        }
        for access in accesses where !target.users.contains(access.user) { try await admit(access.user, access.password, to: target) }
        if let file = accesses.first?.file {
            let path = folder + "/" + file
            if let old = target.path, old != path {
                try await send(.init(mode: .device, operation: .delete, target: target.number, lun: 1), TargetError.missing)
            }
            if target.path != path {
                try await send(.init(mode: .device, operation: .new, target: target.number, lun: 1, parameters: "path=" + path))
                // What a guest discards becomes a hole of the file.
                try await send(.init(mode: .device, operation: .update, target: target.number, lun: 1, parameters: "thin_provisioning=1"))
            }
        }
        try await withdraw(allBut: Set(accesses.map(\.user)), from: target.name)
        let addresses = Set(accesses.flatMap { HostAddresses.initiators($0.address, portal: daemon.portal) })
        for address in addresses.subtracting(target.addresses).sorted() {
            try await bind(.bind, address, target, TargetError.existing)
        }
        for address in target.addresses.subtracting(addresses).sorted() { try await bind(.unbind, address, target, TargetError.missing) }
    }

    private func bind(
        _ operation: TargetRequest.Operation, _ address: String, _ target: TargetState, _ allowed: Set<UInt32>
    ) async throws {
        let parameters = "initiator-address=" + address
        try await send(.init(mode: .target, operation: operation, target: target.number, parameters: parameters), allowed)
    }

    private func admit(_ user: String, _ password: String, to target: TargetState) async throws {
        let account = "user=" + user
        try await send(.init(mode: .account, operation: .new, parameters: "\(account),password=\(password)"), TargetError.existing)
        try await send(.init(mode: .account, operation: .bind, target: target.number, parameters: account), TargetError.existing)
    }

    private func withdraw(allBut users: Set<String>, from name: String) async throws {
        while let target = try await targets().first(where: { $0.name == name }),
            let user = target.users.last(where: { !users.contains($0) && !$0.hasPrefix(Self.guardPrefix) })
        {
            try await withdraw(user, from: target)
        }
    }

    /// Takes an account from a target. tgtd ends when it shows a target that has a gap among its accounts: the last one fills it.
    private func withdraw(_ user: String, from target: TargetState) async throws {
        guard target.users.contains(user), let last = target.users.last else { return }
        for name in Set([user, last]) {
            try await send(
                .init(mode: .account, operation: .unbind, target: target.number, parameters: "user=" + name), TargetError.missing)
        }
        if last != user {
            try await send(
                .init(mode: .account, operation: .bind, target: target.number, parameters: "user=" + last), TargetError.existing)
        }
        try await deleteAccount(user)
    }

    private func deleteAccount(_ user: String) async throws {
        try await send(.init(mode: .account, operation: .delete, parameters: "user=" + user), TargetError.missing)
    }

    private func close(_ peers: [TargetState.Peer], of target: TargetState) async throws {
        for peer in peers {
            try await send(
                .init(
                    mode: .connection, operation: .delete, target: target.number, session: peer.session, connection: peer.connection),
                TargetError.missing)
        }
    }

    /// Removes a target: first who may come, so that a session that is closed doesn't come back.
    private func remove(_ target: TargetState) async throws {
        for address in target.addresses.sorted() { try await bind(.unbind, address, target, TargetError.missing) }
        try await close(target.peers, of: target)
        for attempt in 0..<100 {
            do {
                try await send(
                    .init(mode: .target, operation: .delete, target: target.number, force: attempt > 80), TargetError.missing)
                for user in target.users { try await deleteAccount(user) }
                return
            } catch let failure as VolumeFailure where failure.code == .busy {
                try await Task.sleep(for: .milliseconds(50))
            }
        }
        throw VolumeFailure(.busy, "The volume's export is in use.")
    }

    private func targets() async throws -> [TargetState] {
        TargetState.all(in: try await send(.init(mode: .target, operation: .show, target: -1)))
    }

    @discardableResult
    private func send(_ request: TargetRequest, _ allowed: Set<UInt32> = []) async throws -> String {
        let control = daemon.control
        return try await Blocking.run {
            do {
                return try control.send(request, allowing: allowed)
            } catch let error as TargetError {
                let code: VolumeFailureCode = TargetError.active.contains(error.code) ? .busy : .backendError
                throw VolumeFailure(code, "The iSCSI target refused what was asked of it.", cause: error)
            } catch let error as FileError {
                throw VolumeFailure(.backendError, "The iSCSI target doesn't answer.", cause: error)
            }
        }
    }
}
