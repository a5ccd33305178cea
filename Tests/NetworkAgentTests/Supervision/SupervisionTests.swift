import Testing

@testable import NetworkAgent

@Suite(.timeLimit(.minutes(1))) struct RestartBackoffTests {
    @Test func aDaemonThatRanForAWhileIsStartedAtOnceAndOtherwiseLaterEachTime() {
        var backoff = RestartBackoff()
        var now = ContinuousClock.now
        #expect(backoff.isDue(at: now))
        backoff.started(at: now)
        #expect(backoff.isDue(at: now))
        var waits: [Duration] = []
        for _ in 0..<9 {
            backoff.started(at: now)
            var wait = Duration.zero
            while !backoff.isDue(at: now + wait) { wait += .milliseconds(500) }
            waits.append(wait)
            now += .milliseconds(1)
        }
        #expect(waits == [0.5, 1, 2, 4, 8, 16, 30, 30, 30].map { Duration.seconds($0) })
        backoff.started(at: now + .seconds(60))
        #expect(backoff.isDue(at: now + .seconds(60) + .milliseconds(500)))
    }
}

@Suite(.timeLimit(.minutes(1))) struct NetworkAgentOptionsTests {
    private func options(_ change: (inout NetworkAgentOptions) -> Void = { _ in }) -> NetworkAgentOptions {
        var options = NetworkAgentOptions(
            stateDirectory: "/var/lib/altostack/network", hostName: "host1", physicalNetworks: ["public": "br-ex"],
            bridgeAddresses: ["br-ex": "172.24.4.1/24"])
        change(&options)
        return options
    }

    @Test func goodOptionsPass() throws {
        try options().validate()
        #expect(options().bridges == ["br-ex", "br-int", "br-tun"])
    }

    @Test func badOptionsAreTold() {
        let bad = [
            options { $0.physicalNetworks = ["public": "a-bridge-too-long"] },
            options { $0.physicalNetworks = ["pub,lic:x": "br-ex"] },
            options { $0.integrationBridge = "br int" },
            options { $0.bridgeAddresses = ["br-ex": "172.24.4.1/24 dev eth0"] },
            options { $0.hostName = "" },
            options { $0.tunnelAddress = "nowhere" },
            options { $0.stateDirectory = "relative" },
            options { $0.stateDirectory = "/" + String(repeating: "x", count: 80) },
        ]
        for options in bad {
            #expect(throws: HostError.self) { try options.validate() }
        }
    }
}

@Suite(.timeLimit(.minutes(1))) struct DaemonTests {
    /// A process id in a file may have come to mean another process.
    @Test func aForeignProcessIsNotAdopted() throws {
        let path = "/tmp/alto-pid-\(UInt32.random(in: 0...UInt32.max))"
        let daemon = Daemon(
            name: "d", executable: try Command.find("sleep"), arguments: [], environment: [:], pidFile: path, log: "", control: "/run/%.ctl")
        #expect(daemon.process == nil)
        #expect(daemon.controlPath(of: 12) == "/run/12.ctl")
    }
}
