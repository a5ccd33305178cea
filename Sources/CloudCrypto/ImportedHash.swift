internal import CCrypt
internal import COpenSSL
import CloudCore
import Foundation

/// Hashes in the formats that Keystone writes and the system's libcrypt does not read, for rows brought over from one:
/// `$bcrypt-sha256$`, `$pbkdf2-sha512$` and `$scrypt$` (keystone/common/password_hashers). None is ever written here.
enum ImportedHash {
    /// Whether a password has this hash; nil when the hash is in none of these formats. Blocks for as long as the
    /// hash's cost says, which is bounded.
    static func matches(_ password: Secret<String>, _ hash: String) -> Bool? {
        let parts = hash.split(separator: "$", omittingEmptySubsequences: false).map(String.init)
        guard parts.count == 5, parts[0].isEmpty else { return nil }
        let (parameters, salt, digest) = (parts[2], parts[3], parts[4])
        return switch parts[1] {
        case "bcrypt-sha256": bcryptSHA256(password, parameters, salt, digest)
        case "pbkdf2-sha512": pbkdf2(password, rounds: Int32(parameters), salt, digest)
        case "scrypt": scrypt(password, parameters, salt, digest)
        default: nil
        }
    }

    /// bcrypt of the password's HMAC-SHA-256 under the salt, which has no limit of 72 bytes.
    private static func bcryptSHA256(_ password: Secret<String>, _ parameters: String, _ salt: String, _ digest: String) -> Bool {
        let values = self.values(parameters)
        guard values["v"] == "2", let kind = values["t"], let rounds = values["r"].flatMap({ Int($0) }),
            PasswordHasher.supportedRounds.contains(rounds), salt.utf8.count == 22
        else { return false }
        let code = MessageAuthentication.code(.sha256, key: Array(salt.utf8), message: Array(password.reveal().utf8))
        let setting = "$\(kind)$\(rounds < 10 ? "0" : "")\(rounds)$\(salt)"
        guard let computed = PasswordHasher.crypt(Secret(Data(code).base64EncodedString()), setting) else { return false }
        // The salt's last character has spare bits, which libcrypt may write in another way.
        return digest.utf8.count == 31 && ConstantTime.equal(String(computed.suffix(31)), digest)
    }

    private static func pbkdf2(_ password: Secret<String>, rounds: Int32?, _ salt: String, _ digest: String) -> Bool {
        guard let rounds, (1...10_000_000).contains(rounds), let salt = bytes(salt), let digest = bytes(digest),
            digest.count == Digest.Algorithm.sha512.byteCount
        else { return false }
        var key = [UInt8](repeating: 0, count: digest.count)
        let text = Array(password.reveal().utf8).map { CChar(bitPattern: $0) }
        let isMade = PKCS5_PBKDF2_HMAC(
            text, Int32(text.count), salt, Int32(salt.count), rounds, EVP_sha512(), Int32(key.count), &key)
        return isMade == 1 && ConstantTime.equal(key, digest)
    }

    private static func scrypt(_ password: Secret<String>, _ parameters: String, _ salt: String, _ digest: String) -> Bool {
        let values = self.values(parameters)
        func number(_ name: String, _ range: ClosedRange<UInt64>) -> UInt64? {
            values[name].flatMap { UInt64($0) }.flatMap { range.contains($0) ? $0 : nil }
        }
        guard let cost = number("ln", 1...20), let block = number("r", 1...32), let parallelism = number("p", 1...16),
            let salt = bytes(salt), let digest = bytes(digest), digest.count == 32
        else { return false }
        let memory = (UInt64(128) * block << cost) + UInt64(128) * block * parallelism + 1 << 20
        var key = [UInt8](repeating: 0, count: digest.count)
        let text = Array(password.reveal().utf8).map { CChar(bitPattern: $0) }
        let isMade = EVP_PBE_scrypt(
            text, text.count, salt, salt.count, 1 << cost, block, parallelism, memory, &key, key.count)
        return isMade == 1 && ConstantTime.equal(key, digest)
    }

    /// `a=1,b=2` as a dictionary.
    private static func values(_ parameters: String) -> [String: String] {
        var values: [String: String] = [:]
        for pair in parameters.split(separator: ",") {
            guard let equals = pair.firstIndex(of: "=") else { continue }
            values[String(pair[..<equals])] = String(pair[pair.index(after: equals)...])
        }
        return values
    }

    /// Base64 without padding, with `.` for `+`, as passlib writes it.
    private static func bytes(_ text: String) -> [UInt8]? {
        let padding = String(repeating: "=", count: (4 - text.utf8.count % 4) % 4)
        return Data(base64Encoded: text.replacing(".", with: "+") + padding).map { Array($0) }
    }
}
