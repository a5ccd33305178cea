import CloudCore

/// What `altostack doctor` found out about one thing.
public struct DoctorFinding: Sendable, Hashable {
    /// How bad it is.
    public enum Standing: String, Sendable, Hashable, CaseIterable {
        /// As it should be.
        case good
        /// The cloud runs, but less well than it could.
        case warning
        /// A real cloud doesn't run, or doesn't work, like this.
        case problem
    }

    /// What was looked at, such as "processor".
    public let check: String
    /// How bad it is.
    public let standing: Standing
    /// What was found.
    public let text: String
    /// What to do; nil when there is nothing to do.
    public let remedy: String?

    /// A thing that is as it should be.
    public static func good(_ check: String, _ text: String) -> DoctorFinding {
        DoctorFinding(check: check, standing: .good, text: text, remedy: nil)
    }

    /// A thing that could be better.
    public static func warning(_ check: String, _ text: String, remedy: String) -> DoctorFinding {
        DoctorFinding(check: check, standing: .warning, text: text, remedy: remedy)
    }

    /// A thing without which a real cloud doesn't work.
    public static func problem(_ check: String, _ text: String, remedy: String) -> DoctorFinding {
        DoctorFinding(check: check, standing: .problem, text: text, remedy: remedy)
    }
}

/// Everything that `altostack doctor` found out.
public struct DoctorReport: Sendable, Hashable {
    /// The findings in the order in which they were made.
    public let findings: [DoctorFinding]

    /// A report.
    public init(_ findings: [DoctorFinding]) { self.findings = findings }

    /// Zero when a real cloud can run here, one when something stands in its way.
    public var exitCode: Int32 { findings.contains { $0.standing == .problem } ? 1 : 0 }

    /// For people.
    public var text: String {
        let width = findings.map(\.check.count).max() ?? 0
        let lines = findings.flatMap { finding in
            let mark = switch finding.standing {
            case .good: "✓"
            case .warning: "!"
            case .problem: "✗"
            }
            let name = finding.check.padding(to: width)
            let indent = String(repeating: " ", count: width + 4)
            return ["\(mark) \(name)  \(finding.text)"] + (finding.remedy.map { ["\(indent)→ \($0)"] } ?? [])
        }
        return (lines + ["", summary]).joined(separator: "\n")
    }

    private var summary: String {
        let problems = findings.count { $0.standing == .problem }, warnings = findings.count { $0.standing == .warning }
        guard problems == 0 else {
            let count = problems == 1 ? "1 problem stands" : "\(problems) problems stand"
            return "\(count) in the way of a real cloud; `altostack up --simulate` needs only a port and some disk"
        }
        return warnings == 0 ? "everything is as it should be" : "a real cloud runs here; \(warnings) could be better"
    }

    /// For programs.
    public var json: JSON {
        [
            "ready": .bool(exitCode == 0),
            "findings": .array(findings.map {
                [
                    "check": .string($0.check), "standing": .string($0.standing.rawValue), "text": .string($0.text),
                    "remedy": $0.remedy.map { .string($0) } ?? .null,
                ]
            }),
        ]
    }
}
