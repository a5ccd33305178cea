// Tests of CloudTelemetry.
