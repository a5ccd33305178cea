import CloudSettings

/// What can be set of simulated clouds, beyond how many hosts they have and how slow those are.
enum SimulationSettingKeys {
    static let seed = SettingKey<Int?>(
        "simulation.seed", default: nil, in: 0...Int.max,
        "What the identifiers, MAC addresses and choices of a simulated cloud follow from: the same requests give the same ones. "
            + "Nothing: they are random.")

    static let all: [any SettingDeclaration] = [seed]
}
