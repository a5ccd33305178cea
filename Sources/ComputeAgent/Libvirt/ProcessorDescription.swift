import CloudCore
import Foundation

/// The host's processor as Nova's cpu_info has it.
struct ProcessorDescription: Sendable {
    var cells: Int
    var sockets: Int
    var cores: Int
    var threads: Int

    /// The JSON text.
    var json: String {
        let fields = Self.fields(of: (try? String(contentsOfFile: "/proc/cpuinfo", encoding: .utf8)) ?? "")
        let features = (fields["flags"] ?? "").split(separator: " ").sorted().map { JSON.string(String($0)) }
        let topology: JSON = ["cells": .int(cells), "sockets": .int(sockets), "cores": .int(cores), "threads": .int(threads)]
        let description: JSON = [
            "arch": "x86_64", "model": .string(fields["model name"] ?? "unknown"),
            "vendor": .string(fields["vendor_id"] ?? "unknown"), "topology": topology, "features": .array(features),
        ]
        return description.text
    }

    /// The first processor's fields of /proc/cpuinfo.
    static func fields(of text: String) -> [String: String] {
        var fields: [String: String] = [:]
        for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
            if line.isEmpty { break }
            guard let colon = line.firstIndex(of: ":") else { continue }
            let name = line[..<colon].trimmingCharacters(in: .whitespaces)
            fields[name] = line[line.index(after: colon)...].trimmingCharacters(in: .whitespaces)
        }
        return fields
    }
}
