import CloudCore
import CloudPolicy
import CloudTelemetry
import HTTPTypes
import Synchronization

/// The endpoints that belong to no service: they stand at the root of the port.
enum PlatformEndpoints {
    static func service(for services: [ServiceAPI], _ options: ServerOptions) -> ServiceAPI {
        var endpoints = [root(services), health(options.healthChecks)]
        if let metrics = options.metrics { endpoints.append(Self.metrics(metrics)) }
        endpoints.append(openAPI(services))
        return ServiceAPI(
            type: "platform", name: "altostack", path: "", envelope: .keystone, endpoints: endpoints, rules: [])
    }

    private static func root(_ services: [ServiceAPI]) -> Endpoint {
        Endpoint(
            .get, "/", "List the services of this cloud", access: .open(because: "clients find their way from here"),
            negotiates: false
        ) { request in
            .json {
                $0.object {
                    $0.member("services") { json in
                        json.array { for service in services { write(service, request.serviceURL, to: &$0) } }
                    }
                }
            }
        }
    }

    private static func write(_ service: ServiceAPI, _ origin: String, to json: inout JSONWriter) {
        json.object {
            $0.member("type", service.type)
            $0.member("name", service.name)
            $0.member("links") {
                $0.array {
                    $0.object {
                        $0.member("rel", "self")
                        $0.member("href", origin + service.path)
                    }
                }
            }
        }
    }

    private static func metrics(_ registry: PrometheusRegistry) -> Endpoint {
        Endpoint(
            .get, "/metrics", "Show the counts of this process in Prometheus's text format",
            access: .open(because: "scrapers hold no tokens, and counts name no user or resource"), negotiates: false
        ) { _ in
            APIResponse(
                headers: [.contentType: "text/plain; version=0.0.4; charset=utf-8"],
                body: .bytes(Array(registry.render().utf8)))
        }
    }

    private static func openAPI(_ services: [ServiceAPI]) -> Endpoint {
        let document = OnDemand { OpenAPIDocument(services: services).bytes }
        return Endpoint(
            .get, "/openapi.json", "Describe every operation as OpenAPI 3.1",
            access: .open(because: "it says no more than the public documentation"), negotiates: false
        ) { _ in APIResponse(headers: [.contentType: "application/json"], body: .bytes(document.value)) }
    }
}

/// A value that is made when first asked for: the OpenAPI document takes time and memory that most processes never need.
final class OnDemand<Value: Sendable>: Sendable {
    private let made = Mutex<Value?>(nil)
    private let make: @Sendable () -> Value

    init(_ make: @escaping @Sendable () -> Value) { self.make = make }

    var value: Value {
        made.withLock { made in
            if let made { return made }
            let value = make()
            made = value
            return value
        }
    }
}
