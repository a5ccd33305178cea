/// What changes a volume itself.
enum VolumeChangeActions {
    static let all: [ResourceAction<Volume>] = []
}
