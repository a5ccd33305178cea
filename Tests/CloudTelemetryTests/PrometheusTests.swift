import CloudTelemetry
import Metrics
import Testing

@Suite struct PrometheusTests {
    let registry = PrometheusRegistry(maximumSeries: 3)

    private func lines(_ name: String) -> [String] {
        registry.render().split(separator: "\n").map(String.init).filter { $0.contains(name) }
    }

    @Test func countersEndInTotal() {
        let counter = Counter(label: "store.commits", dimensions: [("kind", "write")], factory: registry)
        counter.increment()
        counter.increment(by: 2)
        #expect(lines("store") == ["# TYPE store_commits_total counter", #"store_commits_total{kind="write"} 3"#])
    }

    @Test func theSameLabelsAreTheSameSeries() {
        Counter(label: "hits", dimensions: [("a", "1"), ("b", "2")], factory: registry).increment()
        Counter(label: "hits", dimensions: [("b", "2"), ("a", "1")], factory: registry).increment()
        #expect(lines("hits_total{") == [#"hits_total{a="1",b="2"} 2"#])
    }

    @Test func gaugesGoUpAndDown() {
        let gauge = Gauge(label: "queue.length", dimensions: [], factory: registry)
        gauge.record(5)
        gauge.record(2.5)
        #expect(lines("queue_length ") == ["# TYPE queue_length gauge", "queue_length 2.5"])
        let meter = Meter(label: "in.flight", dimensions: [], factory: registry)
        meter.increment()
        meter.increment()
        meter.decrement()
        #expect(lines("in_flight ").last == "in_flight 1")
    }

    @Test func timersAreHistogramsInSeconds() {
        let timer = Timer(label: "boot", dimensions: [("host", "a")], factory: registry)
        timer.recordMilliseconds(3)
        timer.recordSeconds(2)
        timer.recordSeconds(1000)
        let text = registry.render()
        #expect(text.contains(#"boot_seconds_bucket{host="a",le="0.0025"} 0"#))
        #expect(text.contains(#"boot_seconds_bucket{host="a",le="0.005"} 1"#))
        #expect(text.contains(#"boot_seconds_bucket{host="a",le="2.5"} 2"#))
        #expect(text.contains(#"boot_seconds_bucket{host="a",le="+Inf"} 3"#))
        #expect(text.contains(#"boot_seconds_count{host="a"} 3"#))
        #expect(text.contains(#"boot_seconds_sum{host="a"} 1002.003"#))
    }

    @Test func recordersWithoutLabels() {
        Recorder(label: "sizes", dimensions: [], aggregate: true, factory: registry).record(50)
        #expect(registry.render().contains("sizes_bucket{le=\"100\"} 1\n"))
        #expect(registry.render().contains("sizes_sum 50\n"))
    }

    @Test func theNumberOfLabelSetsIsBounded() {
        for user in 0..<10 { Counter(label: "logins", dimensions: [("user", "\(user)")], factory: registry).increment() }
        #expect(lines("logins_total{").count == 4)
        #expect(lines("overflow") == [#"logins_total{overflow="true"} 7"#])
    }

    @Test func labelsAreEscaped() {
        Counter(label: "odd", dimensions: [("a-b", "x\"y\\z\nw")], factory: registry).increment()
        #expect(lines("odd_total{") == [#"odd_total{a_b="x\"y\\z\nw"} 1"#])
    }

    @Test func anotherKindUnderTheSameNameDoesNotMix() {
        Gauge(label: "clash", dimensions: [], factory: registry).record(1)
        Recorder(label: "clash", dimensions: [], aggregate: true, factory: registry).record(9)
        #expect(lines("clash") == ["# TYPE clash gauge", "clash 1"])
    }

    @Test func collectedGaugesAreReadWhenShown() {
        registry.gauge("uptime_seconds", "How long.") { 42 }
        #expect(lines("uptime") == ["# HELP uptime_seconds How long.", "# TYPE uptime_seconds gauge", "uptime_seconds 42"])
    }
}
