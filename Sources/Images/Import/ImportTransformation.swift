import CloudWorkflow

/// What the operator's plugins do with staged bytes before they go to the stores, in the operator's order. Each writes a
/// file of its own and leaves the one it read, so that a repeat finds what it needs.
struct ImportTransformation: Sendable {
    let images: Images.Parts

    private var options: ImageImportOptions { images.options.imports }

    /// - Throws: `WorkflowStop` for bytes that can't be made into what the operator wants.
    func run(_ state: inout ImportState) async throws {
        for plugin in options.plugins.compactMap(ImportPlugin.init) {
            switch plugin {
            case .none: continue
            case .injection: if state.injects { state.changes.properties.merge(options.injected) { $1 } }
            case .decompression: try await decompress(&state)
            case .conversion: try await ImportConversion(images: images).run(&state)
            }
        }
    }

    /// An image whose container is declared compressed stays so.
    private func decompress(_ state: inout ImportState) async throws {
        guard let source = state.staged else { throw WorkflowStop("The staged data is gone.") }
        guard state.containerFormat != "compressed" else { return }
        let decompression = ImportDecompression(staging: images.imports.staging, limit: images.options.maximumSize)
        state.staged = try await decompression.run(source)
    }
}

extension ImportState {
    /// What the disk's format is going to be.
    var diskFormat: String? { changes.diskFormat ?? before?.diskFormat }
    /// What the container's format is going to be.
    var containerFormat: String? { changes.containerFormat ?? before?.containerFormat }
}
