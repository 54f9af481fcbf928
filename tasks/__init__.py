"""Verbs: one visible step each."""
