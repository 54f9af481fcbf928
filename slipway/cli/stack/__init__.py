"""The local stack: Docker engine, registry, Prefect server and worker on this machine.

The names below are loaded at first use, as most commands need only the stack's variables.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from slipway.cli.stack.settings import StackSettings
    from slipway.cli.stack.stack import Service, down, status, up

__all__ = ["Service", "StackSettings", "down", "status", "up"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    home = "settings" if name == "StackSettings" else "stack"
    return getattr(import_module(f"{__name__}.{home}"), name)
