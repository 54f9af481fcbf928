"""`python -m slipway.cli`."""

from slipway.cli.main import app

app()
