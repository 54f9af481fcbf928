"""What `slipway doctor --agent` looks at: the programs of a CI agent, as agent_tools.yaml lists."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterable
from functools import cache
from pathlib import Path

import yaml
from pydantic import TypeAdapter

from blocks.process import harmless
from slipway.ci_tools import Tool, Way, is_new_enough, needed_tools, told_version
from slipway.cli.checks import Check, ask
from slipway.errors import Unreachable

TABLE = Path(__file__).with_name("agent_tools.yaml")
SECONDS = 20
LONGEST = 4096


@cache
def agent_tools() -> tuple[Tool, ...]:
    """The table."""
    return TypeAdapter(tuple[Tool, ...]).validate_python(yaml.safe_load(TABLE.read_text()))


def agent_checks(deploys_with: Iterable[str]) -> list[Check]:
    """One check for each tool; those not needed here do not count.

    Raises:
        BadInput: `deploys_with` names something else than a tool to deploy with.
    """
    needed = needed_tools(agent_tools(), deploys_with)
    return [
        ask(tool.name, lambda tool=tool: find(tool), needed=tool.name in needed)  # type: ignore[misc]
        for tool in agent_tools()
    ]


def find(tool: Tool) -> str:
    """Version and path of the first way that will do.

    Raises:
        Unreachable: none is there, or none is new enough; says which were found.
    """
    seen = [_look(tool, way) for way in tool.ways]
    for good, said in seen:
        if good:
            return said
    raise Unreachable(
        f"{tool.name} is missing or too old",
        found="; ".join(said for _, said in seen),
        allowed=" or ".join(f"{way.ask[0]} {way.at_least} or newer" for way in tool.ways),
        next_step=f"install {tool.install}",
    )


def _look(tool: Tool, way: Way) -> tuple[bool, str]:
    """Whether that way will do, and what was found."""
    program = _program(tool, way.ask[0])
    if program is None:
        return False, f"no {way.ask[0]} on PATH"
    version = told_version(way, _printed([program, *way.ask[1:]]))
    if version is None:
        return False, f"{program} tells no version"
    if version in tool.denied:
        return False, f"{version} at {program}, which was reported malicious"
    return is_new_enough(version, way.at_least), f"{version} at {program}"


def _program(tool: Tool, name: str) -> str | None:
    """The named one, else the one beside this Python, else the first on PATH."""
    named = os.environ.get(tool.path_in or "")
    if named:
        return shutil.which(named)
    own = str(Path(sys.executable).parent)
    return shutil.which(name, path=os.pathsep.join([own, os.environ.get("PATH", os.defpath)]))


def _printed(argv: list[str]) -> str:
    """What it prints, wherever it prints it; nothing where it hangs or cannot be run."""
    try:
        done = subprocess.run(
            argv,
            env=harmless(os.environ),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout[:LONGEST].decode(errors="replace")
