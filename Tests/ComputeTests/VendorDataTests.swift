import CloudCore
import ComputeMessages
import Foundation
import Synchronization
import Testing

@testable import Compute

/// Services that answer from a table and count how often they are asked.
private final class FakeVendorData: VendorDataServices {
    let names: [String]
    private let answers: Mutex<[String: JSON]>
    private let heard = Mutex<[JSON]>([])

    init(_ names: [String], _ answers: [String: JSON]) {
        self.names = names
        self.answers = Mutex(answers)
    }

    /// What the services were told.
    var questions: [JSON] { heard.withLock { $0 } }

    func set(_ answer: JSON, of name: String) { answers.withLock { $0[name] = answer } }

    func answer(of name: String, to question: JSON) async throws -> JSON {
        heard.withLock { $0.append(question) }
        guard let answer = answers.withLock({ $0[name] }) else { throw Unlucky() }
        return answer
    }
}

/// What the operator's services tell guests.
struct VendorDataTests {
    private func document(_ site: Site, _ id: String, _ name: String) async throws -> JSON {
        let address = try #require(await site.show(id)["addresses"]?["private"]?[0]?["addr"]?.string)
        let found = try await site.compute.metadata.answer(
            network: FakeNetworking.network, address: address, path: "/openstack/latest/\(name)", leaving: nil)
        switch found {
        case .document(_, let body): return try JSON(parsing: body)
        case .status(let status): return .int(status)
        }
    }

    @Test func guestsFindTheAnswersUnderTheServicesNames() async throws {
        let services = FakeVendorData(["inventory", "licence"], ["inventory": ["rack": 7], "licence": "abc"])
        try await Site.with(vendorData: services, { $0.vendorData = ["k": "v"] }) { site in
            let id = try await site.build("web", ["user_data": "aGVsbG8=", "metadata": ["a": "b"]])
            // Neither the build of a guest without a drive nor the other documents ask anybody.
            #expect(try await document(site, id, "vendor_data.json") == ["k": "v"])
            #expect(services.questions.isEmpty)
            let wanted: JSON = ["static": ["k": "v"], "inventory": ["rack": 7], "licence": "abc"]
            #expect(try await document(site, id, "vendor_data2.json") == wanted)
            // What was said is kept for a moment.
            services.set(["rack": 8], of: "inventory")
            #expect(try await document(site, id, "vendor_data2.json") == wanted)
            #expect(services.questions.count == 2)
            #expect(services.questions.first == [
                "project-id": "blue", "instance-id": .string(id), "image-id": .string(FakeImages.image), "user-data": "aGVsbG8=",
                "hostname": "web", "metadata": ["a": "b"], "boot-roles": "member,reader",
            ])
        }
    }

    @Test func aServiceThatFailsSaysNothing() async throws {
        let services = FakeVendorData(["away", "there"], ["there": ["k": 1]])
        try await Site.with(vendorData: services) { site in
            let id = try await site.build()
            #expect(try await document(site, id, "vendor_data2.json") == ["away": [:], "there": ["k": 1]])
            // A failure is not kept.
            services.set([1, 2], of: "away")
            #expect(try await document(site, id, "vendor_data2.json") == ["away": [1, 2], "there": ["k": 1]])
        }
    }

    @Test func whereAFailureIsFatalNoGuestIsMadeAndNoneIsAnswered() async throws {
        try await Site.with(vendorData: FakeVendorData(["away"], [:]), { $0.isVendorDataFailureFatal = true }) { site in
            let plain = try await site.build()
            #expect(await site.show(plain)["status"] == "ACTIVE")
            #expect(try await document(site, plain, "vendor_data2.json") == 500)
            #expect(try await document(site, plain, "meta_data.json")["uuid"] == .string(plain))
            let driven = try await site.build("driven", ["config_drive": true])
            let shown = await site.show(driven)
            #expect(shown["status"] == "ERROR")
            #expect(shown["fault"]?["message"]?.string?.contains("away") == true)
        }
    }

    @Test func drivesHoldTheAnswersAndOutliveTheServices() async throws {
        let services = FakeVendorData(["inventory"], ["inventory": ["rack": 7]])
        try await Site.with(vendorData: services) { site in
            let id = try await site.build("web", ["config_drive": true])
            let found = try await site.compute.parts.configDrive(of: id)
            let files = Dictionary(uniqueKeysWithValues: try #require(found).files.map { ($0.path, $0.bytes) })
            let bytes = try #require(files["openstack/latest/vendor_data2.json"])
            #expect(try JSON(parsing: Array(bytes)) == ["inventory": ["rack": 7]])
            let old = try #require(files["openstack/2015-10-15/vendor_data.json"])
            #expect(try JSON(parsing: Array(old)) == [:])
            #expect(try await site.compute.parts.guest(id)?.configDrive?.files.contains { $0.bytes == bytes } == true)
        }
    }
}
