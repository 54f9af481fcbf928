"""`python -m slipway.cli.stack up|down|status`."""

import argparse
import sys

from rich.console import Console
from rich.markup import escape

from slipway.cli.stack import Service, down, status, up
from slipway.errors import SlipwayError

_console = Console(highlight=False, soft_wrap=True)


def main() -> int:
    """Exit code 0, or that of the error's class; 1 from `status` when something is not ready."""
    parser = argparse.ArgumentParser(prog="python -m slipway.cli.stack")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("up")
    commands.add_parser("status")
    stop = commands.add_parser("down")
    stop.add_argument("--apps", action="store_true", help="also remove the released apps")
    stop.add_argument("--purge", action="store_true", help="also remove all data of the stack")
    options = parser.parse_args()
    try:
        return _run(options)
    except SlipwayError as error:
        _say(f"error: {error}")
        for line in error.evidence:
            _say(f"  | {line}")
        _say(f"  next: {error.next_step}")
        return error.exit_code


def _run(options: argparse.Namespace) -> int:
    if options.command == "down":
        down(say=_say, apps=options.apps, purge=options.purge)
        return 0
    services = up(say=_say) if options.command == "up" else status()
    for service in services:
        _say(_line(service))
    return int(not all(service.is_ready for service in services))


def _line(service: Service) -> str:
    state = "ready" if service.is_ready else "not ready"
    return f"{service.name:16} {state:10} {service.address}"


def _say(text: str) -> None:
    _console.print(escape(text))


if __name__ == "__main__":
    sys.exit(main())
