import Testing

@testable import BlockStorage
