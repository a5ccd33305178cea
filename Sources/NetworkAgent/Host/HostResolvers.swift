import Foundation

/// The resolvers that this host asks itself (resolv.conf(5)).
public enum HostResolvers {
    /// Where they are written, the second where the first names a resolver on the host's own loopback (systemd-resolved(8)).
    private static let files = ["/etc/resolv.conf", "/run/systemd/resolve/resolv.conf"]

    /// Their addresses in order, without such as guests could not reach: loopback and link-local ones. Empty if there are none.
    public static func current() -> [String] {
        for file in files {
            // A host without the file asks nobody.
            guard let text = try? String(contentsOfFile: file, encoding: .utf8) else { continue }
            let addresses = addresses(in: text)
            if !addresses.isEmpty { return addresses }
        }
        return []
    }

    /// Whether a text is an address.
    public static func isAddress(_ text: String) -> Bool { (try? NetworkAddress(text)) != nil }

    /// The addresses that a configuration names and that other hosts reach too.
    static func addresses(in configuration: String) -> [String] {
        configuration.split(separator: "\n").compactMap { line in
            let words = line.split { $0 == " " || $0 == "\t" }
            guard words.count >= 2, words[0] == "nameserver", let address = try? NetworkAddress(String(words[1])) else { return nil }
            return address.isLocal ? nil : address.description
        }
    }
}
