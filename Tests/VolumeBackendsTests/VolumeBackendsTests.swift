import Testing

@testable import VolumeBackends
