import CloudAPI
import CloudCore
import Testing

@testable import MetadataDefinitions

@Suite struct BuiltInDefinitionTests {
    @Test func everyDefinitionCanBeLoadedAndServed() async throws {
        try await Catalogue.with { catalogue in
            let files = MetadataDefinitions.builtInDefinitions
            for file in files { #expect(throws: Never.self) { try DefinitionFile(name: file.name, text: file.text) } }
            let report = try await catalogue.definitions.load(files, mode: .keep)
            #expect(report.made.count == files.count)
            #expect(Set(report.made).count == files.count)
            for name in report.made {
                #expect(await catalogue.send(.get, "/namespaces/\(name)").status == .ok, "\(name)")
            }
            let types = await catalogue.send(.get, "/resource_types").json["resource_types"]?.array ?? []
            #expect(types.contains { $0["name"] == "OS::Glance::Image" })
            let flavor = await catalogue.send(.get, "/namespaces/OS::Compute::CPUPinning?resource_type=OS::Nova::Flavor").json
            #expect(flavor["properties"]?["hw:cpu_policy"]?["enum"] == ["shared", "dedicated"])
            #expect(await catalogue.names(token: Catalogue.member).contains("OS::Compute::Watchdog"))
            #expect(await catalogue.send(.delete, "/namespaces/OS::Compute::Watchdog").status == .forbidden)
        }
    }

    @Test func valuesAreUnique() {
        for file in MetadataDefinitions.builtInDefinitions {
            let objects = file.json["objects"]?.array?.compactMap { $0["properties"]?.object } ?? []
            for properties in objects + [file.json["properties"]?.object ?? [:]] {
                for property in properties {
                    let values = property.value["enum"]?.array ?? property.value["items"]?["enum"]?.array ?? []
                    #expect(Set(values).count == values.count, "\(file.name) \(property.name)")
                    if let fallback = property.value["default"], !values.isEmpty { #expect(values.contains(fallback), "\(property.name)") }
                }
            }
        }
    }
}

@Suite struct DefinitionFileTests {
    private func file(_ json: JSON) throws -> DefinitionFile { try DefinitionFile(name: "n.json", text: json.text) }

    private func property(_ title: String) -> JSON { ["title": .string(title), "type": "string"] }

    @Test func whatIsThereStaysMergesOrMakesRoom() async throws {
        try await Catalogue.with { catalogue in
            let old = try file(["namespace": "n", "description": "old", "properties": ["a": property("old")]])
            let new = try file([
                "namespace": "n", "description": "new", "properties": ["a": property("new"), "b": property("new")],
                "resource_type_associations": [["name": "image"]],
            ])
            func shown() async -> JSON { await catalogue.send(.get, "/namespaces/n").json }
            #expect(try await catalogue.definitions.load([old], mode: .keep).made == ["n"])
            #expect(try await catalogue.definitions.load([new], mode: .keep).kept == ["n"])
            #expect(await shown()["properties"] == ["a": property("old")])
            #expect(try await catalogue.definitions.load([new], mode: .merge).merged == ["n"])
            #expect(await shown()["properties"] == ["a": property("old"), "b": property("new")])
            #expect(await shown()["description"] == "old")
            #expect(await shown()["resource_type_associations"]?[0]?["name"] == "image")
            #expect(try await catalogue.definitions.load([new], mode: .preferNew).merged == ["n"])
            #expect(await shown()["properties"]?["a"] == property("new"))
            #expect(await shown()["description"] == "new")
            #expect(try await catalogue.definitions.load([old], mode: .overwrite).made == ["n"])
            #expect(await shown()["properties"] == ["a": property("old")])
            #expect(await shown()["resource_type_associations"] == nil)
            #expect(await shown()["owner"] == "admin")
        }
    }

    @Test func aFileThatIsWrongLoadsNothing() async throws {
        try await Catalogue.with { catalogue in
            let good = try file(["namespace": "good"])
            let twice = try file(["namespace": "twice", "tags": [["name": "t"], ["name": "t"]]])
            await #expect(throws: DefinitionFile.Failure.self) { try await catalogue.definitions.load([good, twice], mode: .keep) }
            #expect(await catalogue.names().isEmpty)
        }
    }

    @Test(arguments: ["", "[]", "{}", #"{"namespace": 1}"#, #"{"namespace": "n", "properties": {"p": {}}}"#])
    func textThatIsNoDefinitionIsRefused(text: String) {
        #expect(throws: DefinitionFile.Failure.self) { try DefinitionFile(name: "n.json", text: text) }
    }

    @Test func whatIsExportedCanBeLoadedAgain() async throws {
        try await Catalogue.with { catalogue in
            _ = try await catalogue.definitions.load(MetadataDefinitions.builtInDefinitions, mode: .keep)
            try await catalogue.create("same", ["display_name": "Watchdog Behavior", "tags": [["name": "t"]]])
            let files = try await catalogue.definitions.export()
            #expect(Set(files.map(\.name)).count == files.count)
            #expect(files.contains { $0.name == "CPUPinning.json" })
            let before = await catalogue.send(.get, "/namespaces/OS::Software::DBMS").json["objects"]?.array?.map { $0["properties"] }
            #expect(try await catalogue.definitions.unload() == files.count)
            #expect(await catalogue.send(.get, "/resource_types").json == ["resource_types": []])
            let again = try files.map { try DefinitionFile(name: $0.name, text: $0.text) }
            #expect(try await catalogue.definitions.load(again, mode: .keep).made.count == files.count)
            let after = await catalogue.send(.get, "/namespaces/OS::Software::DBMS").json["objects"]?.array?.map { $0["properties"] }
            #expect(before == after)
            #expect(await catalogue.send(.get, "/namespaces/same").json["tags"] == [["name": "t"]])
        }
    }

    @Test func nullsOfGlancesOwnExportsAreNothing() async throws {
        try await Catalogue.with { catalogue in
            let exported = try file([
                "namespace": "n", "description": nil, "protected": nil, "properties": [:], "tags": [],
                "resource_type_associations": [["name": "image", "prefix": nil, "properties_target": nil]],
                "objects": [["name": "o", "description": nil, "properties": [:]]],
            ])
            #expect(try await catalogue.definitions.load([exported], mode: .keep).made == ["n"])
        }
    }
}
