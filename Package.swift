// swift-tools-version: 6.2
import PackageDescription

// One language mode and one set of switches for every module; warnings are errors in ours alone.
let house: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .treatAllWarnings(as: .error),
]

// Tests are not optimised: that took minutes of each build.
let plain: [SwiftSetting] = house + [.unsafeFlags(["-Onone"])]

let logging: Target.Dependency = .product(name: "Logging", package: "swift-log")
let metrics: Target.Dependency = .product(name: "Metrics", package: "swift-metrics")
let tracing: Target.Dependency = .product(name: "Tracing", package: "swift-distributed-tracing")
let yaml: Target.Dependency = .product(name: "Yams", package: "Yams")
let nio: [Target.Dependency] = [
    .product(name: "NIOCore", package: "swift-nio"),
    .product(name: "NIOPosix", package: "swift-nio"),
]

func module(_ name: String, _ dependencies: [Target.Dependency] = []) -> Target {
    .target(name: name, dependencies: dependencies, swiftSettings: house)
}

func tests(_ name: String, _ dependencies: [Target.Dependency] = []) -> Target {
    .testTarget(
        name: name + "Tests", dependencies: [.byName(name: name)] + dependencies, swiftSettings: plain)
}

let service: [Target.Dependency] = ["CloudAPI", "CloudCore", "CloudPolicy", "CloudStore", "CloudTelemetry"]

