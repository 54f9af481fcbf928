"""`slipway demo`: the whole story on this machine, in about three minutes."""

from slipway.cli.demo.command import demo

__all__ = ["demo"]
