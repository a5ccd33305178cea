import CloudAPI
import CloudCore
import CloudCrypto
import Foundation
import Testing

@testable import Identity

/// What was signed, and by what, from Amazon's documentation and from botocore.
private enum Vectors {
    static let secret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
    static let emptyHash = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

    /// Signature version 2's example: Elastic MapReduce, DescribeJobFlows.
    static let version2: JSON = [
        "access": "AKIAIOSFODNN7EXAMPLE", "signature": "i91nKc4PWAt0JJIdXwz9HxZCJDdiy6cf/Mj6vPxyYIs=", "verb": "GET",
        "host": "elasticmapreduce.amazonaws.com", "path": "/",
        "params": [
            "AWSAccessKeyId": "AKIAIOSFODNN7EXAMPLE", "Action": "DescribeJobFlows", "SignatureMethod": "HmacSHA256",
            "SignatureVersion": "2", "Timestamp": "2011-10-03T15:19:30", "Version": "2009-03-31",
        ],
    ]

    /// Made by botocore's SigV2Auth: a POST whose values need escapes.
    static let version2Post: JSON = [
        "access": "access", "signature": "dULUfitnd9mqNI6MOEe9wJNMAWq/KE7peRLHa7gnCZY=", "verb": "POST",
        "host": "ec2.cloud:8773", "path": "/services/Cloud",
        "params": [
            "Action": "DescribeInstances", "Filter.1.Value": "a b/ü~", "AWSAccessKeyId": "access", "SignatureVersion": "2",
            "SignatureMethod": "HmacSHA256", "Timestamp": "2026-01-31T12:00:00Z",
        ],
    ]

    /// Made by botocore's SigV4QueryAuth: a presigned address.
    static let presigned: JSON = [
        "access": "access", "signature": "45fba6a3482478d38fda75db798303789d6dcd0b2e6390d62e53658b297e7bd3", "verb": "GET",
        "host": "ec2.cloud:8773", "path": "/services/Cloud", "headers": ["Host": "ec2.cloud:8773"], "body_hash": .string(emptyHash),
        "params": [
            "Action": "DescribeInstances", "Filter.1.Value": "a b/ü~", "Version": "2016-11-15",
            "X-Amz-Algorithm": "AWS4-HMAC-SHA256", "X-Amz-Credential": "access/20260131/RegionOne/ec2/aws4_request",
            "X-Amz-Date": "20260131T120000Z", "X-Amz-Expires": "900", "X-Amz-SignedHeaders": "host",
        ],
    ]

    /// S3's example of version 1: a photograph of a puppy.
    static let s3Version1: JSON = [
        "access": "access", "signature": "qgk2+6Sv9/oM7G3qLEjTH1a1l1g=",
        "token": "R0VUCgoKVHVlLCAyNyBNYXIgMjAwNyAxOTozNjo0MiArMDAwMAovYXdzZXhhbXBsZWJ1Y2tldDEvcGhvdG9zL3B1cHB5LmpwZw==",
    ]

    /// S3's example of version 4: GET of an object's first ten bytes.
    static let s3Version4: JSON = [
        "access": "access", "signature": "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41",
        "token": .string(
            "QVdTNC1ITUFDLVNIQTI1NgoyMDEzMDUyNFQwMDAwMDBaCjIwMTMwNTI0L3VzLWVhc3QtMS9zMy9hd3M0X3JlcXVlc3QKNzM0NGFlNWI3ZWU2YzNlN2U2Yj"
                + "BmZTA2NDA0MTJhMzc2MjVkMWZiZmZmOTVjNDhiYmIyZGM0Mzk2NDk0Njk3Mg=="),
    ]

    /// The object with one member set to something else.
    static func change(_ json: JSON, _ name: String, _ value: JSON?) -> JSON {
        var object = json.object ?? [:]
        object[name] = value
        return .object(object)
    }
}

@Suite struct SignatureTests {
    @Test(arguments: [Vectors.version2, Vectors.version2Post, Vectors.presigned])
    func requestsAreSignedAsAmazonHasIt(vector: JSON) throws {
        let request = try SignedRequest(vector)
        #expect(request.isSigned(with: Secret(Vectors.secret)))
        #expect(!request.isSigned(with: Secret(Vectors.secret + "x")))
        for (name, value) in [("path", "/else"), ("verb", "DELETE"), ("signature", "")] {
            #expect(try !SignedRequest(Vectors.change(vector, name, .string(value))).isSigned(with: Secret(Vectors.secret)), "\(name)")
        }
    }

