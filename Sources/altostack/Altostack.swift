import ArgumentParser

/// A private cloud that speaks OpenStack's APIs.
@main
struct Altostack: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "altostack", abstract: "A private cloud that speaks OpenStack's APIs, in one program.",
        subcommands: [
            Up.self, Down.self, Status.self, Config.self, Policy.self, Workflows.self, IdentityKeys.self, ImageCatalogue.self,
            SchedulerTrialCommand.self, NetworkTools.self,
            KeyManagerKeys.self,
            Logs.self,
            Backup.self, Restore.self,
            DoctorCommand.self, DemoCommand.self,
        ])
}
