"""Numbered rules over a project that Slipway releases."""