    /// The `ListUsers` example of version 4's documentation.
    @Test func headersAreSignedAsAmazonHasIt() {
        var request = SignedRequest(access: "AKIDEXAMPLE", signature: "5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7")
        (request.verb, request.host, request.path, request.bodyHash) = ("GET", "iam.amazonaws.com", "/", Vectors.emptyHash)
        request.parameters = ["Action": "ListUsers", "Version": "2010-05-08"]
        request.headers = [
            "Authorization": "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/iam/aws4_request, "
                + "SignedHeaders=content-type;host;x-amz-date, Signature=5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7",
            "Content-Type": "application/x-www-form-urlencoded; charset=utf-8", "Host": "iam.amazonaws.com", "X-Amz-Date": "20150830T123600Z",
        ]
        let secret = Secret("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")
        #expect(request.isSigned(with: secret))
        request.headers["X-Amz-Date"] = "20150831T123600Z"
        #expect(!request.isSigned(with: secret), "another day than the key's")
    }

    @Test func portsMayBeLeftOutOfWhatIsSigned() throws {
        let request = try SignedRequest(Vectors.change(Vectors.version2, "host", "elasticmapreduce.amazonaws.com:443"))
        #expect(request.isSigned(with: Secret(Vectors.secret)))
    }

    @Test(arguments: ["0", "1", "3", "x"]) func otherVersionsAreNotKnown(version: String) throws {
        var parameters = Vectors.version2["params"]?.object ?? [:]
        parameters["SignatureVersion"] = .string(version)
        let request = try SignedRequest(Vectors.change(Vectors.version2, "params", .object(parameters)))
        #expect(request.expectedSignature(Secret(Vectors.secret)) == nil)
    }

    @Test(arguments: [Vectors.s3Version1, Vectors.s3Version4]) func textsAreSignedAsAmazonHasIt(vector: JSON) throws {
        #expect(try SignedText(vector).isSigned(with: Secret(Vectors.secret)))
        #expect(try !SignedText(vector).isSigned(with: Secret("another")))
    }

    @Test func onlyStoragesTextsAreTaken() {
        for scope in ["20130524/us-east-1/ec2/aws4_request", "20130524/us-east-1/s3", "20130524/us-east-1/s3/else"] {
            let text = "AWS4-HMAC-SHA256\n20130524T000000Z\n\(scope)\nabc"
            let signature = AWSSignature.sign(text, Secret("s"), scope: scope.split(separator: "/").map(String.init))
            #expect(!SignedText(access: "a", signature: signature, text: Array(text.utf8)).isSigned(with: Secret("s")), "\(scope)")
        }
    }
}

@Suite struct EC2Tests {
    /// A user with keys in a project, and a service that asks about them.
    private struct Service {
        let cloud: TestCloud
        let admin: String
        let token: String
        let user: String
        let project: String
        let credential: String

        static func run(lifetime: Duration = .seconds(1_000_000_000), _ body: (Service) async throws -> Void) async throws {
            try await TestCloud.run({ $0.signatureLifetime = lifetime }) { cloud in
                let admin = try await cloud.token()
                let project = try await cloud.createID("projects", "project", ["name": "p"], admin)
                let user = try await cloud.user("u", role: "member", on: "projects/\(project)", admin)
                let service = try await cloud.user("swift", role: "service", on: "projects/\(project)", admin)
                let blob = JSON.object(["access": "access", "secret": .string(Vectors.secret)]).text
                let credential = try await cloud.createID(
                    "credentials", "credential",
                    ["type": "ec2", "blob": .string(blob), "user_id": .string(user), "project_id": .string(project)], admin)
                let token = try await cloud.token(of: service, scope: ["project": ["id": .string(project)]])
                try await body(Service(cloud: cloud, admin: admin, token: token, user: user, project: project, credential: credential))
            }
        }

        func ask(_ path: String, _ body: JSON, _ token: String? = nil) async -> TestResponse {
            await cloud.call(.post, path, token ?? self.token, ["credentials": body])
        }
    }

