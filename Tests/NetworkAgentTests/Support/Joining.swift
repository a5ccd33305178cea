extension Task where Failure == any Error {
    /// The task's value. A waiting test that is cancelled, by its time limit for one, cancels the task: nothing else would
    /// end the wait.
    var joined: Success {
        get async throws { try await withTaskCancellationHandler { try await value } onCancel: { cancel() } }
    }
}

extension Task where Failure == Never {
    /// The task's value, as above.
    var joined: Success {
        get async { await withTaskCancellationHandler { await value } onCancel: { cancel() } }
    }
}
