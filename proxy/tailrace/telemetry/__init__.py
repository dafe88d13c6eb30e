"""What is told of requests: traces, metrics, one log line each. The only folder that knows OpenTelemetry."""
