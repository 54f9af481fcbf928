"""The routes of the front proxy as a value, and its map's text forms. Pure.

Commands: HAProxy 2.6 management guide, section 9.3 (prepare map, add map, commit map, show map).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

MAP = "/run/slipway/traffic.map"
FOLDER = "/var/lib/slipway/traffic"
COMPLETE = "# complete"


@dataclass(frozen=True, slots=True)
class Routes:
    """Where requests go.

    Attributes:
        holder: the claim that wrote them, the fencing token; 0 before the first.
        sequence: number of the write.
        serving: ADDRESS:PORT of each replica that serves.
        previous: replicas that failed requests are sent to again, only during a bake.
    """

    holder: int = 0
    sequence: int = 0
    serving: tuple[str, ...] = ()
    previous: tuple[str, ...] = ()

    def entries(self) -> dict[str, str]:
        """The map's entries."""
        fixed = {"holder": str(self.holder), "sequence": str(self.sequence)}
        return fixed | _replicas("serving", self.serving) | _replicas("previous", self.previous)


def _replicas(name: str, addresses: Sequence[str]) -> dict[str, str]:
    if not addresses:
        return {}
    numbered = {f"{name}/{number}": address for number, address in enumerate(addresses)}
    return {f"{name}/n": str(len(addresses)), **numbered}


def routes_of(entries: Mapping[str, str]) -> Routes:
    """The routes in a map's entries; missing ones read as none."""

    def replicas(name: str) -> tuple[str, ...]:
        return tuple(entries[f"{name}/{i}"] for i in range(int(entries.get(f"{name}/n", "0"))))

    return Routes(
        holder=int(entries.get("holder", "0")),
        sequence=int(entries.get("sequence", "0")),
        serving=replicas("serving"),
        previous=replicas("previous"),
    )


def parse_show_map(answer: str) -> Routes:
    """The routes in an answer of `show map`: lines of POINTER KEY VALUE."""
    lines = (line.split(maxsplit=2) for line in answer.splitlines() if line.startswith("0x"))
    return routes_of({words[1]: words[2] for words in lines if len(words) == 3})


def add_commands(version: int, routes: Routes) -> list[str]:
    """The commands that fill a prepared version."""
    return [f"add map @{version} {MAP} {key} {value}" for key, value in routes.entries().items()]


def map_file(routes: Routes) -> tuple[str, bytes]:
    """Name and text of the file that the proxy starts from; names sort by holder, then sequence."""
    lines = [f"{key} {value}" for key, value in routes.entries().items()]
    name = f"{routes.holder:012d}-{routes.sequence:012d}.map"
    return name, "\n".join([*lines, COMPLETE, ""]).encode()


def outdated(names: Sequence[str], keep: int = 16) -> list[str]:
    """The map files that nothing needs any more."""
    return sorted(name for name in names if name.endswith(".map"))[:-keep]
