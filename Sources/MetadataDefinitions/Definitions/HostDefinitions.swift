/// What hosts are like, and how much of them guests may use.
enum HostDefinitions {
    static let all = [diskFilter, operationsFilter, instancesFilter, capabilities, quota]

    private static let diskFilter = DefinedNamespace(
        name: "OS::Compute::AggregateDiskFilter", title: "Disk Allocation per Host",
        description: "How far the disks of an aggregate's hosts may be oversubscribed.", uses: [.aggregate()],
        properties: [
            .number("disk_allocation_ratio", "Disk Subscription Ratio", "How much disk is promised for each byte there is.")
        ])

    private static let operationsFilter = DefinedNamespace(
        name: "OS::Compute::AggregateIoOpsFilter", title: "IO Ops per Host",
        description: "How many guests of a host may be busy with their disks at once.", uses: [.aggregate()],
        properties: [
            .integer("max_io_ops_per_host", "Maximum IO Operations per Host",
                "How many guests may be building, migrating, rescued or resizing at once.", minimum: 1, default: 8)
        ])

    private static let instancesFilter = DefinedNamespace(
        name: "OS::Compute::AggregateNumInstancesFilter", title: "Instances per Host",
        description: "How many guests a host of the aggregate takes.", isProtected: false, uses: [.aggregate()],
        properties: [.integer("max_instances_per_host", "Max Instances Per Host", "The largest number of guests.", minimum: 0)])

    private static let capabilities = DefinedNamespace(
        name: "OS::Compute::HostCapabilities", title: "Compute Host Capabilities",
        description: "What the processors of a host must be and be able to do.",
        uses: [.flavor("capabilities:"), .aggregate("aggregate_instance_extra_specs:")],
        properties: [
            .text("cpu_info:vendor", "Vendor", "The maker of the processors.", oneOf: "Intel AMD", operators: ["<or>"]),
            .text("cpu_info:model", "Model", "The model of the processors.", oneOf: models, operators: ["<or>"]),
            .text("cpu_info:arch", "Architecture", "The architecture of the processors.",
                oneOf: "x86 x86_64 i686 ia64 ARMv8-A ARMv7-A", operators: ["<or>"]),
            .integer("cpu_info:topology:cores", "cores", "The number of cores in a socket.", default: 1),
            .integer("cpu_info:topology:threads", "threads", "The number of threads in a core.", default: 1),
            .integer("cpu_info:topology:sockets", "sockets", "The number of sockets.", default: 1),
            .texts("cpu_info:features", "Features", "Flags of the processors.", of: features, operators: ["<or>", "<all-in>"]),
        ])

    private static let models = """
        Conroe, Core2Duo, Penryn, Nehalem, Westmere, SandyBridge, IvyBridge, Haswell, Broadwell, Delhi, Seoul, Abu Dhabi, \
        Interlagos, Kabini, Valencia, Zurich, Budapest, Barcelona, Suzuka, Shanghai, Istanbul, Lisbon, Magny-Cours, \
        Cortex-A57, Cortex-A53, Cortex-A12, Cortex-A17, Cortex-A15, Cortex-A7, X-Gene
        """

    private static let features = """
        fpu vme de pse tsc msr pae mce cx8 apic sep mtrr pge mca cmov pat pse36 pn clflush dts acpi mmx fxsr sse sse2 \
        ss ht tm ia64 pbe syscall mp nx mmxext fxsr_opt pdpe1gb rdtscp lm 3dnowext 3dnow arch_perfmon pebs bts \
        rep_good nopl xtopology tsc_reliable nonstop_tsc extd_apicid amd_dcm aperfmperf eagerfpu nonstop_tsc_s3 pni \
        pclmulqdq dtes64 monitor ds_cpl vmx smx est tm2 ssse3 cid fma cx16 xtpr pdcm pcid dca sse4_1 sse4_2 x2apic \
        movbe popcnt tsc_deadline_timer aes xsave avx f16c rdrand hypervisor rng rng_en ace ace_en ace2 ace2_en phe \
        phe_en pmm pmm_en lahf_lm cmp_legacy svm extapic cr8_legacy abm sse4a misalignsse 3dnowprefetch osvw ibs xop \
        skinit wdt lwp fma4 tce nodeid_msr tbm topoext perfctr_core perfctr_nb bpext perfctr_l2 mwaitx ida arat cpb \
        epb pln pts dtherm hw_pstate proc_feedback hwp hwp_notify hwp_act_window hwp_epp hwp_pkg_req intel_pt \
        tpr_shadow vnmi flexpriority ept vpid npt lbrv svm_lock nrip_save tsc_scale vmcb_clean flushbyasid \
        decodeassists pausefilter pfthreshold vmmcall fsgsbase tsc_adjust bmi1 hle avx2 smep bmi2 erms invpcid rtm cqm \
        mpx avx512f rdseed adx smap pcommit clflushopt clwb avx512pf avx512er avx512cd sha_ni xsaveopt xsavec xgetbv1 \
        xsaves cqm_llc cqm_occup_llc clzero
        """

    // MARK: Quotas

    private static let quota = DefinedNamespace(
        name: "OS::Compute::Quota", title: "Flavor Quota",
        description: "How much of a host's processors, disks and network a guest of a flavor gets.", uses: [.flavor()],
        objects: [
            DefinedObject(
                "CPU Limits", "How much processor time a guest gets.",
                [
                    .integer("quota:cpu_shares", "Quota: CPU Shares", "The guest's weight against other guests of its host."),
                    .integer("quota:cpu_period", "Quota: CPU Period", "The length of a period in microseconds.", minimum: 1000,
                        maximum: 1_000_000),
                    .integer("quota:cpu_quota", "Quota: CPU Quota",
                        "How many microseconds of a period each processor may run; a negative number for no limit."),
                ]),
            DefinedObject("Disk QoS", "How fast a guest's disks are.", diskLimits),
            DefinedObject("Virtual Interface QoS", "How fast a guest's network interfaces are.", interfaceLimits),
        ])

    private static let diskLimits: [DefinedProperty] = [
        .integer("quota:disk_read_bytes_sec", "Quota: Disk read bytes / sec", "How many bytes may be read in a second."),
        .integer("quota:disk_read_iops_sec", "Quota: Disk read IOPS / sec", "How many reads there may be in a second."),
        .integer("quota:disk_write_bytes_sec", "Quota: Disk Write Bytes / sec", "How many bytes may be written in a second."),
        .integer("quota:disk_write_iops_sec", "Quota: Disk Write IOPS / sec", "How many writes there may be in a second."),
        .integer("quota:disk_total_bytes_sec", "Quota: Disk Total Bytes / sec", "How many bytes may be read and written in a second."),
        .integer("quota:disk_total_iops_sec", "Quota: Disk Total IOPS / sec", "How many reads and writes there may be in a second."),
    ]

    private static let interfaceLimits: [DefinedProperty] = [("inbound", "Inbound"), ("outbound", "Outbound")].flatMap { key, title in
        [
            .integer("quota:vif_\(key)_average", "Quota: VIF \(title) Average", "The lasting rate in KiB a second."),
            .integer("quota:vif_\(key)_burst", "Quota: VIF \(title) Burst", "How many KiB may pass at the peak's rate."),
            .integer("quota:vif_\(key)_peak", "Quota: VIF \(title) Peak", "The highest rate in KiB a second."),
        ] as [DefinedProperty]
    }
}
