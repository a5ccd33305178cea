import CloudCore
import ComputeMessages

/// What the block storage asks of compute about volumes that servers have.
extension Compute {
    /// Says that an attached volume has grown: the guests that have it are told, where they run.
    /// - Throws: `VolumeRefusal`; `notFound` when no server has it.
    public func volumeExtended(_ volumeID: String, sizeGiB: Int) async throws { throw notAttached(volumeID) }

    /// Has the host of a volume's guest write a copy of the volume, as it is at one moment, into a file that is there or can be made
    /// (QEMU's backup job). A repeat under the same token finds what was written.
    /// - Throws: `VolumeRefusal`; `notFound` when no server has it, `unavailable` when its host does not answer.
    public func copyAttachedVolume(_ volumeID: String, to target: GuestVolume.Connection, token: String) async throws {
        throw notAttached(volumeID)
    }

    /// Begins to put another volume in an attached one's place, under the guest's hands; `ComputeVolumes.completeMigration` is called at
    /// its end. The new volume's attachment is compute's to make.
    /// - Throws: `VolumeRefusal`; `notFound` when no server has it, `invalid` when the server's state does not allow it.
    public func swapAttachedVolume(_ oldID: String, for newID: String) async throws { throw notAttached(oldID) }

    private func notAttached(_ volumeID: String) -> VolumeRefusal { VolumeRefusal(.notFound, "No server has the volume \(volumeID).") }
}
