import ImageInspection
import Testing

/// What may be declared as what.
@Suite struct AdmissionTests {
    private func admit(
        _ bytes: [UInt8], _ diskFormat: String, container: String = "bare", _ adjust: (inout InspectionRules) -> Void = { _ in }
    ) -> Result<InspectedImage, ImageRefusal> {
        var rules = InspectionRules()
        adjust(&rules)
        do throws(ImageRefusal) {
            return .success(try bytes.inspected().admit(as: ImageClaim(diskFormat: diskFormat, containerFormat: container), by: rules))
        } catch {
            return .failure(error)
        }
    }

    private func size(_ result: Result<InspectedImage, ImageRefusal>) throws -> Int? { try result.get().virtualSize }

    @Test func whatMatches() throws {
        for (format, virtualSize, bytes) in FormatTests.images where format != .qed {
            #expect(try size(admit(bytes, format.rawValue)) == virtualSize, "\(format)")
        }
        #expect(try size(admit([1, 2, 3], "raw")) == 3)
        // Plain sectors may be declared raw, and are as large as they are.
        for bytes in [Forge.disk(), Forge.iso(), Forge.luks()] { #expect(try size(admit(bytes, "raw")) == bytes.count) }
    }

    /// CVE-2024-40767's and CVE-2023-2088's kind: declared as one thing, read as another.
    @Test func whatDoesNotMatch() {
        for (format, _, bytes) in FormatTests.images where ![.iso, .gpt, .luks].contains(format) {
            for declared in ["raw", "ami", "ploop", "iso", "aki"] {
                #expect(admit(bytes, declared) == .failure(.mismatch(declared: declared, found: format)))
            }
        }
        for declared in ["qcow2", "vmdk", "vdi", "vhd", "vhdx", "iso", "gpt"] {
            #expect(admit(Forge.zeros(4096), declared) == .failure(.mismatch(declared: declared, found: .raw)))
        }
        #expect(admit(Forge.disk(), "qcow2") == .failure(.mismatch(declared: "qcow2", found: .gpt)))
    }

    @Test func hybrids() throws {
        var hybrid = Forge.iso()
        hybrid.put(Array(Forge.disk().prefix(512)), at: 0)
        #expect(try size(admit(hybrid, "iso")) == 1000 * 2048)
        #expect(try size(admit(hybrid, "raw")) == hybrid.count)
        for declared in ["qcow2", "raw", "gpt"] {
            var hidden = Forge.qcow2()
            hidden.put([0x55, 0xAA], at: 510)
            #expect(admit(hidden, declared) == .failure(.ambiguous([.qcow2, .gpt])))
        }
        var three = hybrid
        three.put(Array("QED\0".utf8), at: 0)
        #expect(admit(three, "iso") == .failure(.ambiguous([.qed, .iso, .gpt])))
    }

    @Test func withoutMatching() throws {
        #expect(try size(admit(Forge.zeros(9), "qcow2") { $0.requiresMatch = false }) == nil)
        let unsafe = admit(Forge.qcow2(backing: 1), "raw") { $0.requiresMatch = false }
        #expect(throws: ImageRefusal.self) { try unsafe.get() }
    }

    /// A kernel bears a boot sector's signature and no partitions.
    @Test func kernels() throws {
        let kernel = Forge.disk([Forge.Partition(boot: 7, kind: 9)])
        for declared in ["aki", "ari"] { #expect(try size(admit(kernel, declared)) == nil) }
        for declared in ["aki", "ari", "ami"] { #expect(try size(admit(kernel, declared, container: declared)) == nil) }
        #expect(throws: ImageRefusal.self) { try admit(kernel, "raw").get() }
    }

    @Test func containers() throws {
        #expect(try size(admit(Forge.zeros(9), "qcow2", container: "ovf")) == nil)
        let unsafe = admit(Forge.qcow2(backing: 1), "qcow2", container: "ovf")
        #expect(throws: ImageRefusal.self) { try unsafe.get() }
    }

    @Test func rulesOfTheOperator() throws {
        let odd = Forge.disk([Forge.Partition(boot: 7)])
        #expect(throws: ImageRefusal.self) { try admit(odd, "raw").get() }
        #expect(try size(admit(odd, "raw") { $0.toleratedPartitionChecks = [.mbr] }) == odd.count)
        #expect(throws: ImageRefusal.self) { try admit(Forge.vmdk(), "vmdk") { $0.allowedVMDKTypes = [] }.get() }
        #expect(throws: ImageRefusal.self) { try admit(Forge.vmdk(), "vmdk") { $0.allowedVMDKTypes = ["streamOptimized"] }.get() }
        let flat = Array(Forge.descriptor("monolithicFlat").utf8)
        #expect(throws: ImageRefusal.self) { try admit(flat, "vmdk") { $0.allowedVMDKTypes = ["monolithicFlat"] }.get() }
    }

    @Test func reasonsAreSaid() {
        let refusals = [
            admit(Forge.qcow2(backing: 1), "qcow2"): "The image failed the safety checks of qcow2: it has a backing file.",
            admit(Forge.qcow2(), "iso"): "The image is declared as iso, but its content is qcow2.",
        ]
        for (result, sentence) in refusals {
            guard case .failure(let refusal) = result else { Issue.record("let in"); continue }
            #expect(refusal.description == sentence)
        }
    }
}
