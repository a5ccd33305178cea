/// What guests are like: processors, memory, devices.
enum GuestDefinitions {
    static let all = [
        cpuPinning, memoryBacking, shutdown, hypervisor, instanceData, libvirtImage, libvirt, randomNumbers, topology, tpm,
        virtualTPM, watchdog,
    ]

    private static let hardware: [Use] = [.image("hw_"), .volume("hw_"), .flavor("hw:")]

    private static let cpuPinning = DefinedNamespace(
        name: "OS::Compute::CPUPinning", title: "CPU Pinning",
        description: "Whether a guest's processors float over the host's or each keep one of their own.",
        uses: hardware,
        properties: [
            .text("cpu_policy", "CPU Pinning policy", "Shared processors float; dedicated ones are pinned one to one.",
                oneOf: "shared dedicated"),
            .text("cpu_thread_policy", "CPU Thread Pinning Policy", "How pinned processors use a host core's threads.",
                oneOf: "isolate prefer require"),
        ])

    private static let memoryBacking = DefinedNamespace(
        name: "OS::Compute::GuestMemoryBacking", title: "Guest Memory Backing",
        description: "Which of the host's memory pages a guest's memory is made of.",
        uses: [.flavor("hw:"), .image("hw_"), .volume("hw_")],
        properties: [
            .text("mem_page_size", "Size of memory page", "small, large, any, or a size such as 2048 (KiB), 2MB or 1GB.")
        ])

    private static let shutdown = DefinedNamespace(
        name: "OS::Compute::GuestShutdownBehavior", title: "Shutdown Behavior",
        description: "How long a guest may take to shut down.", uses: [.image()],
        properties: [
            .integer("os_shutdown_timeout", "Shutdown timeout", "Seconds until a guest that was asked to shut down is cut off.",
                minimum: 0)
        ])

    private static let hypervisor = DefinedNamespace(
        name: "OS::Compute::Hypervisor", title: "Hypervisor Selection",
        description: "Which hypervisor an image needs, and in which mode.", uses: [.image()],
        properties: [
            .text("hypervisor_type", "Hypervisor Type", "The hypervisor that the image is made for.",
                oneOf: "baremetal hyperv kvm lxc powervm qemu uml vmware vz xen"),
            .text("vm_mode", "VM Mode", "The interface between guest and hypervisor that the image expects.",
                oneOf: "hvm xen uml exe"),
        ])

    private static let instanceData = DefinedNamespace(
        name: "OS::Compute::InstanceData", title: "Instance Config Data",
        description: "How a guest is told about itself, and how it takes part in snapshots.", uses: [.image(), .volume()],
        properties: [
            .text("img_config_drive", "Config Drive", "Whether guests of the image must have a config drive.",
                oneOf: "optional mandatory"),
            .text("os_require_quiesce", "Require Quiescent File system",
                "Whether a snapshot may only be taken while the file systems hold still.", oneOf: "yes no"),
        ])

    private static let libvirtImage = DefinedNamespace(
        name: "OS::Compute::LibvirtImage", title: "libvirt Driver Options for Images",
        description: "Devices and firmware that libvirt gives to guests of an image.", uses: [.image()],
        properties: libvirtDevices + [
            .text("os_command_line", "Kernel Command Line", "The command line of a kernel that is booted directly."),
            .text("os_type", "OS Type", "The kind of operating system; Windows guests keep local time.", oneOf: "linux windows"),
            .text("hw_vif_model", "Virtual Network Interface", "The model of network interfaces.",
                oneOf: "e1000 e1000e ne2k_pci netfront pcnet rtl8139 spapr-vlan virtio vmxnet3 igb"),
            .text("hw_vif_multiqueue_enabled", "Multiqueue Enabled", "Whether an interface has a queue for each processor.",
                oneOf: "true false"),
            .text("hw_pmu", "Virtual Performance Monitoring Unit", "Whether the guest sees performance counters.",
                oneOf: "true false"),
            .text("hw_qemu_guest_agent", "QEMU Guest Agent", "Whether QEMU's agent runs in the guest.", oneOf: "yes no"),
            .text("hw_pointer_model", "Pointer Model", "The pointing device, where it is not a mouse.", oneOf: "usbtablet"),
            .text("img_hide_hypervisor_id", "Hide hypervisor id", "Whether the guest is kept from seeing which hypervisor it has.",
                oneOf: "yes no"),
        ])

    private static let buses = "scsi virtio uml xen ide usb fdc sata lxc"