let package = Package(
    name: "altostack",
    products: [.executable(name: "altostack", targets: ["altostack"])],
    dependencies: [
        .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.1", traits: ["FullFoundation"]),
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-metrics", from: "2.13.0"),
        .package(url: "https://github.com/apple/swift-distributed-tracing", from: "1.7.3"),
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
        .package(url: "https://github.com/apple/swift-http-types", from: "1.8.0"),
        .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
    ],
    targets: [
        // Platform: knows no OpenStack service.
        .systemLibrary(name: "CSQLite"),
        .systemLibrary(name: "CLibPQ", pkgConfig: "libpq", providers: [.apt(["libpq-dev"])]),
        .systemLibrary(name: "COpenSSL"),
        .systemLibrary(name: "CLibSSL"),
        .systemLibrary(name: "CCrypt"),
        .systemLibrary(name: "CZlib"),
        .systemLibrary(name: "CLibvirt"),
        .target(name: "CLinux"),
        module("CloudCore"),
        module("CloudCrypto", ["CloudCore", "COpenSSL", "CCrypt"]),
        module("CloudSettings", ["CloudCore", yaml]),
        module("CloudTelemetry", ["CloudCore", logging, metrics, tracing]),
        module("CloudStore", ["CloudCore", "CloudTelemetry", "CSQLite", "CLibPQ", logging, metrics]),
        module("CloudBus", ["CloudCore", "CloudTelemetry", logging, metrics]),
        module("CloudWorkflow", ["CloudCore", "CloudStore", "CloudTelemetry", logging, metrics, tracing]),
        module("CloudPolicy", ["CloudCore", yaml]),
        module("CloudAPI", [
            "CloudCore", "CloudPolicy", "CloudTelemetry", "CZlib", logging, metrics, tracing,
            .product(name: "Hummingbird", package: "hummingbird"),
            .product(name: "HTTPTypes", package: "swift-http-types"),
        ] + nio),

        // Hosts: what touches a machine, spoken to through messages only.
        module("ComputeMessages", ["CloudBus", "CloudCore"]),
        module("NetworkMessages", ["CloudBus", "CloudCore"]),
        module("VolumeMessages", ["CloudBus", "CloudCore"]),
        module("HostCommands", ["CLinux"]),
        module("ComputeAgent", [
            "ComputeMessages", "NetworkMessages", "CloudBus", "CloudCore", "CloudCrypto", "CloudTelemetry", "CLibvirt", "CLinux",
            "HostCommands", logging,
        ] + nio),
        module("NetworkAgent", [
            "NetworkMessages", "CloudBus", "CloudCore", "CloudTelemetry", "CLinux", logging,
            .product(name: "NIOHTTP1", package: "swift-nio"),
        ] + nio),
        module("VolumeBackends", [
            "VolumeMessages", "CloudBus", "CloudCore", "CloudCrypto", "CloudTelemetry", "CLinux", "HostCommands", "ImageInspection", logging,
        ]),
        module("ImageInspection"),
        module("ImageStores", [
            "CLibSSL", "CLinux", "CloudCore", "CloudCrypto", "CloudTelemetry", logging,
            .product(name: "NIOHTTP1", package: "swift-nio"),
            .product(name: "NIOTLS", package: "swift-nio"),
        ] + nio),

        module("ConsoleProxy", [
            "CloudCore", logging,
            .product(name: "NIOHTTP1", package: "swift-nio"),
            .product(name: "NIOWebSocket", package: "swift-nio"),
        ] + nio),

        // Services: none imports another.
        module("Identity", service + ["CloudCrypto", logging]),
        module("Images", service + [
            "CloudCrypto", "CloudWorkflow", "CZlib", "HostCommands", "ImageInspection", "ImageStores", logging,
            .product(name: "NIOCore", package: "swift-nio"),
        ]),
        module("MetadataDefinitions", service),
        module("Placement", service + [logging]),
        module("Networking", service + ["CloudWorkflow", "CloudBus", "NetworkMessages", "CloudCrypto", logging]),
        module("Compute", service + ["CloudWorkflow", "CloudBus", "ComputeMessages", "CloudCrypto", "COpenSSL", logging]),
        module("BlockStorage", service + ["CloudWorkflow", "CloudBus", "VolumeMessages", "CloudCrypto", logging]),
        module("KeyManager", service + ["CloudCrypto", "COpenSSL", logging]),

        // The composition root and the command line.
        module("Cloud", service + [
            "CloudBus", "CloudWorkflow", "CloudSettings", "CloudCrypto",
            "ComputeMessages", "NetworkMessages", "ComputeAgent", "NetworkAgent", "ConsoleProxy", "ImageInspection", "ImageStores",
            "Identity", "Images", "MetadataDefinitions", "Placement", "Networking", "Compute",
            "BlockStorage", "KeyManager", "VolumeMessages", "VolumeBackends", "CLinux", "CSQLite", "CLibPQ", "HostCommands", logging,
        ]),
        .executableTarget(
            name: "altostack",
            dependencies: [
                "Cloud", "CloudCore", "CloudPolicy", "CloudSettings",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            swiftSettings: house),

        // Tests: one target a module, and the house rules.
        tests("CloudCore"),
        tests("CloudCrypto"),
        tests("CloudSettings"),
        tests("CloudTelemetry", [logging, metrics]),
        tests("CloudStore"),
        tests("CloudBus"),
        tests("CloudWorkflow", ["CloudStore"]),
        tests("CloudPolicy"),
        tests("CloudAPI", ["CloudPolicy"]),
        tests("ComputeAgent", ["HostCommands", "CloudBus", "ComputeMessages", "NetworkMessages"]),
        tests("NetworkAgent", ["CloudBus", "NetworkMessages"] + nio),
        tests("ConsoleProxy", ["CloudCore"] + nio),
        tests("VolumeBackends", ["VolumeMessages", "HostCommands", "CloudBus", "CloudCore", "CloudCrypto"]),
        tests("BlockStorage", service + ["CloudWorkflow", "CloudBus", "VolumeMessages"]),
        tests("KeyManager", service + ["CloudCrypto"]),
        tests("ImageInspection"),
        tests("ImageStores", [
            "CLibSSL", "CloudCore", "CloudCrypto",
            .product(name: "NIOEmbedded", package: "swift-nio"),
            .product(name: "NIOHTTP1", package: "swift-nio"),
        ] + nio),
        tests("Identity", service),
        tests("Images", service + [
            "CloudCrypto", "CloudWorkflow", "CZlib", "ImageInspection", "ImageStores", logging,
            .product(name: "NIOCore", package: "swift-nio"),
        ]),
        tests("MetadataDefinitions", service),
        tests("Placement", service),
        tests("Networking", service + ["CloudWorkflow", "CloudBus", "NetworkMessages"]),
        tests("Compute", service + ["CloudWorkflow", "CloudBus", "ComputeMessages"]),
        tests("Cloud", service + [
            "CloudBus", "CloudWorkflow", "CloudSettings", "Identity", .product(name: "NIOHTTP1", package: "swift-nio"),
        ] + nio),
        .testTarget(name: "HouseTests", swiftSettings: house),
    ]
)
