/// What images hold: operating systems, signatures, software.
enum ImageDefinitions {
    static let all = [common, signatures, operatingSystem, volumeType, databases, runtimes, webServers]

    private static let uuid = "^([0-9a-fA-F]){8}-([0-9a-fA-F]){4}-([0-9a-fA-F]){4}-([0-9a-fA-F]){4}-([0-9a-fA-F]){12}$"
    private static let distribution = DefinedProperty.text(
        "os_distro", "OS Distro", "The distribution's common name in lower case, such as debian or ubuntu.")
    private static let version = DefinedProperty.text("os_version", "OS Version", "The operating system's version, as its maker writes it.")

    private static let common = DefinedNamespace(
        name: "OS::Glance::CommonImageProperties", title: "Common Image Properties",
        description: "What many images say about themselves, and services look for.", visibility: nil,
        properties: [
            .text("kernel_id", "Kernel ID", "The image with the kernel that this one boots.", pattern: uuid),
            .text("ramdisk_id", "Ramdisk ID", "The image with the ramdisk that this one boots.", pattern: uuid),
            .text("instance_uuid", "Instance ID", "The server that the image is a snapshot of. Set by the compute service."),
            .text("architecture", "CPU Architecture", "The processor architecture that the image is made for, such as x86_64."),
            distribution, version,
            .text("description", "Image description", "What the image is, for people."),
            .text("cinder_encryption_key_id", "Cinder Encryption Key ID", "The key of the encrypted volume that the image holds."),
            .text("cinder_encryption_key_deletion_policy", "Cinder Encryption Key Deletion Policy",
                "Whether the key goes when the image goes.", oneOf: "on_image_deletion do_not_delete"),
        ])

    private static let signatures = DefinedNamespace(
        name: "OS::Glance::Signatures", title: "Image Signature Verification",
        description: "A signature over the image's bytes, and what it takes to verify it.", isProtected: false, uses: [.image()],
        properties: [
            .text("img_signature", "Image Signature", "The signature in base64."),
            .text("img_signature_certificate_uuid", "Image Signature Certificate UUID",
                "Where the key manager keeps the signer's certificate."),
            .text("img_signature_hash_method", "Image Signature Hash Method", "The hash that was signed.",
                oneOf: "SHA-224 SHA-256 SHA-384 SHA-512"),
            .text("img_signature_key_type", "Image Signature Key Type", "The kind of key that signed.",
                oneOf: """
                    RSA-PSS DSA ECC_SECT571K1 ECC_SECT409K1 ECC_SECT571R1 ECC_SECT409R1 ECC_SECP521R1 ECC_SECP384R1
                    """),
        ])

    private static let operatingSystem = DefinedNamespace(
        name: "OS::OperatingSystem", title: "Common Operating System Properties",
        description: "Which operating system an image or a volume holds.", visibility: nil, uses: [.image(), .volume()],
        properties: [
            distribution, version,
            .text("os_admin_user", "OS Admin User", "The user with an administrator's rights, such as root or cloud-user."),
        ])

    private static let volumeType = DefinedNamespace(
        name: "OS::Cinder::Volumetype", title: "Cinder Volume Type", description: "What volumes made of an image are like.",
        uses: [.image("cinder_")],
        properties: [.text("img_volume_type", "Image Volume Type", "The type of volumes that are made of the image.")])

    // MARK: Software

    private static func version(_ name: String) -> DefinedProperty {
        .text(name, "Version", "The version that is installed.")
    }

    private static func administrator(_ name: String, _ user: String? = nil) -> DefinedProperty {
        .text(name, "Admin User", "The user with an administrator's rights.", default: user)
    }

    /// A database with its version, its port and its administrator under names that begin alike.
    private static func database(
        _ name: String, _ key: String, port: Int, admin: String? = nil, portName: String = "listen_port"
    ) -> DefinedObject {
        let prefix = "sw_database_\(key)_"
        return DefinedObject(
            name, "The database \(name).",
            [version(prefix + "version"), .port(prefix + portName, "Listen Port", port), administrator(prefix + "admin", admin)])
    }

    private static let sqlServer = DefinedObject(
        "SQL Server", "The database Microsoft SQL Server.",
        [
            version("sw_database_sqlserver_version"),
            .text("sw_database_sqlserver_edition", "Edition", "The edition that is installed.",
                oneOf: """
                    Datacenter, Enterprise, Standard, Web, Business Intelligence, Workgroup, Express, Compact (SQL CE), Developer, \
                    Embedded (SSEE), Fast Track, LocalDB, Parallel Data Warehouse (PDW), Datawarehouse Appliance Edition
                    """,
                default: "Express"),
            .port("sw_database_sqlserver_listen_port", "Listen Port", 1433),
            administrator("sw_database_postsqlserver_admin", "sa"),
        ])

    private static let oracle = DefinedObject(
        "Oracle", "The database Oracle.",
        [
            version("sw_database_oracle_version"),
            .text("sw_database_oracle_edition", "Edition", "The edition that is installed.",
                oneOf: "Enterprise, Standard, Standard Edition One, Express (XE), Workgroup, Lite", default: "Express (XE)"),
            .port("sw_database_oracle_listen_port", "Listen Port", 1521),
        ])

    private static let databases = DefinedNamespace(
        name: "OS::Software::DBMS", title: "Database Software", description: "Database servers on an image, a volume or a server.",
        uses: [.image(), .volume(), .server, .database],
        objects: [
            database("MySQL", "mysql", port: 3306, admin: "root"),
            database("PostgreSQL", "postgresql", port: 5432, admin: "postgres"),
            sqlServer, oracle,
            database("DB2", "db2", port: 50000, portName: "port"),
            database("MongoDB", "mongodb", port: 27017),
            database("Couchbase Server", "couchbaseserver", port: 11211, admin: "admin"),
            database("Redis", "redis", port: 6379, admin: "admin"),
            database("CouchDB", "couchdb", port: 5984),
            database("Apache Cassandra", "cassandra", port: 9160, admin: "cassandra"),
            DefinedObject("HBase", "The database HBase.", [version("sw_database_hbase_version")]),
            DefinedObject(
                "Hazlecast", "The data grid Hazelcast.",
                [version("sw_database_hazlecast_version"), .port("sw_database_hazlecast_port", "Listen Port", 5701)]),
        ])

    private static let runtimes = DefinedNamespace(
        name: "OS::Software::Runtimes", title: "Runtime Environment",
        description: "Languages that programs on an image, a volume or a server can be written in.",
        uses: [.image(), .volume(), .server],
        objects: ["PHP", "Python", "Java", "Ruby", "Perl"].map { name in
            DefinedObject(name, "What runs programs in \(name).", [version("sw_runtime_\(name.lowercased())_version")])
        })

    private static let webServers = DefinedNamespace(
        name: "OS::Software::WebServers", title: "Web Servers", description: "Web servers on an image, a volume or a server.",
        uses: [.image(), .volume(), .server],
        objects: [("Apache HTTP Server", "apache"), ("Nginx", "nginx"), ("IIS", "iis")].map { name, key in
            DefinedObject(
                name, "The web server \(name).",
                [
                    version("sw_webserver_\(key)_version"), .port("sw_webserver_\(key)_http_port", "HTTP Port", 80),
                    .port("sw_webserver_\(key)_https_port", "HTTPS Port", 443),
                ])
        })
}
