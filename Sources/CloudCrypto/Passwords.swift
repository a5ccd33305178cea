internal import CCrypt
import CloudCore
import Foundation

/// What can go wrong while hashing.
public enum CryptoError: Error, Sendable, Equatable {
    /// Too much work waits already: the caller should answer 503.
    case overloaded
    /// The text cannot be a password: it contains a NUL character, which would cut it short.
    case unusablePassword
    /// The system's libcrypt refused the setting.
    case unavailable(String)
}

/// Hashes and checks passwords with bcrypt (`$2b$`), on threads of its own: a login costs a processor a quarter of
/// a second on purpose, and must not cost other requests anything.
public final class PasswordHasher: Sendable {
    /// The cost as a power of two that upstream uses by default.
    public static let defaultRounds = 12
    /// The costs bcrypt has.
    public static let supportedRounds = 4...31
    /// bcrypt looks at no more bytes of a password than this.
    public static let significantBytes = 72

    /// The cost of new hashes as a power of two.
    public let rounds: Int
    private let pool: WorkerPool
    /// A hash of nothing anyone knows, at the cost of real ones.
    private let decoy: String

    /// A hasher.
    /// - Parameters:
    ///   - rounds: the cost of new hashes as a power of two, 4 to 31.
    ///   - threads: how many hash at once; by default all processors but one.
    ///   - waiting: how many more may wait before callers are refused.
    /// - Throws: `CryptoError.unavailable` when libcrypt lacks bcrypt.
    public init(rounds: Int = defaultRounds, threads: Int? = nil, waiting: Int = 64) throws(CryptoError) {
        self.rounds = min(max(rounds, Self.supportedRounds.lowerBound), Self.supportedRounds.upperBound)
        let salt = try Self.setting(rounds: self.rounds)
        // A text of the right form that no password hashes to with any likelihood: checking it takes the full cost.
        decoy = salt + Base64URL.encode(RandomBytes.make(24)).prefix(31).replacing("-", with: ".").replacing("_", with: "/")
        let spare = max(1, ProcessInfo.processInfo.activeProcessorCount - 1)
        pool = WorkerPool(name: "passwords", threads: threads ?? spare, limit: waiting)
    }

    /// A password's hash under a new salt. Bytes beyond the 72nd do not count.
    /// - Throws: `CryptoError`; `CancellationError`.
    public func hash(_ password: Secret<String>) async throws -> String {
        guard !password.reveal().utf8.contains(0) else { throw CryptoError.unusablePassword }
        let setting = try Self.setting(rounds: rounds)
        guard let hash = try await pool.run({ Self.crypt(password, setting) }) else {
            throw CryptoError.unavailable("libcrypt does not hash with the setting \(setting)")
        }
        return hash
    }

    /// Whether a password has this hash. Also understands other formats of the system's libcrypt, such as
    /// `$2a$`, `$2y$`, `$6$` and `$y$`, and the other ones of Keystone's.
    /// - Throws: `CryptoError.overloaded`; `CancellationError`.
    public func verify(_ password: Secret<String>, against hash: String) async throws -> Bool {
        let isEqual = try await pool.run {
            ImportedHash.matches(password, hash) ?? Self.crypt(password, hash).map { ConstantTime.equal($0, hash) } ?? false
        }
        return isEqual && !password.reveal().utf8.contains(0)
    }

    /// Takes as long as a check that fails, where there is no hash to check: whoever measures must not learn which
    /// users exist.
    /// - Throws: as `verify`.
    public func pretend(_ password: Secret<String>) async throws {
        _ = try await pool.run { Self.crypt(password, self.decoy) }
    }

    /// Whether a hash was made in another way than new ones are, so that a login should renew it.
    public func isOutdated(_ hash: String) -> Bool {
        !hash.hasPrefix("$2b$\(rounds < 10 ? "0" : "")\(rounds)$")
    }

    private static func setting(rounds: Int) throws(CryptoError) -> String {
        let random = RandomBytes.make(16).map { CChar(bitPattern: $0) }
        var output = [CChar](repeating: 0, count: Int(CRYPT_GENSALT_OUTPUT_SIZE))
        guard crypt_gensalt_rn("$2b$", UInt(rounds), random, Int32(random.count), &output, Int32(output.count)) != nil else {
            throw .unavailable("libcrypt does not offer bcrypt")
        }
        return text(output)
    }

    /// libcrypt's answer; nil when it does not know the setting.
    static func crypt(_ password: Secret<String>, _ setting: String) -> String? {
        var work = crypt_data()
        let size = Int32(MemoryLayout<crypt_data>.size)
        guard let result = crypt_rn(truncated(password.reveal()), setting, &work, size) else { return nil }
        return String(cString: result)
    }

    /// The part of a password that counts, as a C string. Cut by bytes, as every other bcrypt does it.
    private static func truncated(_ password: String) -> [CChar] {
        password.utf8.prefix(significantBytes).map { CChar(bitPattern: $0) } + [0]
    }

    private static func text(_ characters: [CChar]) -> String {
        String(decoding: characters.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}
