import CloudCore

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

    private var cloudsYAML: String {
        """
        clouds:
          altostack:
            auth:
              auth_url: \(quoted("\(url)/identity/v3"))
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
        export OS_AUTH_URL=\(shellQuoted("\(url)/identity/v3"))
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