    private static let libvirtDevices: [DefinedProperty] = [
        .text("hw_cdrom_bus", "CD-ROM Bus", "The bus that CD-ROM drives are attached to.", oneOf: buses),
        .text("hw_disk_bus", "Disk Bus", "The bus that disks are attached to.", oneOf: buses),
        .text("hw_firmware_type", "Firmware Type", "What the guest boots with.", oneOf: "bios uefi"),
        .flag("hw_firmware_stateless", "Stateless Firmware", "Whether UEFI keeps none of its variables."),
        .text("hw_rng_model", "Random Number Generator Device model", "The model of the random number device.",
            default: "virtio"),
        .text("hw_machine_type", "Machine Type", "The machine that is emulated, such as q35."),
        .text("hw_scsi_model", "SCSI Model", "The model of SCSI controllers.", default: "virtio-scsi"),
        .text("hw_video_model", "Video Model", "The model of the graphics adapter.",
            oneOf: "vga cirrus vmvga xen qxl virtio gop none bochs"),
        .integer("hw_video_ram", "Max Video Ram", "The graphics memory in MiB, as far as the flavor allows it.", minimum: 0),
    ]

    private static let libvirt = DefinedNamespace(
        name: "OS::Compute::Libvirt", title: "libvirt Driver Options",
        description: "What libvirt does for guests of an image or a flavor.", uses: [.image("hw_"), .flavor("hw:")],
        properties: [
            .integer("serial_port_count", "Serial Port Count", "How many serial ports a guest has.", minimum: 0),
            .text("boot_menu", "Boot Menu", "Whether the firmware offers a menu.", oneOf: "true false"),
            .text("mem_encryption", "Hardware Memory Encryption", "Whether the host encrypts the guest's memory.",
                oneOf: "true false"),
            .text("mem_encryption_model", "Hardware Memory Encryption Model", "The technique that encrypts memory.",
                oneOf: "amd-sev amd-sev-es amd-sev-snp"),
            .text("virtio_packed_ring", "Virtio Packed Ring", "Whether virtio devices offer packed rings.", oneOf: "true false"),
        ])

    private static let randomNumbers = DefinedNamespace(
        name: "OS::Compute::RandomNumberGenerator", title: "Random Number Generator",
        description: "Whether guests of a flavor may draw random numbers from the host, and how many.", uses: [.flavor()],
        properties: [
            .flag("hw_rng:allowed", "Random Number Generator Allowed", "Whether a guest may have a random number device."),
            .integer("hw_rng:rate_bytes", "Random number generator limits", "How many bytes may be read in a period."),
            .integer("hw_rng:rate_period", "Random number generator read period", "The length of a period in milliseconds."),
        ])

    private static let topology = DefinedNamespace(
        name: "OS::Compute::VirtCPUTopology", title: "Virtual CPU Topology",
        description: "How a guest's processors are laid out in sockets, cores and threads.", uses: hardware,
        properties: [
            .integer("cpu_sockets", "vCPU Sockets", "The preferred number of sockets."),
            .integer("cpu_cores", "vCPU Cores", "The preferred number of cores in a socket."),
            .integer("cpu_threads", "vCPU Threads", "The preferred number of threads in a core."),
            .integer("cpu_max_sockets", "Max vCPU Sockets", "The largest number of sockets."),
            .integer("cpu_max_cores", "Max vCPU Cores", "The largest number of cores in a socket."),
            .integer("cpu_max_threads", "Max vCPU Threads", "The largest number of threads in a core."),
        ])

    private static let tpm = DefinedNamespace(
        name: "OS::Compute::TPM", title: "TPM Options", description: "Which trusted platform module a guest has.",
        uses: [.flavor("hw:"), .image("hw_")],
        properties: [
            .text("tpm_model", "TPM model", "The interface of the module; tpm-crb needs version 2.0.", oneOf: "tpm-tis tpm-crb",
                default: "tpm-tis", operators: ["<or>"]),
            .text("tpm_version", "TPM version", "The version of the module; without one there is none.", oneOf: "1.2 2.0",
                operators: ["<or>"]),
        ])

    private static let virtualTPM = DefinedNamespace(
        name: "OS::Compute::VTPM", title: "Emulated Virtual TPM",
        description: "Traits of hosts that can emulate a trusted platform module.", uses: [.flavor("traits:"), .image("traits:")],
        properties: [
            .text("COMPUTE_SECURITY_TPM_1_2", "Virtual TPM Version 1.2 Support", "Asks for hosts that emulate version 1.2.",
                oneOf: "required", default: "required"),
            .text("COMPUTE_SECURITY_TPM_2_0", "Virtual TPM Version 2.0 Support", "Asks for hosts that emulate version 2.0.",
                oneOf: "required", default: "required"),
        ])

    private static let watchdog = DefinedNamespace(
        name: "OS::Compute::Watchdog", title: "Watchdog Behavior",
        description: "A watchdog device that notices when a guest hangs.", uses: hardware,
        properties: [
            .text("watchdog_action", "Watchdog Action", "What happens to a guest that hangs.",
                oneOf: "disabled reset poweroff pause none")
        ])
}
