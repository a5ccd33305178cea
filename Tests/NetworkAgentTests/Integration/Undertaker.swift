import CLinux
import Foundation

@testable import NetworkAgent

/// A shell in a session of its own that clears away a host's daemons, namespaces and files if this process ends, be it by
/// SIGKILL, before it has done so itself: the daemons are made to outlive whoever started them.
struct Undertaker: Sendable {
    /// Our end of its input. It is told by the end of the input that we are gone, and by a line that it is not needed.
    private let input: FileDescriptor
    private let process: pid_t

    /// The names of the namespaces of a host.
    static func patterns(_ prefix: String) -> [String] {
        ["alto-host-\(prefix)", "alto-guest-????\(prefix)", "ovnmeta-????\(prefix)-*"]
    }

    // A process id in an old pid file may mean another process now, which does not carry the directory's name.
    private static let script = """
        read -r line && exit 0
        directory=$1; shift
        for file in "$directory"/run/*.pid; do
            pid=$(cat "$file") && grep -q -- "--pidfile=$directory/" "/proc/$pid/cmdline" && kill -KILL "$pid"
        done
        cd /run/netns && for namespace in $*; do [ -e "$namespace" ] && ip netns delete "$namespace"; done
        rm -rf -- "$directory"
        """

    /// Starts it.
    /// - Throws: `HostError`.
    init(directory: String, prefix: String) throws {
        let pipe = try FileDescriptor.pipe()
        let null = try FileDescriptor.open("/dev/null", O_RDWR)
        defer {
            pipe.read.close()
            null.close()
        }
        let words = ["/bin/sh", "-c", Self.script, "undertaker", directory] + Self.patterns(prefix)
        let arguments = words.map { strdup($0) } + [nil]
        let environment = [strdup("PATH=/usr/sbin:/usr/bin:/sbin:/bin"), nil]
        defer { for text in arguments + environment { free(text) } }
        var child: pid_t = 0
        guard altostack_spawn("/bin/sh", arguments, environment, pipe.read.number, null.number, null.number, 1, &child) == 0 else {
            pipe.write.close()
            throw HostError.last("start /bin/sh")
        }
        (input, process) = (pipe.write, child)
    }

    /// Sends it away: everything is cleared.
    func dismiss() {
        _ = write(input.number, "\n", 1)
        input.close()
        var status: Int32 = 0
        waitpid(process, &status, WNOHANG)
    }
}