    @Test func signedRequestsBecomeTokens() async throws {
        try await Service.run { service in
            for vector in [Vectors.version2Post, Vectors.presigned] {
                let response = await service.ask("/ec2tokens", vector)
                #expect(response.status == .ok, "\(response.text)")
                let body = response.json["token"]
                #expect(body?["methods"] == ["ec2credential"])
                #expect(body?["user"]?["id"]?.string == service.user)
                #expect(body?["project"]?["id"]?.string == service.project)
                #expect(body?["roles"]?.names == ["member", "reader"])
                #expect(body?["catalog"]?.array?.isEmpty == false)
                let token = try #require(response.headers[.subjectToken])
                #expect(await service.cloud.call(.get, "/auth/projects", token).json["projects"]?.ids == [service.project])
            }
            let storage = await service.ask("/s3tokens", Vectors.s3Version1)
            #expect(storage.status == .ok, "\(storage.text)")
            #expect(storage.headers[.subjectToken] == nil)
            #expect(storage.json["token"]?["project"]?["id"]?.string == service.project)
            #expect(await service.ask("/s3tokens", Vectors.s3Version4).status == .ok)
        }
    }

    @Test func whatIsNotSignedRightIsRefused() async throws {
        try await Service.run { service in
            let bad = [
                Vectors.change(Vectors.version2Post, "signature", "wrong"), Vectors.change(Vectors.version2Post, "signature", nil),
                Vectors.change(Vectors.version2Post, "path", "/"), Vectors.change(Vectors.version2Post, "params", nil),
                Vectors.change(Vectors.version2Post, "access", nil), [:],
            ]
            for body in bad { #expect(await service.ask("/ec2tokens", body).status == .unauthorized, "\(body)") }
            let unknown = await service.ask("/ec2tokens", Vectors.change(Vectors.version2Post, "access", "nobody"))
            #expect(unknown.status == .notFound)
            #expect(await service.cloud.call(.post, "/ec2tokens", service.token, [:]).status == .badRequest)
            #expect(await service.ask("/ec2tokens", Vectors.change(Vectors.version2Post, "params", "text")).status == .badRequest)
            #expect(await service.ask("/s3tokens", Vectors.change(Vectors.s3Version1, "token", "!!")).status == .unauthorized)
            #expect(await service.ask("/s3tokens", Vectors.change(Vectors.s3Version1, "token", nil)).status == .unauthorized)
            #expect(await service.cloud.call(.get, "/ec2tokens", service.token).status == .methodNotAllowed)
        }
    }

    /// What a user writes into the content of keys lends nothing that nobody lent.
    @Test(arguments: ["trust_id", "app_cred_id", "access_token_id"]) func boundKeysNeedWhatBindsThem(binding: String) async throws {
        try await Service.run { service in
            let blob = JSON.object(["access": "bound", "secret": .string(Vectors.secret), binding: "nothing"]).text
            _ = try await service.cloud.create(
                "credentials", "credential",
                ["type": "ec2", "blob": .string(blob), "user_id": .string(service.user), "project_id": .string(service.project)], service.admin)
            let signed = Vectors.change(Vectors.s3Version1, "access", "bound")
            #expect(await service.ask("/s3tokens", signed).status == .unauthorized)
        }
    }

    /// Keys that name a trust are good for its trustee, and for its trustor where the token speaks for the trustor.
    @Test(arguments: [true, false]) func keysMayBeBoundToATrust(impersonates: Bool) async throws {
        try await Service.run { service in
            let (cloud, admin) = (service.cloud, service.admin)
            let (trustee, stranger) = (try await cloud.user("trustee", admin), try await cloud.user("stranger", admin))
            let own = try await cloud.token(of: service.user, scope: ["project": ["id": .string(service.project)]])
            let made = await cloud.call(.post, "/OS-TRUST/trusts", own, [
                "trust": [
                    "trustor_user_id": .string(service.user), "trustee_user_id": .string(trustee), "project_id": .string(service.project),
                    "impersonation": .bool(impersonates), "roles": [["name": "reader"]], "remaining_uses": 2,
                ],
            ])
            let trust = try #require(made.json["trust"]?["id"]?.string, "\(made.text)")
            for (user, isGood) in [(stranger, false), (trustee, true), (service.user, impersonates)] {
                let blob = JSON.object(["access": .string(user), "secret": .string(Vectors.secret), "trust_id": .string(trust)]).text
                _ = try await cloud.create(
                    "credentials", "credential",
                    ["type": "ec2", "blob": .string(blob), "user_id": .string(user), "project_id": .string(service.project)], admin)
                let response = await service.ask("/s3tokens", Vectors.change(Vectors.s3Version1, "access", .string(user)))
                let expected: HTTPResponse.Status = isGood ? .ok : .unauthorized
                #expect(response.status == expected, "\(response.text)")
                guard isGood else { continue }
                #expect(response.json["token"]?["user"]?["id"]?.string == (impersonates ? service.user : trustee))
                #expect(response.json["token"]?["roles"]?.names == ["reader"])
            }
            let again = await service.ask("/s3tokens", Vectors.change(Vectors.s3Version1, "access", .string(trustee)))
            let expected: HTTPResponse.Status = impersonates ? .unauthorized : .ok
            #expect(again.status == expected, "each token takes one of the trust's uses")
        }
    }

    @Test func oldSignaturesAreRefused() async throws {
        try await Service.run(lifetime: .seconds(900)) { service in
            #expect(await service.ask("/ec2tokens", Vectors.version2Post).status == .unauthorized)
            #expect(await service.ask("/ec2tokens", Vectors.presigned).status == .unauthorized)
            #expect(await service.ask("/s3tokens", Vectors.s3Version1).status == .ok, "nothing dates it")
        }
    }

    @Test func onlyServicesMayAsk() async throws {
        try await Service.run { service in
            let own = try await service.cloud.token(of: service.user, scope: ["project": ["id": .string(service.project)]])
            for (path, vector) in [("/ec2tokens", Vectors.version2Post), ("/s3tokens", Vectors.s3Version1)] {
                #expect(await service.ask(path, vector, own).status == .forbidden)
                #expect(await service.ask(path, vector, service.admin).status == .ok)
                #expect(await service.cloud.call(.post, path, nil, ["credentials": vector]).status == .unauthorized)
            }
        }
    }

    @Test func disabledUsersAndProjectsGetNothing() async throws {
        try await Service.run { service in
            func change(_ path: String, _ name: String, _ isEnabled: Bool) async {
                let body: JSON = .object([name: ["enabled": .bool(isEnabled)]])
                #expect(await service.cloud.call(.patch, path, service.admin, body).status == .ok)
            }
            for (path, name) in [("/users/\(service.user)", "user"), ("/projects/\(service.project)", "project")] {
                await change(path, name, false)
                #expect(await service.ask("/ec2tokens", Vectors.version2Post, service.admin).status == .unauthorized)
                await change(path, name, true)
                #expect(await service.ask("/ec2tokens", Vectors.version2Post, service.admin).status == .ok)
            }
            let member = try await service.cloud.roleID("member", service.admin)
            let grant = "/projects/\(service.project)/users/\(service.user)/roles/\(member)"
            #expect(await service.cloud.call(.delete, grant, service.admin).status == .noContent)
            #expect(await service.ask("/ec2tokens", Vectors.version2Post).status == .unauthorized, "no role is left")
        }
    }

    @Test func tokensOfKeysDoNotReachTheKeys() async throws {
        try await Service.run { service in
            let cloud = service.cloud
            let response = await service.ask("/ec2tokens", Vectors.version2Post)
            let token = try #require(response.headers[.subjectToken])
            #expect(await cloud.call(.get, "/credentials", token).json["credentials"] == [])
            #expect(await cloud.call(.get, "/credentials/\(service.credential)", token).status == .forbidden)
            #expect(await cloud.call(.delete, "/credentials/\(service.credential)", token).status == .forbidden)
            let body: JSON = ["credential": ["type": "cert", "blob": "x", "user_id": .string(service.user)]]
            #expect(await cloud.call(.post, "/credentials", token, body).status == .forbidden)
            let path = "/users/\(service.user)/credentials/OS-EC2"
            #expect(await cloud.call(.get, path, token).status == .forbidden)
            #expect(await cloud.call(.get, path + "/access", token).status == .forbidden)
            #expect(await cloud.call(.post, path, token, ["tenant_id": .string(service.project)]).status == .forbidden)
        }
    }

    @Test func keysAreMadeShownAndDeleted() async throws {
        try await Service.run { service in
            let (cloud, path) = (service.cloud, "/users/\(service.user)/credentials/OS-EC2")
            let own = try await cloud.token(of: service.user, scope: ["project": ["id": .string(service.project)]])
            let created = await cloud.call(.post, path, own, ["tenant_id": .string(service.project)])
            #expect(created.status == .created)
            let access = try #require(created.json["credential"]?["access"]?.string)
            let secret = try #require(created.json["credential"]?["secret"]?.string)
            #expect(secret.count == 32 && access.count == 32)
            #expect(created.json["credential"] == [
                "user_id": .string(service.user), "tenant_id": .string(service.project), "access": .string(access),
                "secret": .string(secret), "trust_id": nil,
                "links": ["self": .string("http://127.0.0.1:9000/identity/v3\(path)/\(access)")],
            ])
            #expect(await cloud.call(.get, path + "/" + access, own).json == created.json)
            let text = Array("GET\n\n\n\n/bucket".utf8)
            let code = MessageAuthentication.code(.sha1, key: Array(secret.utf8), message: text)
            let signed: JSON = [
                "access": .string(access), "signature": .string(Data(code).base64EncodedString()),
                "token": .string(Data(text).base64EncodedString()),
            ]
            #expect(await service.ask("/s3tokens", signed).status == .ok, "keys that the cloud made sign like others")
            let listed = await cloud.call(.get, path, own).json["credentials"]?.array?.compactMap { $0["access"]?.string }
            #expect(listed.map(Set.init) == ["access", access])
            #expect(await cloud.call(.delete, path + "/" + access, own).status == .noContent)
            #expect(await cloud.call(.get, path + "/" + access, own).status == .notFound)
            #expect(await cloud.call(.post, path, own, [:]).status == .badRequest)
            #expect(await cloud.call(.post, path, own, ["tenant_id": "nowhere"]).status == .notFound)
            let nobody = "/users/nobody/credentials/OS-EC2"
            #expect(await cloud.call(.post, nobody, service.admin, ["tenant_id": .string(service.project)]).status == .notFound)
            #expect(await cloud.call(.get, nobody, service.admin).status == .notFound)
        }
    }

    @Test func personasReachTheKeysUpstreamGivesThem() async throws {
        try await Service.run { service in
            let (cloud, admin) = (service.cloud, service.admin)
            let (path, tenant): (String, JSON) = ("/users/\(service.user)/credentials/OS-EC2", ["tenant_id": .string(service.project)])
            let top = try await cloud.user("top", role: "admin", on: "domains/default", admin)
            let domain = try await cloud.token(of: top, scope: ["domain": ["id": "default"]])
            for (method, place) in [(HTTPRequest.Method.get, path), (.post, path), (.get, path + "/access"), (.delete, path + "/access")] {
                #expect(await cloud.call(method, place, domain, tenant).status == .forbidden, "\(method) \(place): keys have no domain")
            }
            #expect(await cloud.call(.get, path + "/nothing", domain).status == .notFound)
            #expect(await cloud.call(.delete, path + "/nothing", domain).status == .notFound)
            let reader = try await cloud.user("r", role: "reader", on: "system", admin)
            let system = try await cloud.token(of: reader, scope: ["system": ["all": true]])
            #expect(await cloud.call(.get, path, system).status == .ok)
            #expect(await cloud.call(.get, path + "/access", system).status == .ok)
            #expect(await cloud.call(.delete, path + "/access", system).status == .forbidden)
            #expect(await cloud.call(.post, "/users/\(reader)/credentials/OS-EC2", system, tenant).status == .forbidden, "readers change nothing")
            let other = try await cloud.user("o", role: "member", on: "projects/\(service.project)", admin)
            let stranger = try await cloud.token(of: other, scope: ["project": ["id": .string(service.project)]])
            #expect(await cloud.call(.get, path, stranger).status == .forbidden)
            #expect(await cloud.call(.get, path + "/access", stranger).status == .forbidden)
            let detour = "/users/\(other)/credentials/OS-EC2/access"
            #expect(await cloud.call(.delete, detour, stranger).status == .forbidden, "the keys' owner counts, not the path's")
        }
    }
}
