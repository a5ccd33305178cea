import Foundation

/// What the machine says about itself under /proc.
enum HostFacts {
    /// The line that uptime(1) prints.
    static func uptime(seconds: Int, load: String, now: Date = Date()) -> String {
        let ofDay = Int(now.timeIntervalSince1970) % 86_400
        func pair(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }
        let clock = [ofDay / 3600, ofDay / 60 % 60, ofDay % 60].map(pair).joined(separator: ":")
        let (days, hours, minutes) = (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60)
        let long = days == 0 ? "" : days == 1 ? "1 day, " : "\(days) days, "
        let short = hours == 0 ? "\(minutes) min" : "\(hours < 10 ? " " : "")\(hours):\(pair(minutes))"
        return " \(clock) up \(long)\(short),  0 users,  load average: \(load)"
    }

    /// The same of this machine; nil where /proc doesn't say.
    static func uptime() -> String? {
        guard let up = words("/proc/uptime").first.flatMap(Double.init) else { return nil }
        let load = words("/proc/loadavg").prefix(3)
        return load.count == 3 ? uptime(seconds: Int(up), load: load.joined(separator: ", ")) : nil
    }

    /// Memory in use in MiB: all but what could be had at once.
    static func usedMemoryMiB() -> Int? {
        let fields = ProcessorDescription.fields(of: (try? String(contentsOfFile: "/proc/meminfo", encoding: .utf8)) ?? "")
        func kibibytes(_ name: String) -> Int? { fields[name]?.split(separator: " ").first.flatMap { Int($0) } }
        guard let total = kibibytes("MemTotal"), let available = kibibytes("MemAvailable") else { return nil }
        return max(0, total - available) / 1024
    }

    /// What tells one boot from another. A container that is started anew has another first process under the same
    /// kernel, and its guests are gone all the same.
    static func bootID() -> String {
        let boot = words("/proc/sys/kernel/random/boot_id").first ?? ""
        let status = (try? String(contentsOfFile: "/proc/1/stat", encoding: .utf8)) ?? ""
        // Behind the name in brackets, which may hold anything, the start time is the twentieth word (proc(5)).
        let rest = status.lastIndex(of: ")").map { status[status.index(after: $0)...].split(separator: " ") } ?? []
        return rest.count > 19 ? "\(boot)-\(rest[19])" : boot
    }

    private static func words(_ path: String) -> [String] {
        ((try? String(contentsOfFile: path, encoding: .utf8)) ?? "").split(whereSeparator: \.isWhitespace).map(String.init)
    }
}
