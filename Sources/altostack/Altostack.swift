import ArgumentParser

@main struct Altostack: ParsableCommand {}
