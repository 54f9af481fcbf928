"""A secret store in memory, with the contract of the real ones and faults on request."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from pydantic import SecretStr

from slipway.errors import SecretMissing, SlipwayError
from slipway.ledger import utc_now
from slipway.names import check_name
from slipway.secret import SecretState, check_value, newest_stays, version_gone

LONGEST = 64 * 1024


@dataclass
class MemorySecrets:
    """A SecretStore of one target.

    Attributes:
        keeps_versions: False forgets the older version at each write, as files do.
        clock: when a write happens.
        fault: raised by every call while it is set, as in `Unreachable("away")`.
        reads: name and version of each value that was handed out, in order.
    """

    keeps_versions: bool = True
    clock: Callable[[], datetime] = utc_now
    fault: SlipwayError | None = None
    reads: list[tuple[str, str]] = field(default_factory=list)
    kept: dict[str, dict[str, tuple[datetime, SecretStr]]] = field(default_factory=dict)
    writes: int = 0

    def versions(self, names: list[str]) -> dict[str, str]:
        return {name: self.state(name).version for name in names}

    def read(self, name: str, version: str) -> SecretStr:
        newest = self.state(name).version
        if version not in self.kept[name]:
            raise version_gone(name, version, newest)
        self.reads.append((name, version))
        return self.kept[name][version][1]

    def names(self) -> list[str]:
        self._reach()
        return sorted(self.kept)

    def state(self, name: str) -> SecretState:
        self._reach()
        check_name(name)
        if name not in self.kept:
            raise SecretMissing(f"runtime secret {name} is missing", next_step=f"write {name}")
        version, (written, _) = list(self.kept[name].items())[-1]
        return SecretState(name=name, version=version, written=written)

    def write(self, name: str, value: SecretStr) -> str:
        self._reach()
        check_value(name, value, LONGEST)
        self.writes += 1
        older = self.kept.get(name, {}) if self.keeps_versions else {}
        self.kept[name] = {**older, str(self.writes): (self.clock(), value)}
        return str(self.writes)

    def delete(self, name: str) -> None:
        self._reach()
        self.kept.pop(check_name(name), None)

    def forget(self, name: str, version: str) -> None:
        if name in self.names() and self.state(name).version == version:
            raise newest_stays(name, version)
        self.kept.get(name, {}).pop(version, None)

    def _reach(self) -> None:
        if self.fault:
            raise self.fault
