// CloudTelemetry
