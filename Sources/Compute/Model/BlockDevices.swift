import CloudCore
import ComputeMessages

/// A disk that a create request wants beside, or in place of, the one made from its image.
struct BlockDevice: Sendable, Hashable {
    /// What it is made of.
    enum Source: String, Sendable, Codable { case volume, image, snapshot, blank }
    /// What it is on the host: a file of its own, or a volume.
    enum Destination: String, Sendable { case local, volume }

    var source: Source
    var destination: Destination
    /// The volume, image or snapshot; nil for a blank disk.
    var sourceID: String?
    /// Its place in the boot order; nil or negative when it is not booted from.
    var bootIndex: Int?
    var sizeGiB: Int?
    var guestFormat: String?
    var diskBus: String?
    var deviceName: String?
    var tag: String?
    var volumeType: String?
    /// Whether the volume goes with the server.
    var deletesOnTermination = false

    var isSwap: Bool { source == .blank && destination == .local && guestFormat == "swap" }
    var isEphemeral: Bool { source == .blank && destination == .local && guestFormat != "swap" }
    var isRoot: Bool { bootIndex == 0 }
}

extension BlockDevice {
    /// A device as `block_device_mapping_v2` describes it; nil for one that is to be left out (`no_device`).
    /// - Throws: 400 for members that contradict each other (nova.block_device.BlockDeviceDict.from_api).
    init?(_ json: JSON, namesImage: Bool) throws {
        if let none = json["no_device"], !none.isNull, none.bool != false, none.string != "" { return nil }
        // Sources may be named by members of their own as well.
        let named = Source.allNamed.first { json["\($0.rawValue)_id"]?.string != nil }
        guard let source = json["source_type"]?.string.flatMap(Source.init) ?? named else {
            throw Self.invalid("Invalid source_type field.")
        }
        let id = json["uuid"]?.string ?? named.flatMap { json["\($0.rawValue)_id"]?.string }
        if source == .blank {
            guard id == nil else { throw Self.invalid("Invalid device UUID.") }
        } else if id == nil {
            throw Self.invalid("Missing device UUID.")
        }
        let index = json.lenientInt("boot_index")
        let destination = json["destination_type"]?.string.flatMap(Destination.init)
        if source == .image, destination == .local, !(namesImage && index == 0) {
            throw Self.invalid("Mapping image to local is not supported.")
        }
        let type = json["volume_type"]?.string
        if type != nil, destination == .local {
            throw Self.invalid("Specifying a volume_type with destination_type=local is not supported.")
        }
        if type != nil, source == .volume { throw Self.invalid("Specifying volume type to existing volume is not supported.") }
        if let name = json["device_name"]?.string, name.contains(" ") { throw Self.invalid("Device name contains spaces.") }
        self.init(
            source: source, destination: destination ?? (source == .blank ? .local : .volume), sourceID: id, bootIndex: index,
            sizeGiB: json.lenientInt("volume_size"), guestFormat: json["guest_format"]?.string,
            diskBus: json["disk_bus"]?.string, deviceName: json["device_name"]?.string, tag: json["tag"]?.string, volumeType: type,
            deletesOnTermination: json.lenientBool("delete_on_termination") ?? false)
    }

    /// A device as the older `block_device_mapping` describes it; nil for one that is to be left out.
    init?(legacy json: JSON) throws {
        let (name, size) = (json["device_name"]?.string, json.lenientInt("volume_size"))
        let virtual = json["virtual_name"]?.string
        if let virtual, virtual == "swap" || virtual.hasPrefix("ephemeral") {
            self.init(
                source: .blank, destination: .local, sizeGiB: size, guestFormat: virtual == "swap" ? "swap" : nil, deviceName: name)
        } else if let id = json["snapshot_id"]?.string {
            self.init(
                source: .snapshot, destination: .volume, sourceID: id, bootIndex: -1, sizeGiB: size, deviceName: name,
                deletesOnTermination: json.lenientBool("delete_on_termination") ?? false)
        } else if let id = json["volume_id"]?.string {
            self.init(
                source: .volume, destination: .volume, sourceID: id, bootIndex: -1, sizeGiB: size, deviceName: name,
                deletesOnTermination: json.lenientBool("delete_on_termination") ?? false)
        } else if let none = json["no_device"], !none.isNull {
            return nil
        } else {
            throw Self.invalid("Unrecognized legacy format.")
        }
    }

    static func invalid(_ details: String) -> ComputeError { .badRequest("Block Device Mapping is Invalid: \(details)") }
}

extension BlockDevice.Source {
    /// The sources that members of their own can name.
    fileprivate static let allNamed: [Self] = [.volume, .snapshot, .image]
}

/// The disks of a server that is to be.
struct BlockDevices: Sendable, Hashable {
    var devices: [BlockDevice] = []
    /// The image the request names; nil for none.
    var imageID: String?

    /// The name of the root disk's device without `/dev/`.
    static let rootDeviceName = "vda"
    private static let diskBuses: Set = ["fdc", "ide", "sata", "scsi", "usb", "virtio", "xen", "lxc", "uml"]

    /// The disk that is booted from.
    var root: BlockDevice? { devices.first(where: \.isRoot) }

