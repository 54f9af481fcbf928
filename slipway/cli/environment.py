"""The local stack's variables, for a shell without: `slipway status` works after `make up`."""

import os
from collections.abc import Mapping
from pathlib import Path

from slipway.cli.stack.settings import default_state
from slipway.cli.stack.variables import read_environment


def missing_variables(environment: Mapping[str, str], stack: Mapping[str, str]) -> dict[str, str]:
    """What the stack says and the shell does not. Pure.

    A shell that names a ledger, a state folder or a Prefect server of its own gets nothing, since
    half of one installation and half of another would be worse than none.
    """
    chosen = {"SLIPWAY_STATE", "SLIPWAY_LEDGER", "PREFECT_API_URL"} & environment.keys()
    if any(environment[name] != stack.get(name) for name in chosen):
        return {}
    return {name: value for name, value in stack.items() if name not in environment}


def stack_file() -> Path:
    """Where `slipway up` wrote them."""
    return default_state() / "stack.env"


def take_stack_variables() -> None:
    """Put them into this process's environment."""
    os.environ.update(missing_variables(os.environ, read_environment(stack_file())))
