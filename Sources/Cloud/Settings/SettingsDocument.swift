import CloudSettings

/// The settings as a document: `docs/CONFIGURATION.md` is what this says, and a test holds it to that.
public enum SettingsDocument {
    private static let introduction = """
        # Configuration

        Every setting with its default, as `altostack config --markdown` prints them; `make docs` writes this file. A setting comes
        from the first of these that names it:

        1. `--set KEY=VALUE` of the command;
        2. the environment: `identity.password_hash_rounds` is `ALTOSTACK_IDENTITY__PASSWORD_HASH_ROUNDS`;
        3. the YAML file of `--config FILE`, with the key's parts as nested names;
        4. the default.

        A key that there is none of, or a value that does not fit, stops the program with a message that names the place. `altostack
        config` prints what is in force and where each value comes from. Rules of policy are files of their own:
        `policy/TYPE.yaml` in the data folder, such as `policy/compute.yaml`; `altostack policy list` prints them.

        """

    /// The document.
    /// - Throws: what loading no settings at all throws, which is nothing.
    public static func markdown() throws -> String {
        let settings = try Settings.load(CloudSettingKeys.registry).effective
        let sections = Dictionary(grouping: settings) { String($0.key.prefix { $0 != "." }) }
        let parts = sections.sorted { $0.key < $1.key }.map { name, settings in
            let rows = settings.map { "| `\($0.key)` | \(shown($0.value)) | \(escaped($0.description)) |" }
            return (["## \(name)", "", "| setting | default | |", "| --- | --- | --- |"] + rows + [""]).joined(separator: "\n")
        }
        return introduction + "\n" + parts.joined(separator: "\n")
    }

    private static func shown(_ value: String) -> String { value.isEmpty ? "" : "`\(value)`" }

    /// A cell may hold no bars.
    private static func escaped(_ text: String) -> String { text.replacing("|", with: "\\|") }
}
