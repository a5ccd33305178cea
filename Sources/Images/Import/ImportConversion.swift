import CloudCore
import CloudWorkflow
import HostCommands
import ImageInspection
import ImageStores
import NIOCore

/// Brings a staged disk into the format that the operator wants (upstream's image_conversion). The program that does it
/// sees only what was inspected before, and what it wrote is inspected again: a disk may hide another format in it.
struct ImportConversion: Sendable {
    let images: Images.Parts

    private var staging: StagingArea { images.imports.staging }
    private var wanted: ConversionFormat { images.options.imports.conversionFormat }

    /// How much address space the program gets, in bytes; twice upstream's limit.
    private static let memory = 2 << 30

    /// qemu-img's names of the formats that it reads.
    private static let names = ["raw": "raw", "qcow2": "qcow2", "vmdk": "vmdk", "vdi": "vdi", "vhd": "vpc", "vhdx": "vhdx"]

    /// A disc stays a disc, or nothing could be booted from it.
    /// - Throws: `WorkflowStop` for what is not what it is declared as, is unsafe, or can't be converted.
    func run(_ state: inout ImportState) async throws {
        guard let source = state.staged, let format = state.diskFormat else { throw WorkflowStop("The staged data is gone.") }
        state.changes.virtualSize = try await inspect(source, as: format)
        guard format != "iso", format != wanted.rawValue else { return }
        guard let name = Self.names[format], let target = StagingArea.Name(image: state.imageID, suffix: wanted.rawValue) else {
            throw WorkflowStop("Images of the format \(format) can't be converted.")
        }
        try await convert(source, name, to: target)
        let virtualSize = try await inspect(target, as: wanted.rawValue)
        (state.staged, state.size) = (target, staging.size(of: target))
        (state.changes.diskFormat, state.changes.containerFormat) = (wanted.rawValue, "bare")
        state.changes.virtualSize = virtualSize ?? state.changes.virtualSize
    }

    // MARK: qemu-img

    private func convert(_ source: StagingArea.Name, _ format: String, to target: StagingArea.Name) async throws {
        let input = staging.path(of: source)
        do {
            try await staging.make(target) { output in
                try await command(input, format, output).runSuccessfully()
            }
        } catch let error as CommandError {
            throw WorkflowStop("The image could not be converted to \(wanted.rawValue).", cause: error)
        }
    }

    /// Both formats are told, so that the program guesses nothing from the bytes. It ends with the thread that waits for
    /// it, so that a crash of ours leaves none behind that goes on writing.
    private func command(_ input: String, _ format: String, _ output: String) -> Command {
        let bounds = [
            "--pdeathsig", "KILL", "--no-new-privs",
            "prlimit", "--fsize=\(images.options.maximumSize)", "--as=\(Self.memory)", "--core=0",
            // An arena for each thread would by itself reserve more than the limit, at times.
            "env", "MALLOC_ARENA_MAX=1",
        ]
        return Command(
            program: "setpriv",
            arguments: bounds + ["qemu-img", "convert", "-f", format, "-O", wanted.rawValue, input, output],
            deadline: images.options.imports.conversionDeadline)
    }

    // MARK: Inspection

    /// Looks at a whole file. Matching is no choice here: qemu-img reads the bytes as what they are declared as.
    /// - Returns: the size of the disk inside, where it is known.
    private func inspect(_ name: StagingArea.Name, as format: String) async throws -> Int? {
        let report = try await report(name)
        var rules = images.options.inspection
        rules.requiresMatch = true
        let found: InspectedImage
        do throws(ImageRefusal) {
            found = try report.admit(as: ImageClaim(diskFormat: format, containerFormat: "bare"), by: rules)
        } catch {
            throw WorkflowStop(error.description)
        }
        // A partitioned disk is a raw one; a disc in a disk is not what anybody would declare.
        let isPlain = found.format == .gpt && format == ImageFormat.raw.rawValue
        guard isPlain || found.format?.rawValue == format else {
            throw WorkflowStop("The image is taken for \(format), but its content is \(found.format?.rawValue ?? "unknown").")
        }
        if let size = found.virtualSize, size > images.options.maximumSize {
            throw WorkflowStop("The image's disk has \(size) bytes, and \(images.options.maximumSize) are allowed.")
        }
        return found.virtualSize
    }

    private func report(_ name: StagingArea.Name) async throws -> InspectionReport {
        let content: any ImageContent
        do {
            content = try staging.open(name)
        } catch ImageStoreError.missing {
            throw WorkflowStop("The staged data is gone.")
        }
        var (inspector, offset) = (ImageInspector(), 0)
        while offset < content.size {
            try Task.checkCancellation()
            let bytes = try await content.read(at: offset, count: Images.Parts.chunk)
            guard bytes.readableBytes > 0 else { break }
            offset += bytes.readableBytes
            bytes.withUnsafeReadableBytes { inspector.consume($0) }
        }
        return inspector.report()
    }
}
