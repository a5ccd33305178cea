import CloudAPI
import CloudCore
import Testing

@testable import MetadataDefinitions

@Suite struct ObjectTests {
    @Test func anObjectIsMadeChangedAndDeleted() async throws {
        try await Catalogue.with { catalogue in
            try await catalogue.create("n")
            let properties: JSON = ["size": ["title": "Size", "type": "integer", "minimum": 1]]
            let made = await catalogue.send(
                .post, "/namespaces/n/objects",
                ["name": "o", "description": "d", "required": ["size"], "properties": properties])
            #expect(made.status == .created)
            #expect(made.json["properties"] == properties)
            #expect(made.json["schema"] == "/v2/schemas/metadefs/object")
            #expect(await catalogue.send(.get, "/namespaces/n/objects/o").json == made.json)
            #expect(await catalogue.send(.post, "/namespaces/n/objects", ["name": "o"]).status == .conflict)
            let list = await catalogue.send(.get, "/namespaces/n/objects").json
            #expect(list == ["objects": [made.json], "schema": "v2/schemas/metadefs/objects"])
            let changed = await catalogue.send(.put, "/namespaces/n/objects/o", ["name": "p"])
            #expect(changed.status == .ok)
            #expect(changed.json["name"] == "p")
            #expect(changed.json["properties"] == [:])
            #expect(changed.json["description"] == nil)
            #expect(await catalogue.send(.get, "/namespaces/n/objects/o").status == .notFound)
            #expect(await catalogue.send(.delete, "/namespaces/n/objects/p").status == .noContent)
            #expect(await catalogue.send(.delete, "/namespaces/n/objects/p").status == .notFound)
        }
    }

    @Test func aNameOfAnotherIsAConflict() async throws {
        try await Catalogue.with { catalogue in
            try await catalogue.create("n", ["objects": [["name": "o"], ["name": "p"]]])
            #expect(await catalogue.send(.put, "/namespaces/n/objects/o", ["name": "p"]).status == .conflict)
            #expect(await catalogue.send(.put, "/namespaces/n/objects/o", ["name": "o", "description": "d"]).status == .ok)
        }
    }

    @Test(arguments: [
        [:], ["name": ""], ["name": "o", "colour": "red"], ["name": "o", "properties": ["p": ["type": "string"]]],
        ["name": "o", "properties": ["p": ["type": "string", "title": "P", "colour": "red"]]],
        ["name": "o", "properties": ["p": ["type": "string", "title": "P", "maxLength": -1]]], ["name": "o", "required": "p"],
    ] as [JSON])
    func impossibleObjectsAreRefused(body: JSON) async throws {
        try await Catalogue.with { catalogue in
            try await catalogue.create("n")
            #expect(await catalogue.send(.post, "/namespaces/n/objects", body).status == .badRequest)
        }
    }

    @Test(arguments: ["limit=x", "limit=0", "sort_dir=up", "sort_key=colour", "visibility=secret"])
    func impossibleListsAreRefused(query: String) async throws {
        try await Catalogue.with { catalogue in
            try await catalogue.create("n")
            #expect(await catalogue.send(.get, "/namespaces/n/objects?\(query)").status == .badRequest)
        }
    }
}

@Suite struct PropertyTests {
    private let property: JSON = ["name": "action", "title": "Action", "type": "string", "enum": ["reset"], "default": "reset"]

    @Test func aPropertyIsMadeChangedAndDeleted() async throws {
        try await Catalogue.with { catalogue in
            try await catalogue.create("n")
            let made = await catalogue.send(.post, "/namespaces/n/properties", property)
            #expect(made.status == .created)
            #expect(made.json == property)
            #expect(await catalogue.send(.post, "/namespaces/n/properties", property).status == .conflict)
            #expect(await catalogue.send(.get, "/namespaces/n/properties").json == ["properties": ["action": property]])
            #expect(await catalogue.send(.get, "/namespaces/n/properties/action").json == property)
            let wanted: JSON = ["name": "deed", "title": "Deed", "type": "string"]
            let changed = await catalogue.send(.put, "/namespaces/n/properties/action", wanted)
            #expect(changed.json == wanted)
            #expect(await catalogue.send(.get, "/namespaces/n/properties/action").status == .notFound)
            #expect(await catalogue.send(.delete, "/namespaces/n/properties/deed").status == .noContent)
            #expect(await catalogue.send(.get, "/namespaces/n/properties").json == ["properties": [:]])
        }
    }

