"""Numbered rules over a project that Slipway releases.

A rule is one file in `slipway/lint/rules/`, with its good and bad cases in `tests/cases/lint/`. It
looks at one source at a time and may ask the whole project what else there is.
"""

from slipway.lint.finding import Finding
from slipway.lint.run import lint, rules

__all__ = ["Finding", "lint", "rules"]