    /// What the request says.
    /// - Throws: 400.
    init(_ server: JSON) throws {
        imageID = server["imageRef"]?.string.flatMap { $0.isEmpty ? nil : $0 }
        let (legacy, current) = (server["block_device_mapping"]?.array ?? [], server["block_device_mapping_v2"]?.array ?? [])
        guard legacy.isEmpty || current.isEmpty else {
            throw ComputeError.badRequest("Using different block_device_mapping syntaxes is not allowed in the same request.")
        }
        if current.isEmpty {
            devices = try legacy.compactMap { try BlockDevice(legacy: $0) }
            chooseRoot()
        } else {
            let namesImage = imageID != nil
            devices = try current.compactMap { try BlockDevice($0, namesImage: namesImage) }
        }
        guard imageID != nil || !legacy.isEmpty || !current.isEmpty else {
            throw ComputeError.badRequest("Missing imageRef attribute")
        }
    }

    /// Adds the devices that the image itself says its servers have (`block_device_mapping`, as images made of servers on volumes
    /// say); what the request says of a device of the same name counts.
    mutating func add(definedBy properties: [String: String]) throws {
        guard let text = properties["block_device_mapping"], let list = (try? JSON(parsing: text))?.array, !list.isEmpty else { return }
        let isCurrent = properties["bdm_v2"].flatMap(LenientBoolean.parse) ?? false
        let defined = try list.compactMap { try isCurrent ? BlockDevice($0, namesImage: true) : BlockDevice(legacy: $0) }
        if defined.contains(where: \.isRoot) { devices.removeAll { $0.isRoot && $0.source == .image } }
        let named = Set(devices.compactMap { Self.plain($0.deviceName) })
        devices = defined.filter { device in Self.plain(device.deviceName).map { !named.contains($0) } ?? true } + devices
    }

    /// Older requests don't say what is booted from: what is named as the root device is, else the image.
    private mutating func chooseRoot() {
        let named = devices.firstIndex { $0.source != .blank && Self.plain($0.deviceName) == Self.rootDeviceName }
        if let named {
            devices[named].bootIndex = 0
        } else if let imageID {
            devices.insert(BlockDevice(source: .image, destination: .local, sourceID: imageID, bootIndex: 0), at: 0)
        }
    }

    private static func plain(_ deviceName: String?) -> String? {
        deviceName.map { $0.hasPrefix("/dev/") ? String($0.dropFirst(5)) : $0 }
    }

    /// The further disks on the host that the request names one by one; nil for the flavor's. One without a size has the flavor's.
    func ephemerals(_ flavor: Flavor) -> [EphemeralDisk]? {
        let asked = devices.filter(\.isEphemeral)
        guard !asked.isEmpty else { return nil }
        return asked.map { device in
            let size = device.sizeGiB.flatMap { $0 > 0 ? $0 : nil } ?? flavor.ephemeralGiB
            return EphemeralDisk(sizeGiB: size, format: device.guestFormat.flatMap { $0.isEmpty ? nil : $0 })
        }.filter { $0.sizeGiB > 0 }
    }

    /// The size in GiB of the further disks: what the request asks for, else the flavor's.
    func ephemeralGiB(_ flavor: Flavor) -> Int { ephemerals(flavor)?.reduce(0) { $0 + $1.sizeGiB } ?? flavor.ephemeralGiB }

    /// The size in MiB of swap: what the request asks for, else the flavor's.
    func swapMiB(_ flavor: Flavor) -> Int { devices.first(where: \.isSwap).map { $0.sizeGiB ?? 0 } ?? flavor.swapMiB }

    /// - Throws: 400 when the devices don't go together or the flavor does not allow them (nova.compute.api's _validate_bdm).
    func check(_ flavor: Flavor, count: Int) throws {
        let isTaken = devices.contains { device in
            device.destination == .volume && Self.plain(device.deviceName) == Self.rootDeviceName && !device.isRoot
        }
        if imageID != nil, isTaken {
            throw ComputeError.badRequest("The volume cannot be assigned the same device name as the root device \(Self.rootDeviceName)")
        }
        guard count == 1 || !devices.contains(where: { $0.source == .volume }) else {
            throw ComputeError.badRequest("Cannot attach one or more volumes to multiple instances")
        }
        let order = devices.compactMap(\.bootIndex).filter { $0 >= 0 }.sorted()
        guard !order.isEmpty, order == Array(0..<order.count) else {
            throw BlockDevice.invalid("Boot sequence for the instance and image/block device mapping combination is not valid.")
        }
        for device in devices {
            if let bus = device.diskBus, !Self.diskBuses.contains(bus) {
                throw ComputeError.badRequest("Block Device Mapping is invalid: The provided disk bus \(bus) is not valid.")
            }
            try checkSize(device)
        }
        guard devices.isEmpty || ephemeralGiB(flavor) <= flavor.ephemeralGiB else {
            throw ComputeError.badRequest(
                "Ephemeral disks requested are larger than the instance type allows. If no size is given in one block device "
                    + "mapping, flavor ephemeral size will be used.")
        }
        guard devices.filter(\.isSwap).count <= 1 else { throw BlockDevice.invalid("More than one swap drive requested.") }
        guard swapMiB(flavor) <= flavor.swapMiB else {
            throw ComputeError.badRequest("Swap drive requested is larger than instance type allows.")
        }
        guard devices.filter({ $0.destination == .local }).count <= 3 else {
            throw BlockDevice.invalid("You specified more local devices than the limit allows")
        }
    }

    private func checkSize(_ device: BlockDevice) throws {
        guard device.destination == .volume, device.sizeGiB == nil || device.sizeGiB == 0 else { return }
        switch device.source {
        case .image:
            throw ComputeError.badRequest("Images with destination_type 'volume' need to have a non-zero size specified")
        case .blank:
            throw ComputeError.badRequest("Blank volumes (source: 'blank', dest: 'volume') need to have non-zero size")
        case .volume, .snapshot: break
        }
    }
}
