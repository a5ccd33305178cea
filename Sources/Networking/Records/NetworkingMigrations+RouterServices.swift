import CloudStore

// Gateways, port forwarding, flavors, metering and firewalls.
extension NetworkingMigrations {
    static let routerServices: [SQL] = []
}
