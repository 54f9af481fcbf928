"""The local stack: registry, Prefect server, worker."""
