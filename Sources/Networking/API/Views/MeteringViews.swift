import CloudCore
import CloudStore

/// A metering label as the API shows it.
struct MeteringLabelView: View {
    static let names = ResourceNames("metering_label", "metering_labels")

    let label: MeteringLabel

    static func load(_ labels: [MeteringLabel], in reader: any Reader) throws -> [MeteringLabelView] {
        labels.map { MeteringLabelView(label: $0) }
    }

    var id: String { label.id }
    var subject: PolicySubject { PolicySubject(projectID: label.projectID) }

    func write(to json: inout MemberWriter) {
        json("id", label.id)
        json.project(label.projectID)
        json("name", label.name)
        json("description", label.description)
        json("shared", label.isShared)
    }
}

/// A metering rule as the API shows it.
struct MeteringRuleView: View {
    static let names = ResourceNames("metering_label_rule", "metering_label_rules")

    let rule: MeteringRule
    /// The label's project.
    let projectID: String

    static func load(_ rules: [MeteringRule], in reader: any Reader) throws -> [MeteringRuleView] {
        let projects = try MeteringLabelRecords.projects(rules.map(\.labelID), in: reader)
        return rules.map { MeteringRuleView(rule: $0, projectID: projects[$0.labelID] ?? "") }
    }

    var id: String { rule.id }
    var subject: PolicySubject { PolicySubject(projectID: projectID) }

    func write(to json: inout MemberWriter) {
        json("id", rule.id)
        json("metering_label_id", rule.labelID)
        json("direction", rule.direction)
        json("excluded", rule.isExcluded)
        json("remote_ip_prefix", rule.remote)
        json("source_ip_prefix", rule.source)
        json("destination_ip_prefix", rule.destination)
    }
}
