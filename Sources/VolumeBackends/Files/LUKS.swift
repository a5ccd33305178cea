import Foundation
import VolumeMessages

/// The LUKS format, version 1, as far as it has to be known beside qemu-img.
enum LUKS {
    /// qemu-img's options for a new header.
    /// - Throws: `VolumeFailure` with `unsupported` for a cipher that QEMU hasn't got.
    static func options(_ encryption: VolumeEncryption, secret: String) throws -> String {
        // The passphrase is a random key: deriving it slowly would protect nothing.
        var options = ["key-secret=\(secret)", "iter-time=50"]
        guard let cipher = encryption.cipher else { return options.joined(separator: ",") }
        let parts = cipher.split(separator: "-").map(String.init)
        guard parts.count == 3, ["aes", "serpent", "twofish"].contains(parts[0]), ["xts", "cbc", "ctr"].contains(parts[1]) else {
            throw VolumeFailure(.unsupported, "Volumes can't be encrypted by the cipher \(cipher).")
        }
        // XTS takes two keys, and the bits are those of both.
        let bits = (encryption.keyBits ?? 256) / (parts[1] == "xts" ? 2 : 1)
        guard [128, 192, 256].contains(bits) else {
            throw VolumeFailure(.unsupported, "The cipher \(cipher) takes no key of \(encryption.keyBits ?? 256) bits.")
        }
        let initial = parts[2].split(separator: ":").map(String.init)
        options += ["cipher-alg=\(parts[0])-\(bits)", "cipher-mode=\(parts[1])", "ivgen-alg=\(initial[0])"]
        if initial.count == 2 { options.append("ivgen-hash-alg=\(initial[1])") }
        return options.joined(separator: ",")
    }

    /// How many bytes lie before the encrypted disk (LUKS On-Disk Format Specification 1.2.3, section 2.1).
    /// - Returns: nil for bytes that are no LUKS header.
    static func payloadOffset(_ header: [UInt8]) -> Int64? {
        guard header.count >= 108, header.starts(with: [0x4c, 0x55, 0x4b, 0x53, 0xba, 0xbe, 0, 1]) else { return nil }
        return header[104..<108].reduce(Int64(0)) { $0 << 8 | Int64($1) } * 512
    }

    /// The same for a file.
    static func payloadOffset(of path: String) throws -> Int64? {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw FileError(operation: "open \(path)", code: errno) }
        defer { close(descriptor) }
        return payloadOffset(try Files.read(108, at: 0, from: descriptor, path))
    }
}
