import Foundation
import Testing

/// Arrows point down only: platform below hosts and services, no service knows another.
@Suite struct LayerTests {
    /// Each module's imports of our own modules.
    private func imports() throws -> [String: Set<String>] {
        let files = try SourceFile.all(under: "Sources")
        let ours = Set(files.map(\.module))
        var imports: [String: Set<String>] = [:]
        for file in files {
            for line in file.code {
                guard line.utf8.holds("import "), let match = line.firstMatch(of: /^\s*(?:@\w+\s+)*(?:public |internal |private )?import (?:struct |class |enum |protocol |func )?(\w+)/)
                else { continue }
                let name = String(match.output.1)
                if ours.contains(name) { imports[file.module, default: []].insert(name) }
            }
        }
        return imports
    }

    @Test func noServiceImportsAnother() throws {
        let imports = try imports()
        #expect(House.services.isSubset(of: imports.keys))
        for service in House.services {
            let wrong = imports[service, default: []].intersection(House.services)
            #expect(wrong.isEmpty, "\(service) imports \(wrong.sorted())")
        }
    }

    @Test func thePlatformKnowsNoService() throws {
        for (module, imported) in try imports() where module.hasPrefix("Cloud") && module != "Cloud" {
            let wrong = imported.filter { !$0.hasPrefix("Cloud") && !$0.hasPrefix("C") || $0 == "Cloud" || House.services.contains($0) }
            #expect(wrong.isEmpty, "\(module) imports \(wrong.sorted())")
        }
    }

    @Test func hostsKnowMessagesAndNoController() throws {
        for (module, imported) in try imports() where House.hosts.union(House.contracts).contains(module) {
            let wrong = imported.intersection(House.services.union(["CloudAPI", "CloudStore", "CloudWorkflow", "CloudPolicy"]))
            #expect(wrong.isEmpty, "\(module) imports \(wrong.sorted())")
        }
    }

    @Test func servicesReachHostsByMessagesOnly() throws {
        let agents = House.hosts.subtracting(["ImageStores", "HostCommands"])
        for (module, imported) in try imports() where House.services.contains(module) {
            #expect(imported.isDisjoint(with: agents), "\(module) imports an agent")
            #expect(imported.isDisjoint(with: ["CloudSettings"]), "\(module) reads settings instead of taking options")
        }
    }

    @Test func onlyTheCompositionRootKnowsEverything() throws {
        for (module, imported) in try imports() where !House.composition.contains(module) {
            #expect(imported.isDisjoint(with: House.composition), "\(module) imports the composition root")
        }
    }

    /// SQL lives in a service's Records and in the platform's store and engine, nowhere else.
    @Test func sqlStaysInRecords() throws {
        let statement = /"(?:SELECT\s.+\sFROM|INSERT\s+INTO|UPDATE\s+\w+\s+SET|DELETE\s+FROM|CREATE\s+TABLE)/
        for file in try SourceFile.all(under: "Sources") where !file.path.contains("/Records/") {
            guard House.services.contains(file.module) || House.hosts.contains(file.module) || file.module == "CloudAPI" else { continue }
            for (position, line) in file.lines.enumerated() where line.utf8.holds("\"") && line.contains(statement) {
                Issue.record("\(file.path):\(position + 1): SQL outside Records")
            }
        }
    }
}
