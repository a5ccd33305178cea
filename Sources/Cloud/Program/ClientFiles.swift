import CloudCore
import Foundation

/// The files that tell clients how to reach the cloud: `clouds.yaml` and `openrc`.
struct ClientFiles {
    let url: String
    let password: Secret<String>
    let region: String

    /// Writes both, readable by their owner alone.
    func write(_ directory: DataDirectory) throws {
        try PrivateFile.write(cloudsYAML, to: directory.cloudsYAML)
        try PrivateFile.write(openrc, to: directory.openrc)
    }

    private static let path = "/identity/v3"

    /// Has the files name another address where they are as the program wrote them; what somebody has changed in one stays.
    /// - Returns: the address that they named before; nil when that is the same, or there is no such file.
    static func move(_ directory: DataDirectory, to url: String) throws -> String? {
        guard let openrc = try? String(contentsOfFile: directory.openrc, encoding: .utf8) else { return nil }
        let variables = CloudClient.variables(openrc)
        guard let known = variables["OS_AUTH_URL"], known.hasSuffix(path), let password = variables["OS_PASSWORD"],
            let region = variables["OS_REGION_NAME"]
        else { return nil }
        let former = String(known.dropLast(path.count))
        guard former != url else { return nil }
        let (old, new) = (Self(url: former, password: Secret(password), region: region), Self(url: url, password: Secret(password), region: region))
        if (try? String(contentsOfFile: directory.cloudsYAML, encoding: .utf8)) == old.cloudsYAML {
            try PrivateFile.write(new.cloudsYAML, to: directory.cloudsYAML)
        }
        // The last: what it says is what was moved.
        if openrc == old.openrc { try PrivateFile.write(new.openrc, to: directory.openrc) }
        return former
    }

    private var cloudsYAML: String {
        """
        clouds:
          altostack:
            auth:
              auth_url: \(quoted(url + Self.path))
              username: admin
              password: \(quoted(password.reveal()))
              project_name: admin
              user_domain_name: Default
              project_domain_name: Default
            region_name: \(quoted(region))
            identity_api_version: 3

        """
    }

    private var openrc: String {
        """
        export OS_AUTH_URL=\(shellQuoted(url + Self.path))
        export OS_USERNAME=admin
        export OS_PASSWORD=\(shellQuoted(password.reveal()))
        export OS_PROJECT_NAME=admin
        export OS_USER_DOMAIN_NAME=Default
        export OS_PROJECT_DOMAIN_NAME=Default
        export OS_REGION_NAME=\(shellQuoted(region))
        export OS_IDENTITY_API_VERSION=3

        """
    }

    /// A YAML text; JSON's quoting is YAML's.
    private func quoted(_ text: String) -> String { JSON.string(text).text }

    private func shellQuoted(_ text: String) -> String { "'\(text.replacing("'", with: "'\\''"))'" }
}
