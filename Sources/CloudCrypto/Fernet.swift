import CloudCore
internal import COpenSSL

/// Authenticated, dated encryption as the Fernet specification (version 0x80) has it: AES-128-CBC under a random
/// initialisation vector, then HMAC-SHA256 over everything. Several keys may be in use: the first encrypts, all
/// decrypt, so that keys can be rotated without a token becoming invalid.
/// Source: https://github.com/fernet/spec/blob/master/Spec.md
public struct Fernet: Sendable {
    /// 32 bytes: the first half authenticates, the second encrypts.
    public struct Key: Sendable, Hashable {
        fileprivate let secret: Secret<[UInt8]>

        /// A new random key.
        public init() { secret = Secret(RandomBytes.make(32)) }

        /// A key from its text, 32 bytes in URL-safe base64; nil for anything else.
        public init?(text: String) {
            guard let bytes = Base64URL.decode(text), bytes.count == 32 else { return nil }
            secret = Secret(bytes)
        }

        /// The key's text, as key files hold it.
        public var text: Secret<String> { Secret(Base64URL.encode(secret.reveal(), padding: true)) }

        fileprivate var authentication: ArraySlice<UInt8> { secret.reveal().prefix(16) }
        fileprivate var encryption: ArraySlice<UInt8> { secret.reveal().suffix(16) }
    }

    /// What a token said, and when it was made.
    public struct Opened: Sendable, Hashable {
        /// What was encrypted.
        public let payload: [UInt8]
        /// When, to the second.
        public let createdAt: Timestamp
    }

    private static let version: UInt8 = 0x80
    private static let blockSize = 16
    private static let headSize = 1 + 8 + blockSize
    private static let codeSize = 32
    /// No token of ours is nearly as long; longer texts are not worth decoding.
    public static let longestToken = 16 * 1024

    private let keys: [Key]

    /// The keys in use, the one that encrypts first. With none, nothing opens and sealing is a programming error.
    public init(keys: [Key]) { self.keys = keys }

    /// Encrypts under the first key.
    public func seal(_ payload: [UInt8], at moment: Timestamp = .now) -> Secret<String> {
        seal(payload, at: moment, vector: RandomBytes.make(Self.blockSize))
    }

    func seal(_ payload: [UInt8], at moment: Timestamp, vector: [UInt8]) -> Secret<String> {
        precondition(!keys.isEmpty, "Fernet needs a key to seal")
        var token = [Self.version]
        for shift in stride(from: 56, through: 0, by: -8) { token.append(UInt8(truncatingIfNeeded: moment.seconds >> shift)) }
        token += vector
        token += Self.cipher(payload, key: keys[0].encryption, vector: vector, encrypt: true) ?? []
        token += MessageAuthentication.code(.sha256, key: keys[0].authentication, message: token)
        return Secret(Base64URL.encode(token, padding: true))
    }

    /// Decrypts with whichever key made the token; nil when none did or the token was altered. How old a token may
    /// be is for the caller to say.
    /// - Parameter longest: the length in bytes beyond which a text is not looked at.
    public func open(_ token: String, longest: Int = longestToken) -> Opened? {
        guard token.utf8.count <= longest, let bytes = Base64URL.decode(token), bytes.first == Self.version,
            bytes.count >= Self.headSize + Self.blockSize + Self.codeSize
        else { return nil }
        let (signed, code) = (bytes.dropLast(Self.codeSize), bytes.suffix(Self.codeSize))
        for key in keys where MessageAuthentication.isValid(code, .sha256, key: key.authentication, message: signed) {
            let seconds = signed[1..<9].reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
            let (vector, text) = (signed[9..<Self.headSize], signed[Self.headSize...])
            guard let payload = Self.cipher(Array(text), key: key.encryption, vector: Array(vector), encrypt: false),
                let age = Int(exactly: seconds), age < Int.max / 1_000_000
            else { return nil }
            return Opened(payload: payload, createdAt: Timestamp(seconds: age))
        }
        return nil
    }

    /// AES-128-CBC with PKCS #7 padding; nil when the padding is wrong.
    private static func cipher(_ input: [UInt8], key: ArraySlice<UInt8>, vector: [UInt8], encrypt: Bool) -> [UInt8]? {
        let context = EVP_CIPHER_CTX_new()
        defer { EVP_CIPHER_CTX_free(context) }
        var output = [UInt8](repeating: 0, count: input.count + blockSize)
        var (written, rest) = (Int32(0), Int32(0))
        guard EVP_CipherInit_ex(context, EVP_aes_128_cbc(), nil, Array(key), vector, encrypt ? 1 : 0) == 1,
            EVP_CipherUpdate(context, &output, &written, input, Int32(input.count)) == 1
        else { return nil }
        let finished = output.withUnsafeMutableBufferPointer { buffer in
            EVP_CipherFinal_ex(context, buffer.baseAddress.map { $0 + Int(written) }, &rest)
        }
        return finished == 1 ? Array(output.prefix(Int(written + rest))) : nil
    }
}
