import CloudBus
import CloudCore
import CloudSettings
import CloudStore
import Compute
import Foundation

/// What `altostack scheduler-trial` does: it places servers of nobody on hosts that do not exist.
public enum SchedulerConsole {
    /// Places servers, and tells how fast that was and how they spread, as JSON text.
    /// - Parameters:
    ///   - directory: a folder for the trial's database, which must not exist yet.
    ///   - hosts: how many hosts there are.
    ///   - servers: how many servers are placed.
    ///   - clients: how many of them at the same time.
    /// - Throws: `ProgramError` when the folder is there.
    public static func trial(
        directory: DataDirectory, settings: Settings, hosts: Int, servers: Int, clients: Int
    ) async throws -> String {
        guard !FileManager.default.fileExists(atPath: directory.path) else {
            throw ProgramError("\(directory.path) is there already: a trial makes a cloud of its own")
        }
        try directory.create()
        let database = try StoreOpening.open(directory, settings)
        let services = try await CloudServices(
            database: database, bus: InProcessBus(), directory: directory, settings: settings, simulate: true,
            consoleURL: "http://127.0.0.1")
        let trial = SchedulerTrial(services.compute)
        try await trial.makeHosts(hosts)
        let result = try await trial.schedule(servers, clients: clients)
        await database.close()
        return text(result, hosts: hosts)
    }

    private static func text(_ result: SchedulerTrial.Result, hosts: Int) -> String {
        func quantile(_ part: Double) -> Double {
            result.milliseconds.isEmpty ? 0 : result.milliseconds[Int(Double(result.milliseconds.count - 1) * part)]
        }
        let answer: JSON = [
            "hosts": .int(hosts), "placed": .int(result.placed), "refused": .int(result.refused),
            "seconds": .double(result.seconds), "per_second": .double(Double(result.placed) / result.seconds),
            "p50_ms": .double(quantile(0.5)), "p99_ms": .double(quantile(0.99)), "hosts_used": .int(result.perHost.count),
            "most_on_a_host": .int(result.perHost.last ?? 0),
        ]
        return answer.text
    }
}
