import ArgumentParser
import Cloud

/// What becomes of packets.
struct NetworkTools: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "network", abstract: "Explain what becomes of packets.", subcommands: [Trace.self])

    /// Traces a packet.
    struct Trace: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Tell what becomes of the first packet of a connection, and which rules decide it. None is sent.",
            discussion: "FROM and TO are a port's id, name or address, or a server's id or host name; TO may be any address.")

        @OptionGroup var directory: DirectoryOptions
        @OptionGroup var settings: SettingOptions
        @Argument(help: "Who sends.") var from: String
        @Argument(help: "Where to.") var to: String
        @Option(name: .long, help: "A TCP port; without one, and without --udp, an echo request is traced.") var tcp: Int?
        @Option(name: .long, help: "A UDP port.") var udp: Int?
        @Flag(name: .long, help: "Also what OVN says of each step.") var full = false

        func validate() throws {
            guard tcp == nil || udp == nil else { throw ValidationError("--tcp and --udp exclude each other.") }
            guard [tcp, udp].compactMap(\.self).allSatisfy((0...65535).contains) else {
                throw ValidationError("A port is a number up to 65535.")
            }
        }

        func run() async throws {
            let trace = NetworkTrace(directory: directory.directory, settings: try settings.load())
            print(try await trace.text(from: from, to: to, tcp: tcp, udp: udp, full: full))
        }
    }
}