    @Test func aPropertyIsFoundUnderItsNameOnAResource() async throws {
        try await Catalogue.with { catalogue in
            try await catalogue.create(
                "n",
                [
                    "properties": ["action": ["title": "Action", "type": "string"]],
                    "resource_type_associations": [["name": "flavor", "prefix": "hw:"], ["name": "image"]],
                ])
            func show(_ path: String) async -> HTTPResponse.Status {
                await catalogue.send(.get, "/namespaces/n/properties/\(path)").status
            }
            #expect(await show("hw:action?resource_type=flavor") == .ok)
            #expect(await show("action?resource_type=flavor") == .notFound)
            #expect(await show("action?resource_type=image") == .notFound)
            #expect(await show("action?resource_type=volume") == .notFound)
            #expect(await show("action") == .ok)
        }
    }

    @Test(arguments: [
        ["title": "P", "type": "string"], ["name": "p", "type": "string"], ["name": "p", "title": "P"],
        ["name": "p", "title": "P", "type": nil], ["name": "p", "title": "P", "type": "string", "colour": "red"],
    ] as [JSON])
    func impossiblePropertiesAreRefused(body: JSON) async throws {
        try await Catalogue.with { catalogue in
            try await catalogue.create("n")
            #expect(await catalogue.send(.post, "/namespaces/n/properties", body).status == .badRequest)
        }
    }
}

@Suite struct TagTests {
    private func names(_ catalogue: Catalogue, _ query: String = "") async -> [String] {
        let list = await catalogue.send(.get, "/namespaces/n/tags\(query)").json["tags"]?.array ?? []
        return list.compactMap { $0["name"]?.string }
    }

