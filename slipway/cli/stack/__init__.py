"""The local stack: Docker engine, registry, Prefect server and worker on this machine."""

from slipway.cli.stack.settings import StackSettings
from slipway.cli.stack.stack import Service, down, status, up

__all__ = ["Service", "StackSettings", "down", "status", "up"]
