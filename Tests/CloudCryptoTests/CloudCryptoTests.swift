import CloudCore
import Testing
@testable import CloudCrypto

@Suite struct DigestTests {
    // RFC 1321 A.5, FIPS 180-2 appendices A to C.
    @Test(arguments: [
        (Digest.Algorithm.md5, "900150983cd24fb0d6963f7d28e17f72"),
        (.sha1, "a9993e364706816aba3e25717850c26c9cd0d89d"),
        (.sha256, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
        (.sha512, "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
            + "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f"),
    ])
    func publishedVectors(algorithm: Digest.Algorithm, expected: String) {
        #expect(Digest.of("abc", algorithm).hexadecimal == expected)
        let digest = Digest(algorithm)
        for byte in "abc".utf8 { digest.update([byte]) }
        #expect(digest.finish().hexadecimal == expected)
        digest.update(AnySequence("abc".utf8))
        #expect(digest.finish().hexadecimal == expected, "after finishing, it starts anew")
    }

    @Test func nothingHasADigestToo() {
        #expect(Digest.of([], .md5).hexadecimal == "d41d8cd98f00b204e9800998ecf8427e")
    }

    // RFC 4231, test case 2; RFC 2202, test case 2 for MD5 and SHA-1.
    @Test(arguments: [
        (Digest.Algorithm.sha256, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"),
        (.sha1, "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79"),
        (.md5, "750c783e6ab0b503eaa86e310a5db738"),
    ])
    func keyedCodes(algorithm: Digest.Algorithm, expected: String) {
        let (key, message) = ("Jefe".utf8, "what do ya want for nothing?".utf8)
        let code = MessageAuthentication.code(algorithm, key: key, message: message)
        #expect(code.hexadecimal == expected)
        #expect(MessageAuthentication.isValid(code, algorithm, key: key, message: message))
        #expect(!MessageAuthentication.isValid(code.dropLast(), algorithm, key: key, message: message))
        #expect(!MessageAuthentication.isValid(code, algorithm, key: key, message: "what".utf8))
    }
}

@Suite struct EncodingTests {
    // RFC 4648 section 10, and the characters in which the URL alphabet differs.
    @Test(arguments: [
        ("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="), ("fooba", "Zm9vYmE="), ("foobar", "Zm9vYmFy"),
    ])
    func base64(plain: String, encoded: String) {
        #expect(Base64URL.encode(Array(plain.utf8), padding: true) == encoded)
        #expect(Base64URL.encode(Array(plain.utf8)) == encoded.replacing("=", with: ""))
        #expect(Base64URL.decode(encoded) == Array(plain.utf8))
        #expect(Base64URL.decode(encoded.replacing("=", with: "")) == Array(plain.utf8))
    }

    @Test func urlAlphabet() {
        #expect(Base64URL.encode([0xFB, 0xEF, 0xFF]) == "--__")
        #expect(Base64URL.decode("--__") == [0xFB, 0xEF, 0xFF])
    }

    @Test(arguments: ["A", "Zg=", "Zg===", "====", "=", "Zm9v====", "Z+==", "Zm 9v", "Zh==", "é"])
    func otherTextsAreRefused(text: String) {
        #expect(Base64URL.decode(text) == nil)
    }

    @Test func everyLengthComesBack() {
        for count in 0..<100 {
            let bytes = RandomBytes.make(count)
            #expect(Base64URL.decode(Base64URL.encode(bytes)) == bytes)
        }
        #expect(RandomBytes.make(32) != RandomBytes.make(32))
        #expect([0, 1, 0xAB, 0xFF].hexadecimal == "0001abff")
    }
}

@Suite struct FernetTests {
    // The specification's own generate.json.
    static let specKey = "cw_0x689RpI-jtRR7oE8h_eQsKImvJapLeSbXpwF4e4="
    static let specToken =
        "gAAAAAAdwJ6wAAECAwQFBgcICQoLDA0ODy021cpGVWKZ_eEwCGM4BLLF_5CV9dOPmrhuVUPgJobwOz7JcbmrR64jVmpU4IwqDA=="

    @Test func specificationVector() throws {
        let fernet = Fernet(keys: [try #require(Fernet.Key(text: Self.specKey))])
        let sealed = fernet.seal(Array("hello".utf8), at: Timestamp(seconds: 499_162_800), vector: Array(0...15))
        #expect(sealed.reveal() == Self.specToken)
        let opened = try #require(fernet.open(Self.specToken))
        #expect(opened.payload == Array("hello".utf8))
        #expect(opened.createdAt == Timestamp(seconds: 499_162_800))
        #expect(fernet.open(Self.specToken.replacing("=", with: "")) == opened, "Keystone strips the padding")
    }

    @Test func everyAlteredTokenIsRefused() throws {
        let fernet = Fernet(keys: [Fernet.Key()])
        let token = Array(fernet.seal(Array("payload".utf8)).reveal().utf8)
        for position in token.indices where token[position] != UInt8(ascii: "=") {
            var altered = token
            altered[position] = altered[position] == UInt8(ascii: "A") ? UInt8(ascii: "B") : UInt8(ascii: "A")
            #expect(fernet.open(String(decoding: altered, as: UTF8.self)) == nil)
        }
        #expect(fernet.open("") == nil)
        #expect(fernet.open(String(repeating: "A", count: 100_000)) == nil)
    }

    @Test func rotatedKeysStillOpen() throws {
        let (old, new) = (Fernet.Key(), Fernet.Key())
        let token = Fernet(keys: [old]).seal([1, 2, 3]).reveal()
        #expect(Fernet(keys: [new, old]).open(token)?.payload == [1, 2, 3])
        #expect(Fernet(keys: [new]).open(token) == nil)
        let renewed = Fernet(keys: [new, old]).seal([4]).reveal()
        #expect(Fernet(keys: [new]).open(renewed)?.payload == [4])
        #expect(Fernet(keys: []).open(renewed) == nil)
    }

    @Test func keysHaveText() throws {
        let key = Fernet.Key()
        #expect(Fernet.Key(text: key.text.reveal()) == key)
        #expect(Fernet.Key(text: "short") == nil)
        #expect("\(key)".contains(key.text.reveal()) == false)
    }
}

@Suite struct PasswordTests {
    let hasher: PasswordHasher
    init() throws { hasher = try PasswordHasher(rounds: 4, threads: 2) }

    // From Openwall's crypt_blowfish test vectors.
    @Test(arguments: [
        ("U*U", "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"),
        ("U*U*", "$2a$05$CCCCCCCCCCCCCCCCCCCCC.VGOzA784oUp/Z0DY336zx7pLYAy0lwK"),
        ("", "$2a$05$CCCCCCCCCCCCCCCCCCCCC.7uG0VCzI2bS7j6ymqJi9CdcdxiRTWNy"),
    ])
    func publishedVectors(password: String, hash: String) async throws {
        #expect(try await hasher.verify(Secret(password), against: hash))
        #expect(try await !hasher.verify(Secret(password + "x"), against: hash))
        #expect(hasher.isOutdated(hash))
    }

    // Made with Python's hashlib and crypt as Keystone's hashers do; the last one is passlib's own example.
    @Test(arguments: [
        ("correct horse", "$pbkdf2-sha512$1000$AAECAwQFBgcICQoLDA0ODw$Xpx07WjVx4vCIvrmBRj8uOoVVtGqJqtUv2J5bhizSQs7osCteF7W4A61dZDqSIqQjO.dxO6p5FT/Uy7QRBXSXA"),
        ("correct horse", "$scrypt$ln=4,r=8,p=1$AAECAwQFBgcICQoLDA0ODw$Q7EcH175P/kcU7JE2HRU+qTRrq/BS6UbCRYPdBaC5y8"),
        ("correct horse", "$bcrypt-sha256$v=2,t=2b,r=4$n79VH.0Q2TMWmt3Oqt9uku$E9qjVnkzEWr9OitExy6DYk7l7AjZ4iK"),
        ("password", "$bcrypt-sha256$v=2,t=2b,r=12$n79VH.0Q2TMWmt3Oqt9uku$Kq4Noyk3094Y2QlB8NdRT8SvGiI4ft2"),
    ])
    func keystonesOtherFormatsVerify(password: String, hash: String) async throws {
        #expect(try await hasher.verify(Secret(password), against: hash))
        #expect(try await !hasher.verify(Secret(password + "x"), against: hash))
        #expect(try await !hasher.verify(Secret(password + "\0"), against: hash))
        #expect(try await !hasher.verify(Secret(password), against: String(hash.dropLast())))
        #expect(hasher.isOutdated(hash))
    }

    @Test func hashesAreSaltedAndVerify() async throws {
        let password = Secret("correct horse")
        let (first, second) = (try await hasher.hash(password), try await hasher.hash(password))
        #expect(first.hasPrefix("$2b$04$"))
        #expect(first != second)
        #expect(try await hasher.verify(password, against: first))
        #expect(try await !hasher.verify(Secret("correct horsf"), against: first))
        #expect(!hasher.isOutdated(first))
    }

    @Test func onlySeventyTwoBytesCount() async throws {
        let long = String(repeating: "é", count: 36)
        let hash = try await hasher.hash(Secret(long + "tail"))
        #expect(try await hasher.verify(Secret(long), against: hash))
    }

    @Test func nulCannotCutAPasswordShort() async throws {
        await #expect(throws: CryptoError.unusablePassword) { try await hasher.hash(Secret("a\0b")) }
        let hash = try await hasher.hash(Secret("a"))
        #expect(try await !hasher.verify(Secret("a\0b"), against: hash))
    }

    @Test(arguments: [
        "$scrypt$ln=63,r=8,p=1$AAECAw$AAECAw", "$pbkdf2-sha512$-1$AAECAw$AAECAw", "$bcrypt-sha256$v=1$AAECAw$AAECAw",
        "", "x", "$2b$04$", "$2b$99$CCCCCCCCCCCCCCCCCCCCC.", "*0", "plain",
    ])
    func malformedHashesMatchNothing(hash: String) async throws {
        #expect(try await !hasher.verify(Secret(hash), against: hash))
        #expect(try await !hasher.verify(Secret("plain"), against: hash))
    }

    @Test func theDecoyIsAsDearAsARealHash() async throws {
        let dear = try PasswordHasher(rounds: 8, threads: 1)
        let clock = ContinuousClock()
        let hash = try await dear.hash(Secret("x"))
        var (real, decoy) = (Duration.seconds(3600), Duration.seconds(3600))
        // What else the machine does can only add to a time: the shortest of several is what the work takes.
        for _ in 0..<8 {
            real = min(real, try await clock.measure { _ = try await dear.verify(Secret("y"), against: hash) })
            decoy = min(decoy, try await clock.measure { try await dear.pretend(Secret("y")) })
        }
        #expect(decoy > real / 4)
    }

    @Test func theQueueIsBounded() async throws {
        let slow = try PasswordHasher(rounds: 9, threads: 1, waiting: 1)
        let outcomes = await withTaskGroup(of: Bool.self) { group in
            for _ in 0..<12 {
                group.addTask {
                    do { _ = try await slow.hash(Secret("x")) } catch { return (error as? CryptoError) != .overloaded }
                    return true
                }
            }
            return await group.reduce(into: []) { $0.append($1) }
        }
        #expect(outcomes.contains(true))
        #expect(outcomes.contains(false))
    }

    @Test func workStopsForCancelledCallers() async throws {
        let hasher = hasher
        let task = Task {
            withUnsafeCurrentTask { $0?.cancel() }
            return try await hasher.hash(Secret("x"))
        }
        await #expect(throws: CancellationError.self) { try await task.value }
    }
}
