/// What changes a snapshot itself.
enum SnapshotChangeActions {
    static let all: [ResourceAction<Snapshot>] = []
}
