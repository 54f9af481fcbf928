"""Reachable things, as Prefect blocks."""
