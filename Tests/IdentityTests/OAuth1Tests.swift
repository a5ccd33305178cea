import CloudAPI
import CloudCore
import CloudCrypto
import CloudStore
import Foundation
import Testing

@testable import Identity

/// The examples of RFC 5849.
@Suite struct OAuthSignatureTests {
    /// Section 1.2: the printer asks for a token, and for a photograph.
    @Test func signaturesAreThoseOfTheExamples() throws {
        let ask = try #require(OAuthRequest(
            method: "POST", url: "https://photos.example.net/token",
            authorization: """
                OAuth realm="Photos", oauth_consumer_key="dpf43f3p2l4k3l03", oauth_token="hh5s93j4hdidpola", \
                oauth_signature_method="HMAC-SHA1", oauth_timestamp="137131201", oauth_nonce="walatlh", \
                oauth_verifier="hfdp7dh39dks9884", oauth_signature="gKgrFCywp7rO0OXSjdot%2FIHF7IU%3D"
                """))
        #expect(ask.isSigned(consumerSecret: Secret("kd94hf93k423kf44"), tokenSecret: Secret("hdhd0244k9j7ao03")))
        #expect(!ask.isSigned(consumerSecret: Secret("kd94hf93k423kf44")))
        let photo = try #require(OAuthRequest(
            method: "GET", url: "http://photos.example.net/photos", query: [("file", "vacation.jpg"), ("size", "original")],
            authorization: """
                OAuth realm="Photos", oauth_consumer_key="dpf43f3p2l4k3l03", oauth_token="nnch734d00sl2jdk", \
                oauth_signature_method="HMAC-SHA1", oauth_timestamp="137131202", oauth_nonce="chapoH", \
                oauth_signature="MdpQcU8iPSUjWoN%2FUDMsK2sui9I%3D"
                """))
        let (consumer, token) = (Secret("kd94hf93k423kf44"), Secret("pfkkdhi9sl3r4s00"))
        #expect(photo.isSigned(consumerSecret: consumer, tokenSecret: token))
        #expect(!photo.isSigned(consumerSecret: consumer, tokenSecret: Secret("another")))
        var other = photo
        other.query[1].value = "small"
        #expect(!other.isSigned(consumerSecret: consumer, tokenSecret: token))
    }

    /// Section 3.4.1.1, with the form's parameters where they stand in the base string all the same.
    @Test func baseStringsAreThoseOfTheExample() throws {
        let request = try #require(OAuthRequest(
            method: "post", url: "http://EXAMPLE.COM:80/request",
            query: [("b5", "=%3D"), ("a3", "a"), ("c@", ""), ("a2", "r b"), ("c2", ""), ("a3", "2 q")],
            authorization: """
                OAuth realm="Example", oauth_consumer_key="9djdj82h48djs9d2", oauth_token="kkk9d7dh3k39sjv7", \
                oauth_signature_method="HMAC-SHA1", oauth_timestamp="137131201", oauth_nonce="7d8f3e4a", \
                oauth_signature="bYT5CMsGcbgUdFHObYMEfcx6bsw%3D"
                """))
        #expect(
            request.baseString == "POST&http%3A%2F%2Fexample.com%2Frequest&a2%3Dr%2520b%26a3%3D2%2520q%26a3%3Da%26b5%3D%253D%25253D%26c%2540"
                + "%3D%26c2%3D%26oauth_consumer_key%3D9djdj82h48djs9d2%26oauth_nonce%3D7d8f3e4a%26oauth_signature_method%3DHMAC-SHA1"
                + "%26oauth_timestamp%3D137131201%26oauth_token%3Dkkk9d7dh3k39sjv7")
    }

    @Test(arguments: [
        ("http://h:80/p", "http://h/p"), ("https://H:443/P", "https://h/P"), ("https://h:80/p", "https://h:80/p"),
        ("HTTP://h:9000/p", "http://h:9000/p"), ("http://h", "http://h/"),
    ])
    func addressesAreBroughtToOneForm(url: String, expected: String) throws {
        let request = try #require(OAuthRequest(method: "GET", url: url, authorization: #"OAuth oauth_nonce="n""#))
        #expect(request.baseString.hasPrefix("GET&\(PercentEncoding.encode(expected))&"))
    }

    @Test(arguments: ["Basic abc", "", "OAuth", "OAuth a", #"OAuth a=b"#, #"OAuth a="b", a="c""#, #"OAuth a="%FF""#])
    func otherHeadersAreNotOAuths(header: String) {
        #expect(OAuthRequest(method: "GET", url: "http://h/", authorization: header) == nil)
    }

    @Test func formIsChecked() throws {
        let good = [
            "consumer_key": "c", "signature_method": "HMAC-SHA1", "signature": "s", "timestamp": "1000", "nonce": "n", "version": "1.0",
        ]
        func flaw(_ name: String? = nil, _ value: String? = nil) throws -> String? {
            var parameters = good
            if let name { parameters[name] = value }
            let header = "OAuth " + parameters.map { "oauth_\($0.key)=\"\($0.value)\"" }.joined(separator: ", ")
            return try #require(OAuthRequest(method: "GET", url: "http://h/", authorization: header)).flaw(at: Timestamp(seconds: 1500))
        }
        #expect(try flaw() == nil)
        #expect(try flaw("version") == nil)
        for name in ["consumer_key", "signature_method", "signature", "timestamp", "nonce"] {
            #expect(try flaw(name)?.contains(name) == true)
            #expect(try flaw(name, "")?.contains(name) == true)
        }
        for (name, value) in [("version", "2.0"), ("signature_method", "PLAINTEXT"), ("timestamp", "soon"), ("timestamp", "800"), ("timestamp", "2200")] {
            #expect(try flaw(name, value) != nil, "\(name) \(value)")
        }
    }
}

/// A consumer as a client library would be it, with a signature of its own making.
private struct Consumer {
    let cloud: TestCloud
    let id: String
    let secret: String

    /// Calls an endpoint with a signed request.
    func call(
        _ path: String, token: (id: String, secret: String)? = nil, verifier: String? = nil, project: String? = nil, secret: String? = nil,
        age: Int = 0, _ body: JSON? = nil
    ) async -> TestResponse {
        var parameters = [
            "oauth_consumer_key": id, "oauth_signature_method": "HMAC-SHA1", "oauth_timestamp": String(Timestamp.now.seconds - age),
            "oauth_nonce": Identifier.hex(), "oauth_version": "1.0", "oauth_callback": "oob",
        ]
        parameters["oauth_token"] = token?.id
        parameters["oauth_verifier"] = verifier
        let escape = { (text: String) in text.addingPercentEncoding(withAllowedCharacters: .alphanumerics.union(.init(charactersIn: "-._~"))) ?? "" }
        let pairs = parameters.sorted { $0.key < $1.key }.map { "\(escape($0.key))=\(escape($0.value))" }.joined(separator: "&")
        let base = "POST&" + escape("http://127.0.0.1:9000/identity/v3" + path) + "&" + escape(pairs)
        let key = "\(secret ?? self.secret)&\(token?.secret ?? "")"
        let code = MessageAuthentication.code(.sha1, key: Array(key.utf8), message: Array(base.utf8))
        parameters["oauth_signature"] = Data(code).base64EncodedString()
        var headers: HTTPFields = [
            .authorization: "OAuth " + parameters.map { "\($0.key)=\"\(escape($0.value))\"" }.joined(separator: ",")
        ]
        if let project, let name = HTTPField.Name("Requested-Project-Id") { headers[name] = project }
        return await cloud.call(.post, path, nil, headers: headers, body)
    }

    /// A token and its secret out of a form.
    static func pair(_ response: TestResponse) throws -> (id: String, secret: String) {
        #expect(response.status == .created, "\(response.text)")
        #expect(response.headers[.contentType] == "application/x-www-form-urlencoded")
        let items = try #require(QueryItems(parsing: response.text))
        #expect(items["oauth_expires_at"].flatMap { Timestamp(iso8601: $0) } != nil)
        return (try #require(items["oauth_token"]), try #require(items["oauth_token_secret"]))
    }

    static func make(_ cloud: TestCloud, _ admin: String) async throws -> Consumer {
        let created = try await cloud.create("OS-OAUTH1/consumers", "consumer", ["description": "a printer"], admin)
        return Consumer(cloud: cloud, id: try #require(created["id"]?.string), secret: try #require(created["secret"]?.string))
    }

    static let login: JSON = ["auth": ["identity": ["methods": ["oauth1"], "oauth1": [:]]]]
}

@Suite struct OAuth1Tests {
    @Test func consumersAreKeptAndTheirSecretShownOnce() async throws {
        try await TestCloud.run { cloud in
            let admin = try await cloud.token()
            let created = try await cloud.create("OS-OAUTH1/consumers", "consumer", ["description": "a printer", "model": "x"], admin)
            let id = try #require(created["id"]?.string)
            #expect(created["secret"]?.string?.count == 32)
            let path = "/OS-OAUTH1/consumers/\(id)"
            let shown = await cloud.call(.get, path, admin).json["consumer"]
            #expect(shown == [
                "id": .string(id), "description": "a printer", "model": "x",
                "links": ["self": .string("http://127.0.0.1:9000/identity/v3\(path)")],
            ])
            #expect(await cloud.call(.get, "/OS-OAUTH1/consumers", admin).json["consumers"] == .array([shown ?? .null]))
            let changed = await cloud.call(.patch, path, admin, ["consumer": ["description": "a scanner"]])
            #expect(changed.json["consumer"]?["description"] == "a scanner")
            for bad in [["secret": "s"], [:], ["id": "x"], ["description": 5]] as [JSON] {
                #expect(await cloud.call(.patch, path, admin, ["consumer": bad]).status == .badRequest, "\(bad)")
            }
            #expect(await cloud.call(.post, "/OS-OAUTH1/consumers", admin, ["consumer": [:]]).status == .created)
            #expect(await cloud.call(.delete, path, admin).status == .noContent)
            for method in [HTTPRequest.Method.get, .delete] { #expect(await cloud.call(method, path, admin).status == .notFound) }
            #expect(await cloud.call(.patch, path, admin, ["consumer": ["description": "x"]]).status == .notFound)
        }
    }

    @Test func consumersAreForAdministratorsToChangeAndSystemReadersToSee() async throws {
        try await TestCloud.run { cloud in
            let admin = try await cloud.token()
            let consumer = try await Consumer.make(cloud, admin)
            let reader = try await cloud.user("r", role: "reader", on: "system", admin)
            let system = try await cloud.token(of: reader, scope: ["system": ["all": true]])
            let top = try await cloud.user("top", role: "admin", on: "domains/default", admin)
            let domain = try await cloud.token(of: top, scope: ["domain": ["id": "default"]])
            for path in ["/OS-OAUTH1/consumers", "/OS-OAUTH1/consumers/\(consumer.id)"] {
                #expect(await cloud.call(.get, path, system).status == .ok)
                #expect(await cloud.call(.get, path, domain).status == .forbidden)
            }
            for token in [system, domain] {
                #expect(await cloud.call(.post, "/OS-OAUTH1/consumers", token, ["consumer": [:]]).status == .forbidden)
                #expect(await cloud.call(.delete, "/OS-OAUTH1/consumers/x", token).status == .forbidden)
                #expect(await cloud.call(.patch, "/OS-OAUTH1/consumers/x", token, ["consumer": ["description": "d"]]).status == .forbidden)
            }
        }
    }

    /// Everything up to an access token, lent by the administrator.
    private struct Loan {
        let cloud: TestCloud
        let admin: String
        let adminID: String
        let project: String
        let consumer: Consumer
        let access: (id: String, secret: String)

        static func run(_ change: (inout IdentityOptions) -> Void = { _ in }, _ body: (Loan) async throws -> Void) async throws {
            try await TestCloud.run(change) { cloud in
                let admin = try await cloud.token()
                let project = try #require(await cloud.call(.get, "/projects?name=admin", admin).json["projects"]?[0]?["id"]?.string)
                let adminID = try #require(await cloud.call(.get, "/users?name=admin", admin).json["users"]?[0]?["id"]?.string)
                let consumer = try await Consumer.make(cloud, admin)
                let request = try Consumer.pair(await consumer.call("/OS-OAUTH1/request_token", project: project))
                let lent: JSON = ["roles": [["name": "member"], ["id": .string(try await cloud.roleID("reader", admin))]]]
                let authorized = await cloud.call(.put, "/OS-OAUTH1/authorize/\(request.id)", admin, lent)
                #expect(authorized.status == .ok, "\(authorized.text)")
                let verifier = try #require(authorized.json["token"]?["oauth_verifier"]?.string)
                #expect(verifier.count == 8)
                let access = try Consumer.pair(await consumer.call("/OS-OAUTH1/access_token", token: request, verifier: verifier))
                let again = await consumer.call("/OS-OAUTH1/access_token", token: request, verifier: verifier)
                #expect(again.status == .notFound, "a request is used up")
                try await body(Loan(cloud: cloud, admin: admin, adminID: adminID, project: project, consumer: consumer, access: access))
            }
        }

        var path: String { "/users/\(adminID)/OS-OAUTH1/access_tokens" }

        func login() async -> TestResponse { await consumer.call("/auth/tokens", token: access, Consumer.login) }
    }

    @Test func whatIsLentBecomesATokenOfJustThat() async throws {
        try await Loan.run { loan in
            let (cloud, response) = (loan.cloud, await loan.login())
            #expect(response.status == .created, "\(response.text)")
            let body = response.json["token"]
            #expect(body?["methods"] == ["oauth1"])
            #expect(body?["user"]?["id"]?.string == loan.adminID)
            #expect(body?["project"]?["id"]?.string == loan.project)
            #expect(body?["roles"]?.names == ["member", "reader"])
            #expect(body?["OS-OAUTH1"] == ["access_token_id": .string(loan.access.id), "consumer_id": .string(loan.consumer.id)])
            let token = try #require(response.headers[.subjectToken])
            let shown = await cloud.call(.get, "/auth/tokens", loan.admin, headers: [.subjectToken: token])
            #expect(shown.json["token"]?["OS-OAUTH1"] == body?["OS-OAUTH1"])
            #expect(await cloud.call(.get, "/users", token).status == .forbidden, "the administrator's own role was not lent")
            #expect(await cloud.call(.get, loan.path, token).status == .forbidden)
            let exchange: JSON = ["auth": ["identity": ["methods": ["token"], "token": ["id": .string(token)]], "scope": "unscoped"]]
            #expect(await cloud.call(.post, "/auth/tokens", nil, exchange).status == .forbidden)
        }
    }

    @Test func accessTokensAreListedShownAndTakenBack() async throws {
        try await Loan.run { loan in
            let cloud = loan.cloud
            let one = loan.path + "/" + loan.access.id
            let shown = await cloud.call(.get, one, loan.admin).json["access_token"]
            #expect(shown?["authorizing_user_id"]?.string == loan.adminID)
            #expect(shown?["project_id"]?.string == loan.project)
            #expect(shown?["consumer_id"]?.string == loan.consumer.id)
            #expect(shown?["links"]?["roles"]?.string == "http://127.0.0.1:9000/identity/v3\(one)/roles")
            #expect(shown?["access_secret"] == nil)
            #expect(await cloud.call(.get, loan.path, loan.admin).json["access_tokens"] == .array([shown ?? .null]))
            let roles = await cloud.call(.get, one + "/roles", loan.admin).json["roles"]
            #expect(roles?.names == ["member", "reader"])
            let reader = try await cloud.roleID("reader", loan.admin)
            #expect(await cloud.call(.get, one + "/roles/\(reader)", loan.admin).json["role"]?["name"] == "reader")
            #expect(await cloud.call(.get, one + "/roles/nothing", loan.admin).status == .notFound)
            #expect(await cloud.call(.get, "/users/x/OS-OAUTH1/access_tokens/\(loan.access.id)", loan.admin).status == .notFound)
            #expect(await cloud.call(.delete, "/users/x/OS-OAUTH1/access_tokens/\(loan.access.id)", loan.admin).status == .unauthorized)
            let token = try #require(await loan.login().headers[.subjectToken])
            #expect(await cloud.call(.get, "/auth/projects", token).status == .ok)
            #expect(await cloud.call(.delete, one, loan.admin).status == .noContent)
            #expect(await cloud.call(.get, "/auth/projects", token).status == .unauthorized, "its tokens end with it")
            #expect(await cloud.call(.get, one, loan.admin).status == .notFound)
            #expect(await loan.login().status == .notFound)
        }
    }

    @Test func deletingTheConsumerTakesEverythingBack() async throws {
        try await Loan.run { loan in
            let token = try #require(await loan.login().headers[.subjectToken])
            #expect(await loan.cloud.call(.delete, "/OS-OAUTH1/consumers/\(loan.consumer.id)", loan.admin).status == .noContent)
            #expect(await loan.cloud.call(.get, "/auth/projects", token).status == .unauthorized)
            #expect(await loan.login().status == .notFound)
        }
    }

    @Test func rolesTheUserLostAreNotLentAnyMore() async throws {
        try await Loan.run { loan in
            let token = try #require(await loan.login().headers[.subjectToken])
            let top = try await loan.cloud.roleID("admin", loan.admin)
            let path = "/projects/\(loan.project)/users/\(loan.adminID)/roles/\(top)"
            #expect(await loan.cloud.call(.delete, path, loan.admin).status == .noContent)
            #expect(await loan.cloud.call(.get, "/auth/projects", token).status == .unauthorized)
            #expect(await loan.login().status == .unauthorized)
        }
    }

    @Test func badSignaturesAreRefused() async throws {
        try await Loan.run { loan in
            let (consumer, body) = (loan.consumer, Consumer.login)
            #expect(await consumer.call("/auth/tokens", token: loan.access, secret: "wrong", body).status == .unauthorized)
            #expect(await consumer.call("/auth/tokens", token: (loan.access.id, "wrong"), body).status == .unauthorized)
            #expect(await consumer.call("/auth/tokens", token: loan.access, age: 3600, body).status == .unauthorized)
            #expect(await consumer.call("/auth/tokens", token: ("nothing", "x"), body).status == .notFound)
            #expect(await consumer.call("/auth/tokens", body).status == .badRequest)
            #expect(await loan.cloud.call(.post, "/auth/tokens", nil, body).status == .badRequest)
            let other = try await Consumer.make(loan.cloud, loan.admin)
            #expect(await other.call("/auth/tokens", token: loan.access, body).status == .unauthorized, "lent to another")
            let path = "/OS-OAUTH1/request_token"
            #expect(await consumer.call(path, project: loan.project, secret: "wrong").status == .unauthorized)
            #expect(await consumer.call(path, project: loan.project, age: 3600).status == .badRequest)
            #expect(await consumer.call(path, project: "nothing").status == .notFound)
            #expect(await consumer.call(path).status == .badRequest)
            #expect(await Consumer(cloud: loan.cloud, id: "nobody", secret: "x").call(path, project: loan.project).status == .notFound)
            #expect(await loan.cloud.call(.post, path).status == .badRequest)
            #expect(await loan.cloud.call(.get, path, loan.admin).status == .methodNotAllowed)
        }
    }

    @Test func requestsAreUsedByWhoeverTheUserTold() async throws {
        try await Loan.run { loan in
            let (cloud, consumer) = (loan.cloud, loan.consumer)
            let request = try Consumer.pair(await consumer.call("/OS-OAUTH1/request_token", project: loan.project))
            let (authorize, use) = ("/OS-OAUTH1/authorize/\(request.id)", "/OS-OAUTH1/access_token")
            #expect(await consumer.call(use, token: request, verifier: "abcdefgh").status == .unauthorized, "nobody agreed yet")
            let lent: JSON = ["roles": [["name": "member"]]]
            let stranger = try await cloud.token(of: try await cloud.user("s", role: "member", on: "projects/\(loan.project)", loan.admin))
            #expect(await cloud.call(.put, authorize, stranger, lent).status == .forbidden)
            #expect(await cloud.call(.put, "/OS-OAUTH1/authorize/nothing", loan.admin, lent).status == .notFound)
            for bad in [[["name": "member", "id": "x"]], [[:]], [["other": "x"]], "member"] as [JSON] {
                #expect(await cloud.call(.put, authorize, loan.admin, ["roles": bad]).status == .badRequest, "\(bad)")
            }
            _ = try await cloud.create("roles", "role", ["name": "unheld"], loan.admin)
            #expect(await cloud.call(.put, authorize, loan.admin, ["roles": [["name": "unheld"]]]).status == .unauthorized)
            #expect(await cloud.call(.put, authorize, loan.admin, ["roles": [["name": "unknown"]]]).status == .notFound)
            let verifier = try #require(await cloud.call(.put, authorize, loan.admin, lent).json["token"]?["oauth_verifier"]?.string)
            #expect(await consumer.call(use, token: request, verifier: "abcdefgh").status == .unauthorized)
            #expect(await consumer.call(use, token: request).status == .badRequest)
            #expect(await consumer.call(use, verifier: verifier).status == .badRequest)
            let other = try await Consumer.make(cloud, loan.admin)
            #expect(await other.call(use, token: request, verifier: verifier).status == .unauthorized)
            #expect(await consumer.call(use, token: request, verifier: verifier).status == .created)
        }
    }

    @Test func whatHasEndedIsOfNoUse() async throws {
        try await TestCloud.run({ $0.requestTokenLifetime = .seconds(-1) }) { cloud in
            let admin = try await cloud.token()
            let project = try await cloud.createID("projects", "project", ["name": "p"], admin)
            let consumer = try await Consumer.make(cloud, admin)
            let request = try Consumer.pair(await consumer.call("/OS-OAUTH1/request_token", project: project))
            #expect(await cloud.call(.put, "/OS-OAUTH1/authorize/\(request.id)", admin, ["roles": []]).status == .unauthorized)
            #expect(await consumer.call("/OS-OAUTH1/access_token", token: request, verifier: "abcdefgh").status == .unauthorized)
        }
        try await Loan.run({ $0.accessTokenLifetime = .seconds(-1) }) { loan in #expect(await loan.login().status == .unauthorized) }
    }

    @Test func tokensEndWithWhatWasLent() async throws {
        try await Loan.run({ $0.accessTokenLifetime = .seconds(600) }) { loan in
            let text = await loan.login().json["token"]?["expires_at"]?.string
            let end = try #require(text.flatMap { Timestamp(iso8601: $0) })
            #expect(end <= .now + .seconds(600))
        }
    }

    @Test func secretsAreEncryptedAndFollowTheKeys() async throws {
        try await Loan.run { loan in
            let id = loan.access.id
            let stored = try await loan.cloud.identity.database.read { try OAuthAccessTokenRecords.find(id, $0)?.sealedSecret }
            #expect(stored?.contains(loan.access.secret) == false)
            for _ in 0..<3 { try await loan.cloud.identity.rotateCredentialKeys() }
            #expect(await loan.login().status == .created)
        }
    }
}
