import CloudAPI
import CloudCore
import Testing

@testable import Compute

/// What a server's NUMA topology shows.
@Suite(.timeLimit(.minutes(2))) struct ServerTopologyTests {
    private func nodes(_ site: Site, _ id: String, token: String) async -> [JSON] {
        await site.send(.get, "/servers/\(id)/topology", token: token, at: "2.78").json["nodes"]?.array ?? []
    }

    private func ask(_ site: Site, for specs: JSON) async {
        let answer = await site.send(.post, "/flavors/1/os-extra_specs", token: Site.admin, ["extra_specs": specs])
        #expect(answer.status == .ok, "\(answer.text)")
    }

    @Test func theHostSaysWhereAGuestIs() async throws {
        try await Site.with { site in
            await ask(site, for: ["hw:numa_nodes": "1"])
            let id = try await site.build()
            let seen = try #require(await nodes(site, id, token: Site.admin).first)
            #expect(seen["host_node"] == 1)
            #expect(seen["cpu_pinning"] == ["0": 5])
            #expect(seen["vcpu_set"] == [0])
            let own = try #require(await nodes(site, id, token: Site.member).first)
            #expect(own["host_node"] == nil && own["cpu_pinning"] == nil, "what a host is like is none of its owner's business")
            #expect(site.agents.asked.filter { $0.hasPrefix("locate") }.count == 1)
        }
    }

    @Test func withoutAnAnswerNothingIsMadeUp() async throws {
        try await Site.with { site in
            let plain = try await site.build()
            #expect(await nodes(site, plain, token: Site.admin).isEmpty)
            await ask(site, for: ["hw:numa_nodes": "1"])
            let id = try await site.build("other")
            site.agents.orders.fail("locate", with: Unlucky())
            let seen = try #require(await nodes(site, id, token: Site.admin).first)
            #expect(seen["host_node"] == nil && seen["cpu_pinning"] == nil)
            #expect(seen["memory_mb"] == 512)
        }
    }
}