    private func send(_ catalogue: Catalogue, _ tags: [String], append: String? = nil) async throws -> HTTPResponse.Status {
        let body: JSON = ["tags": .array(tags.map { ["name": .string($0)] })]
        var headers: HTTPFields = [.contentType: "application/json", .authToken: Catalogue.admin]
        headers[try #require(HTTPField.Name("X-Openstack-Append"))] = append
        return await catalogue.server.respond(
            .post, "/image/v2/metadefs/namespaces/n/tags", headers: headers, body: body.bytes
        ).status
    }

    @Test func tagsAreReplacedOrAdded() async throws {
        try await Catalogue.with { catalogue in
            try await catalogue.create("n")
            #expect(try await send(catalogue, ["a", "b"]) == .created)
            #expect(await names(catalogue) == ["b", "a"])
            #expect(try await send(catalogue, ["c"], append: "True") == .created)
            #expect(await names(catalogue) == ["c", "b", "a"])
            #expect(try await send(catalogue, ["d", "b"], append: "yes") == .conflict)
            #expect(try await send(catalogue, ["d", "d"]) == .conflict)
            #expect(await names(catalogue) == ["c", "b", "a"])
            #expect(try await send(catalogue, []) == .created)
            #expect(await names(catalogue).count == 3)
            #expect(try await send(catalogue, ["e"], append: "false") == .created)
            #expect(await names(catalogue) == ["e"])
            #expect(await catalogue.send(.delete, "/namespaces/n/tags").status == .noContent)
            #expect(await names(catalogue).isEmpty)
        }
    }

    @Test func aTagIsMadeRenamedAndDeleted() async throws {
        try await Catalogue.with { catalogue in
            try await catalogue.create("n")
            let made = await catalogue.send(.post, "/namespaces/n/tags/one")
            #expect(made.status == .created)
            #expect(made.json["name"] == "one")
            #expect(made.json["created_at"] != nil)
            #expect(await catalogue.send(.post, "/namespaces/n/tags/one").status == .conflict)
            #expect(await catalogue.send(.post, "/namespaces/n/tags/\(String(repeating: "x", count: 81))").status == .badRequest)
            #expect(await catalogue.send(.post, "/namespaces/n/tags/two").status == .created)
            #expect(await catalogue.send(.put, "/namespaces/n/tags/one", ["name": "two"]).status == .conflict)
            #expect(await catalogue.send(.put, "/namespaces/n/tags/one", ["name": "three"]).json["name"] == "three")
            #expect(await catalogue.send(.put, "/namespaces/n/tags/two", ["name": "x", "created_at": "now"]).status == .forbidden)
            #expect(await catalogue.send(.get, "/namespaces/n/tags/one").status == .notFound)
            #expect(await catalogue.send(.delete, "/namespaces/n/tags/three").status == .noContent)
            #expect(await catalogue.send(.delete, "/namespaces/n/tags/three").status == .notFound)
        }
    }

    @Test func listsAreCutAndSorted() async throws {
        try await Catalogue.with { catalogue in
            try await catalogue.create("n")
            #expect(try await send(catalogue, ["b", "a", "c"]) == .created)
            #expect(await names(catalogue, "?sort_key=name&sort_dir=asc") == ["a", "b", "c"])
            #expect(await names(catalogue, "?limit=2") == ["c", "a"])
            #expect(await names(catalogue, "?limit=2&marker=a") == ["b"])
            #expect(await names(catalogue, "?limit=0").isEmpty)
            #expect(await catalogue.send(.get, "/namespaces/n/tags?marker=none").status == .notFound)
            #expect(await catalogue.send(.get, "/namespaces/n/tags?visibility=shared").status == .ok)
        }
    }
}

@Suite struct ResourceTypeTests {
    @Test func associationsComeAndGo() async throws {
        try await Catalogue.with { catalogue in
            try await catalogue.create("n")
            let body: JSON = ["name": "OS::Nova::Flavor", "prefix": "hw:", "properties_target": "image"]
            let made = await catalogue.send(.post, "/namespaces/n/resource_types", body)
            #expect(made.status == .created)
            #expect(made.json["prefix"] == "hw:")
            #expect(await catalogue.send(.post, "/namespaces/n/resource_types", body).status == .conflict)
            #expect(await catalogue.send(.post, "/namespaces/n/resource_types", ["prefix": "hw:"]).status == .badRequest)
            let list = await catalogue.send(.get, "/namespaces/n/resource_types").json
            #expect(list == ["resource_type_associations": [made.json]])
            #expect(await catalogue.send(.delete, "/namespaces/n/resource_types/OS::Nova::Flavor").status == .noContent)
            #expect(await catalogue.send(.delete, "/namespaces/n/resource_types/OS::Nova::Flavor").status == .notFound)
            #expect(await catalogue.send(.get, "/resource_types").json["resource_types"]?[0]?["name"] == "OS::Nova::Flavor")
        }
    }
}

@Suite struct SchemaDocumentTests {
    @Test func everySchemaIsThere() async throws {
        try await Catalogue.with { catalogue in
            func document(_ name: String) async -> JSON {
                await catalogue.server.respond(.get, "/image/v2/schemas/metadefs/\(name)", token: "none@blue").json
            }
            let names = [
                "namespace": "namespace", "namespaces": "namespaces", "resource_type": "resource_type_association",
                "resource_types": "resource_type_associations", "property": "property", "properties": "properties",
                "object": "object", "objects": "objects", "tag": "tag", "tags": "tags",
            ]
            for (path, name) in names { #expect(await document(path)["name"]?.string == name) }
            #expect(await document("namespace")["required"] == ["namespace"])
            #expect(await document("property")["required"] == ["type", "title", "name"])
            #expect(await document("property")["definitions"]?["stringArray"]?["minItems"] == 1)
            let properties = await document("properties")["properties"]?["properties"]
            #expect(properties?["additionalProperties"]?["required"] == ["type", "title"])
            #expect(await document("objects")["properties"]?["objects"]?["items"]?["name"] == "object")
            #expect(await document("objects")["definitions"]?["property"] != nil)
        }
    }
}
