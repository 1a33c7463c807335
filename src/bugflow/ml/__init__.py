"""Learning from reports: no SQL, no HTTP, no settings, so that benchmarks and notebooks train without a server."""
