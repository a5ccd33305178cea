import CloudCore
import ComputeMessages
import Foundation
import FoundationXML
import Testing

@testable import ComputeAgent

/// Volumes that are reached over the network, in libvirt's words, and what unlocks them.
struct VolumeDevicesTests {
    private static let key = "QVFBbG9uZ0tleQ=="
    private static let volumeID = "00000000-0000-4000-8000-000000000001"

    private func xml(_ volume: GuestVolume) throws -> (text: String, document: XMLDocument) {
        let root = RootDisk(imageID: Identifier.uuid(), format: "raw", checksum: nil, sizeGiB: 1)
        var guest = specification(root: root)
        guest.volumes = [volume]
        let disks = GuestDisks(root: .init(path: "/data/disk", format: "qcow2"), console: "/data/console.log")
        let definition = GuestDefinition(guest: guest, disks: disks, interfaces: [])
        let text = try DomainXML(definition, host: DomainXML.Host(hasKVM: false, hasDirectIO: true)).text
        return (text, try XMLDocument(xmlString: text))
    }

    private func values(_ path: String, _ document: XMLDocument) throws -> [String] {
        try document.nodes(forXPath: path).compactMap(\.stringValue)
    }

    @Test func anRBDImageIsANetworkDiskWithASecretByName() throws {
        let volume = GuestVolume(
            id: Self.volumeID,
            connection: .rbd(pool: "volumes", image: "volume-1", monitors: ["192.0.2.1:6789", "[2001:db8::1]:3300"], user: "cinder", secret: Self.key))
        let (text, document) = try xml(volume)
        #expect(try values("//disk[2]/@type", document) == ["network"])
        #expect(try values("//disk[2]/source/@name", document) == ["volumes/volume-1"])
        #expect(try values("//disk[2]/source/host/@name", document) == ["192.0.2.1", "2001:db8::1"])
        #expect(try values("//disk[2]/source/host/@port", document) == ["6789", "3300"])
        #expect(try values("//disk[2]/source/auth/@username", document) == ["cinder"])
        #expect(try values("//disk[2]/source/auth/secret/@type", document) == ["ceph"])
        #expect(try values("//disk[2]/serial", document) == [Self.volumeID])
        #expect(!text.contains(Self.key))
    }

    @Test func anISCSIUnitIsReachedByTheHypervisorItself() throws {
        let volume = GuestVolume(
            id: Self.volumeID,
            connection: .iscsi(portals: ["192.0.2.1:3260"], iqn: "iqn.2010-10.org.openstack:v", lun: 1, user: "u", password: "chap-word"),
            isShared: true, encryption: .init(passphrase: "luks-word"))
        let (text, document) = try xml(volume)
        #expect(try values("//disk[2]/source/@protocol", document) == ["iscsi"])
        #expect(try values("//disk[2]/source/@name", document) == ["iqn.2010-10.org.openstack:v/1"])
        #expect(try values("//disk[2]/source/encryption/@format", document) == ["luks"])
        #expect(try values("//disk[2]/source/encryption/secret/@type", document) == ["passphrase"])
        #expect(try values("//disk[2]/shareable", document).count == 1)
        #expect(try values("//disk[2]/driver/@cache", document) == ["none"])
        for word in ["chap-word", "luks-word"] { #expect(!text.contains(word)) }
    }

    @Test func anNFSFileIsReachedByTheHypervisorItself() throws {
        let volume = GuestVolume(id: Self.volumeID, connection: .nfs(export: "192.0.2.1:/export", name: "volume-1", format: "qcow2"))
        let (_, document) = try xml(volume)
        #expect(try values("//disk[2]/source/@name", document) == ["/export/volume-1"])
        #expect(try values("//disk[2]/source/host/@name", document) == ["192.0.2.1"])
        #expect(try values("//disk[2]/driver/@type", document) == ["qcow2"])
    }

    @Test func secretsAreNamedByGuestAndVolume() throws {
        let volume = GuestVolume(
            id: Self.volumeID, connection: .rbd(pool: "p", image: "i", monitors: ["h:1"], user: "u", secret: Self.key),
            encryption: .init(passphrase: "luks-word"))
        let secrets = try VolumeSecret.all(volume, of: "g")
        #expect(secrets.map(\.usage) == ["altostack:g:\(Self.volumeID):ceph", "altostack:g:\(Self.volumeID):volume"])
        #expect(secrets.allSatisfy { $0.usage.hasPrefix(VolumeSecret.prefix(guest: "g", volume: Self.volumeID)) })
        #expect(secrets.first?.bytes == Array("AQAlongKey".utf8))
        #expect(secrets.last?.bytes == Array("luks-word".utf8))
        #expect(secrets.last?.markup.text.contains("luks-word") == false)
    }

    @Test func whatIsKeptOfAGuestUnlocksNothing() throws {
        var guest = specification(root: RootDisk(imageID: Identifier.uuid(), format: "raw", checksum: nil, sizeGiB: 1))
        guest.volumes = [
            GuestVolume(
                id: Self.volumeID, connection: .iscsi(portals: ["h:1"], iqn: "i", lun: 0, user: "u", password: "chap-word"),
                encryption: .init(passphrase: "luks-word"))
        ]
        let kept = String(decoding: try JSONEncoder().encode(guest.withoutSecrets), as: UTF8.self)
        for word in ["chap-word", "luks-word"] { #expect(!kept.contains(word)) }
        #expect(!"\(guest)".contains("luks-word"))
    }
}
