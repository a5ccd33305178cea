import CloudAPI
import CloudCore

/// A secret as the API shows it, never its payload.
struct SecretView: JSONWritable {
    let secret: StoredSecret
    /// Who uses it; nil in microversions without consumers.
    let consumers: [Consumer]?
    let request: APIRequest

    /// - Parameter consumers: who uses it; shown from microversion 1.1 on.
    init(_ secret: StoredSecret, consumers: [Consumer], _ request: APIRequest) {
        (self.secret, self.request) = (secret, request)
        self.consumers = request.microversion < Microversion(1, 1) ? nil : consumers
    }

    func write(to json: inout JSONWriter) {
        json.object {
            $0.times(secret.createdAt, secret.updatedAt)
            $0.member("status", "ACTIVE")
            $0.member("name", secret.name)
            $0.member("secret_type", secret.type.rawValue)
            $0.member("expiration", secret.expiration?.iso8601Naive)
            $0.member("algorithm", secret.algorithm)
            $0.member("bit_length", secret.bitLength)
            $0.member("mode", secret.mode)
            $0.member("creator_id", secret.creatorID)
            if let consumers { $0.member("consumers", array: consumers.map { ConsumerView($0, .secret, isWhole: false) }) }
            if let type = secret.contentType { $0.member("content_types", ["default": type.rawValue]) }
            $0.member("secret_ref", request.reference("secrets/\(secret.id)"))
        }
    }
}

/// A container as the API shows it.
struct ContainerView: JSONWritable {
    let container: SecretContainer
    let consumers: [Consumer]
    let request: APIRequest

    func write(to json: inout JSONWriter) {
        json.object {
            $0.times(container.createdAt, container.updatedAt)
            $0.member("status", "ACTIVE")
            $0.member("name", container.name)
            $0.member("type", container.type.rawValue)
            $0.member("creator_id", container.creatorID)
            $0.member("secret_refs") {
                $0.array { json in
                    for reference in container.references {
                        json.object {
                            $0.member("name", reference.name)
                            $0.member("secret_ref", request.reference("secrets/\(reference.secretID)"))
                        }
                    }
                }
            }
            $0.member("consumers", array: consumers.map { ConsumerView($0, .container, isWhole: false) })
            $0.member("container_ref", request.reference("containers/\(container.id)"))
        }
    }
}

/// A consumer as the API shows it, whose members depend on what it consumes.
struct ConsumerView: JSONWritable {
    let consumer: Consumer
    let kind: Holder.Kind
    let isWhole: Bool

    /// - Parameter isWhole: whether with times and status, as in lists of consumers.
    init(_ consumer: Consumer, _ kind: Holder.Kind, isWhole: Bool) {
        (self.consumer, self.kind, self.isWhole) = (consumer, kind, isWhole)
    }

    func write(to json: inout JSONWriter) {
        json.object {
            if isWhole {
                $0.times(consumer.createdAt, consumer.updatedAt)
                $0.member("status", "ACTIVE")
            }
            switch kind {
            case .secret:
                $0.member("service", consumer.name)
                $0.member("resource_type", consumer.resourceType)
                $0.member("resource_id", consumer.reference)
            case .container:
                $0.member("name", consumer.name)
                $0.member("URL", consumer.reference)
            }
        }
    }
}

/// An order as the API shows it.
struct OrderView: JSONWritable {
    let order: KeyOrder
    let request: APIRequest

    func write(to json: inout JSONWriter) {
        json.object {
            $0.times(order.createdAt, order.updatedAt)
            $0.member("type", order.type.rawValue)
            $0.member("meta", order.meta)
            $0.member("creator_id", order.creatorID)
            $0.member("order_ref", request.reference("orders/\(order.id)"))
            switch order.outcome {
            case .secret(let id):
                $0.member("status", "ACTIVE")
                $0.member("secret_ref", request.reference("secrets/\(id)"))
            case .container(let id):
                $0.member("status", "ACTIVE")
                $0.member("container_ref", request.reference("containers/\(id)"))
            case .failure(let status, let reason):
                $0.member("status", "ERROR")
                $0.member("error_status_code", String(status))
                $0.member("error_reason", reason)
            }
        }
    }
}

extension JSONWriter {
    /// When something was made and changed.
    mutating func times(_ created: Timestamp, _ updated: Timestamp) {
        member("created", created.iso8601Naive)
        member("updated", updated.iso8601Naive)
    }
}
