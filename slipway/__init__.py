"""Slipway takes a commit to a verified production release, and back."""

__version__ = "0.1.0"
