import CloudCore
import ComputeMessages
import Testing

@testable import Compute

/// What create requests say of disks.
struct BlockDeviceTests {
    private static let image = "aaaaaaaa-2222-4333-8444-555555555555"
    private static let flavor = Flavor(
        id: "1", name: "tiny", vcpus: 1, memoryMiB: 512, diskGiB: 1, ephemeralGiB: 4, swapMiB: 512, rxtxFactor: 1, isPublic: true,
        isDisabled: false, description: nil, extraSpecs: [:])
    private static let root: JSON = [
        "source_type": "image", "destination_type": "local", "boot_index": 0, "uuid": .string(image),
    ]

    private func check(_ devices: [JSON], image: String? = image, count: Int = 1) throws -> BlockDevices {
        var server: JSONObject = ["block_device_mapping_v2": .array(devices)]
        if let image { server["imageRef"] = .string(image) }
        let disks = try BlockDevices(.object(server))
        try disks.check(Self.flavor, count: count)
        return disks
    }

    @Test func blankDisksComeFromTheFlavorsLimits() throws {
        let disks = try check([
            Self.root, ["source_type": "blank", "destination_type": "local", "boot_index": -1, "volume_size": 3],
            ["source_type": "blank", "destination_type": "local", "guest_format": "swap", "volume_size": 256],
        ])
        #expect(disks.ephemeralGiB(Self.flavor) == 3)
        #expect(disks.swapMiB(Self.flavor) == 256)
        let several = try check([
            Self.root, ["source_type": "blank", "destination_type": "local", "boot_index": -1, "volume_size": 3, "guest_format": "ext3"],
            ["source_type": "blank", "destination_type": "local", "boot_index": -1, "volume_size": 1],
        ])
        #expect(several.ephemerals(Self.flavor) == [EphemeralDisk(sizeGiB: 3, format: "ext3"), EphemeralDisk(sizeGiB: 1)])
        #expect(several.ephemeralGiB(Self.flavor) == 4)
        let plain = try BlockDevices(["imageRef": .string(Self.image)])
        try plain.check(Self.flavor, count: 5)
        #expect(plain.ephemeralGiB(Self.flavor) == 4)
        #expect(plain.ephemerals(Self.flavor) == nil)
        #expect(plain.root?.sourceID == Self.image)
    }

    @Test(arguments: [
        // No boot device, and a gap in the order.
        [["source_type": "blank", "destination_type": "local", "volume_size": 1]],
        [root, ["source_type": "blank", "destination_type": "local", "boot_index": 2]],
        // More than the flavor has.
        [root, ["source_type": "blank", "destination_type": "local", "volume_size": 5]],
        [root, ["source_type": "blank", "destination_type": "local", "guest_format": "swap", "volume_size": 1024]],
        // Contradictions.
        [root, ["source_type": "blank", "uuid": "x", "destination_type": "local"]],
        [root, ["source_type": "volume", "destination_type": "volume"]],
        [root, ["source_type": "image", "destination_type": "local", "uuid": "x", "boot_index": 1]],
        [["source_type": "image", "destination_type": "volume", "uuid": "x", "boot_index": 0]],
        [["source_type": "blank", "destination_type": "volume", "boot_index": 0]],
        [root, ["source_type": "blank", "destination_type": "local", "volume_type": "fast"]],
        [root, ["source_type": "blank", "destination_type": "local", "disk_bus": "pigeon"]],
    ] as [[JSON]])
    func refusesWhatDoesNotGoTogether(devices: [JSON]) {
        #expect(throws: ComputeError.self) { try check(devices) }
    }

    @Test func volumesBelongToOneServer() {
        let volume: JSON = ["source_type": "volume", "destination_type": "volume", "uuid": "v", "boot_index": 0]
        #expect(throws: Never.self) { try check([volume], image: nil) }
        #expect(throws: ComputeError.self) { try check([volume], image: nil, count: 2) }
    }

    @Test func oneWayOfDescribingDisksIsEnough() {
        #expect(throws: ComputeError.self) {
            try BlockDevices([
                "imageRef": .string(Self.image), "block_device_mapping": [["device_name": "vdb", "volume_id": "v"]],
                "block_device_mapping_v2": [Self.root],
            ])
        }
        #expect(throws: ComputeError.self) { try BlockDevices([:]) }
    }

    @Test func olderRequestsBootFromTheRootDevice() throws {
        let disks = try BlockDevices(["block_device_mapping": [["device_name": "/dev/vda", "volume_id": "v"]]])
        #expect(disks.root?.source == .volume)
        let beside = try BlockDevices([
            "imageRef": .string(Self.image), "block_device_mapping": [["device_name": "vdb", "volume_id": "v"]],
        ])
        #expect(beside.root?.source == .image)
    }
}
