/// The names of disks in the order that kernels give them: vda … vdz, vdaa …
enum DeviceNames {
    /// The first so many names.
    static func first(_ count: Int, prefix: String) -> [String] { (0..<max(0, count)).map { prefix + letters($0) } }

    /// The letters of the disk at this place, counted from zero.
    static func letters(_ index: Int) -> String {
        let letter = String(UnicodeScalar(UInt8(ascii: "a") + UInt8(index % 26)))
        return index < 26 ? letter : letters(index / 26 - 1) + letter
    }
}
