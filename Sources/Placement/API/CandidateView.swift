import CloudAPI
import CloudCore

/// The candidates as clients of a microversion see them.
struct CandidateView: JSONWritable {
    let answer: CandidateAnswer
    let snapshot: ProviderSnapshot
    let wanted: CandidateRequest
    let version: Microversion

    private func isAtLeast(_ minor: Int) -> Bool { version >= Microversion(1, minor) }

    func write(to json: inout JSONWriter) {
        let (isObject, hasMappings) = (isAtLeast(12), isAtLeast(34))
        json.object { json in
            json.member("allocation_requests") { json in
                json.array { json in
                    for request in answer.requests {
                        json.object { json in
                            json.name("allocations")
                            if isObject { writeObject(request, to: &json) } else { writeList(request, to: &json) }
                            if hasMappings { writeMappings(request, to: &json) }
                        }
                    }
                }
            }
            json.member("provider_summaries") { json in
                json.object { json in writeSummaries(to: &json) }
            }
        }
    }

    // MARK: Claims, as `PUT /allocations/{consumer_uuid}` of the same microversion takes them

    private func writeObject(_ request: AllocationRequest, to json: inout JSONWriter) {
        json.object { json in
            forEachProvider(request) { provider, shares in
                json.name(snapshot.providers[provider].uuid)
                json.object { json in
                    json.name("resources")
                    write(shares, to: &json)
                }
            }
        }
    }

    private func writeList(_ request: AllocationRequest, to json: inout JSONWriter) {
        json.array { json in
            forEachProvider(request) { provider, shares in
                json.object { json in
                    json.member("resource_provider") { json in
                        json.object { $0.member("uuid", snapshot.providers[provider].uuid) }
                    }
                    json.name("resources")
                    write(shares, to: &json)
                }
            }
        }
    }

    private func write(_ shares: ArraySlice<AllocationRequest.Share>, to json: inout JSONWriter) {
        json.object { json in
            for share in shares { json.member(snapshot.classNames[share.resourceClass], share.amount) }
        }
    }

    private func forEachProvider(
        _ request: AllocationRequest, _ body: (Int, ArraySlice<AllocationRequest.Share>) -> Void
    ) {
        var start = 0
        while start < request.shares.count {
            let provider = request.shares[start].provider
            var end = start + 1
            while end < request.shares.count, request.shares[end].provider == provider { end += 1 }
            body(provider, request.shares[start..<end])
            start = end
        }
    }

    private func writeMappings(_ request: AllocationRequest, to json: inout JSONWriter) {
        json.member("mappings") { json in
            json.object { json in
                for (group, providers) in zip(wanted.groups, request.mappings) {
                    json.member(group.suffix) { json in
                        json.array { json in for provider in providers { json.string(snapshot.providers[provider].uuid) } }
                    }
                }
            }
        }
    }

    // MARK: Providers

    private func writeSummaries(to json: inout JSONWriter) {
        // From 1.29 on a summary says the same to everybody.
        guard !isAtLeast(29) else { return writeSharedSummaries(to: &json) }
        let shown = shownClasses
        for number in answer.providers {
            json.name(snapshot.providers[number].uuid)
            writeSummary(of: number, shown, to: &json)
        }
    }

    private func writeSharedSummaries(to json: inout JSONWriter) {
        let known = snapshot.summaries.all
        var fresh: [(provider: Int, value: [UInt8])] = []
        for number in answer.providers {
            json.name(snapshot.providers[number].uuid)
            if let value = known[number] {
                json.written(value)
            } else {
                var writer = JSONWriter()
                writeSummary(of: number, nil, to: &writer)
                json.written(writer.bytes)
                fresh.append((number, writer.bytes))
            }
        }
        snapshot.summaries.keep(fresh)
    }

    private func writeSummary(of number: Int, _ shown: Set<Int>?, to json: inout JSONWriter) {
        let provider = snapshot.providers[number]
        json.object { json in
            json.name("resources")
            json.object { json in
                for resourceClass in snapshot.classesOfProviders[number] where shown?.contains(resourceClass) ?? true {
                    guard let inventory = snapshot.columns[resourceClass][number] else { continue }
                    json.name(snapshot.classNames[resourceClass])
                    json.object { json in
                        json.member("capacity", inventory.capacity)
                        json.member("used", inventory.used)
                    }
                }
            }
            if isAtLeast(17) { json.member("traits", array: snapshot.traitsOfProviders[number]) }
            guard isAtLeast(29) else { return }
            json.member("parent_provider_uuid", provider.parentUUID)
            json.member("root_provider_uuid", provider.rootUUID)
        }
    }

    /// Before 1.27 only what was asked for is shown; nil for all.
    private var shownClasses: Set<Int>? {
        isAtLeast(27) ? nil : Set(wanted.groups.flatMap(\.resources.keys).compactMap(snapshot.number(ofClass:)))
    }
}
