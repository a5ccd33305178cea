import CloudAPI
import CloudCore
import Testing

@testable import Compute

/// Whether interfaces have several queues, a flavor and an image may not say differently.
struct QueueRuleTests {
    private static let name = "hw:vif_multiqueue_enabled"

    private func refusal(_ image: String?, _ specs: [String: String], vcpus: Int = 2) -> Bool {
        var flavor = Sample.flavor(specs)
        flavor.vcpus = vcpus
        do {
            try ImageRules.checkQueues(flavor, image.map { ["hw_vif_multiqueue_enabled": $0] } ?? [:])
            return false
        } catch {
            return true
        }
    }

    @Test func onlyDifferentAnswersToTheSameQuestionAreRefused() {
        #expect(refusal("true", [Self.name: "false"]))
        #expect(refusal("no", [Self.name: "True"]))
        #expect(!refusal("yes", [Self.name: "1"]))
        #expect(!refusal("true", [:]))
        #expect(!refusal(nil, [Self.name: "false"]))
        #expect(!refusal("true", [Self.name: "false"], vcpus: 1))
    }

    @Test func createRebuildAndResizeRefuseAContradiction() async throws {
        try await Site.with { site in
            try await site.addFlavor("2", "many", vcpus: 2)
            try await site.addFlavor("3", "more", vcpus: 3)
            for flavor in ["2", "3"] {
                let said: JSON = ["extra_specs": [Self.name: "false"]]
                #expect(await site.send(.post, "/flavors/\(flavor)/os-extra_specs", token: Site.admin, said).status == .ok)
            }
            let image: JSON = .string(FakeImages.queues)
            let made = await site.send(.post, "/servers", at: "2.104", Site.request("web", ["flavorRef": "2", "imageRef": image]))
            #expect(made.status == .badRequest)
            #expect(made.text.contains(Self.name))
            let other = try await site.build("other", ["flavorRef": "2"])
            #expect(await site.act(other, ["rebuild": ["imageRef": image]]).status == .badRequest)
            let one = try await site.build("one", ["imageRef": image])
            #expect(await site.act(one, ["resize": ["flavorRef": "3"]]).status == .badRequest)
            #expect(await site.show(one)["OS-EXT-STS:task_state"] == .null)
            #expect(await site.act(other, ["resize": ["flavorRef": "3"]]).status == .accepted)
            try await site.settle()
        }
    }
}
