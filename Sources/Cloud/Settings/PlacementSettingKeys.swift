import CloudSettings
import Placement

/// The settings of placement.
enum PlacementSettingKeys {
    static let randomizesCandidates = SettingKey(
        "placement.randomize_allocation_candidates", default: false,
        "Whether allocation candidates come in random order, and a random part of them where there is a limit.")
    static let maximumCandidates = SettingKey(
        "placement.max_allocation_candidates", default: CandidateOptions().maximum ?? -1, in: -1...10_000_000,
        "How many allocation candidates are generated for one request; -1 for any number.")
    static let strategy = SettingKey<CandidateOptions.Strategy>(
        "placement.allocation_candidates_generation_strategy", default: CandidateOptions().strategy,
        "In which order trees are visited: depth-first (all candidates of one before the next) or breadth-first (in turn).")

    static let all: [any SettingDeclaration] = [
        randomizesCandidates,
        maximumCandidates,
        strategy,
    ]
}

extension ServiceOptions {
    /// How placement generates allocation candidates.
    var candidates: CandidateOptions {
        var options = CandidateOptions()
        options.isRandomized = settings[PlacementSettingKeys.randomizesCandidates]
        let maximum = settings[PlacementSettingKeys.maximumCandidates]
        options.maximum = maximum < 0 ? nil : maximum
        options.strategy = settings[PlacementSettingKeys.strategy]
        return options
    }
}

extension CandidateOptions.Strategy: SettingValue {}
