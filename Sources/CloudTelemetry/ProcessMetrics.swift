import CloudCore
import Foundation

/// What the system knows about this process, under the names Prometheus's client libraries use.
enum ProcessMetrics {
    static func register(in registry: PrometheusRegistry) {
        let start = Double(Timestamp.now.microseconds) / 1e6
        registry.gauge("process_start_time_seconds", "When the process started, in seconds since 1970.") { start }
        registry.gauge("process_resident_memory_bytes", "Memory in use.") { residentBytes }
        registry.gauge("process_open_fds", "Open file descriptors.") { openDescriptors }
    }

    /// The second field of /proc/self/statm, in pages (proc(5)); 0 where there is none.
    private static var residentBytes: Double {
        guard let text = try? String(contentsOfFile: "/proc/self/statm", encoding: .utf8) else { return 0 }
        let fields = text.split(separator: " ")
        guard fields.count > 1, let pages = Double(fields[1]) else { return 0 }
        return pages * Double(sysconf(Int32(_SC_PAGESIZE)))
    }

    private static var openDescriptors: Double {
        Double((try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd"))?.count ?? 0)
    }
}
