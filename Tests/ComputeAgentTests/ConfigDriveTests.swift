import ComputeMessages
import Foundation
import HostCommands
import Testing

@testable import ComputeAgent

@Suite(.timeLimit(.minutes(2))) struct ConfigDriveTests {
    private let files = [
        ConfigDrive.File(path: "openstack/latest/meta_data.json", bytes: Data(#"{"uuid": "x"}"#.utf8)),
        ConfigDrive.File(path: "openstack/latest/user_data", bytes: Data(repeating: 35, count: 5000)),
        ConfigDrive.File(path: "openstack/2012-08-10/meta_data.json", bytes: Data("{}".utf8)),
        ConfigDrive.File(path: "ec2/latest/meta-data.json", bytes: Data()),
    ]

    /// Reads Joliet's side of an image as a kernel does: descriptor, root, folders.
    private func joliet(_ image: [UInt8]) -> (label: String, files: [String: [UInt8]]) {
        func number(_ offset: Int) -> Int { (0..<4).reduce(0) { $0 | Int(image[offset + $1]) << (8 * $1) } }
        func text(_ bytes: ArraySlice<UInt8>) -> String {
            let units = stride(from: bytes.startIndex, to: bytes.endIndex - 1, by: 2).map { UInt16(bytes[$0]) << 8 | UInt16(bytes[$0 + 1]) }
            return String(decoding: units, as: UTF16.self)
        }
        var found: [String: [UInt8]] = [:]
        func walk(_ extent: Int, _ size: Int, _ path: String) {
            var offset = extent * 2048
            while offset < extent * 2048 + size {
                let length = Int(image[offset])
                guard length > 0 else {
                    offset = (offset / 2048 + 1) * 2048
                    continue
                }
                let name = image[offset + 33..<offset + 33 + Int(image[offset + 32])]
                let (place, count) = (number(offset + 2), number(offset + 10))
                if name.count > 1 {
                    if image[offset + 25] & 2 != 0 { walk(place, count, path + text(name) + "/") } else {
                        found[path + text(name)] = Array(image[place * 2048..<place * 2048 + count])
                    }
                }
                offset += length
            }
        }
        let descriptor = 17 * 2048
        walk(number(descriptor + 156 + 2), number(descriptor + 156 + 10), "")
        return (text(image[descriptor + 40..<descriptor + 72]).trimmingCharacters(in: .whitespaces), found)
    }

    @Test func anISOImageHoldsTheFiles() throws {
        let image = try ConfigDriveImage.bytes(of: ConfigDrive(files: files))
        #expect(image.count.isMultiple(of: 2048))
        #expect(image[16 * 2048 + 1..<16 * 2048 + 6].elementsEqual("CD001".utf8))
        #expect(image[16 * 2048 + 40..<16 * 2048 + 48].elementsEqual("config-2".utf8))
        let read = joliet(image)
        #expect(read.label == "config-2")
        #expect(read.files == Dictionary(uniqueKeysWithValues: files.map { ($0.path, [UInt8]($0.bytes)) }))
    }

    @Test func aFullFolderGoesOverSectors() throws {
        let many = (0..<100).map { ConfigDrive.File(path: "content/file-number-\($0).bin", bytes: Data([UInt8($0)])) }
        let read = joliet(try ConfigDriveImage.bytes(of: ConfigDrive(files: many)))
        #expect(read.files.count == 100)
        #expect(read.files["content/file-number-42.bin"] == [42])
    }

    @Test func aFATImageHasItsLabelAndTheFirstFile() throws {
        let image = try ConfigDriveImage.bytes(of: ConfigDrive(files: files, format: .vfat))
        #expect(image[43..<54].elementsEqual("config-2   ".utf8))
        #expect(image[510..<512].elementsEqual([0x55, 0xaa]))
        #expect(Data(image).range(of: Data(#"{"uuid": "x"}"#.utf8)) != nil)
    }

    @Test(.enabled(if: programExists("fsck.fat"), "dosfstools are needed")) func aFATImageIsInOrder() async throws {
        let folder = try TemporaryFolder()
        let path = folder.path + "/drive"
        try FileSystem.write(try ConfigDriveImage.bytes(of: ConfigDrive(files: files, format: .vfat)), to: path)
        let outcome = try await Command(program: "fsck.fat", arguments: ["-n", path], deadline: .seconds(20)).run()
        #expect(outcome.status == 0, "\(outcome.output)")
    }

    @Test(arguments: ["../x", "/etc/x", "a//b", "", "a/./b", "a\u{0}b", String(repeating: "n", count: 65)])
    func pathsThatLeadElsewhereAreRefused(path: String) {
        #expect(throws: GuestFailure.self) {
            try ConfigDriveImage.bytes(of: ConfigDrive(files: [.init(path: path, bytes: Data())]))
        }
    }
}
