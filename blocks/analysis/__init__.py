"""Measuring a release: requests of our own, and what Prometheus says of it."""
