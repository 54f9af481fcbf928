"""One environment on the memory platform with a real directory ledger."""

import time
from dataclasses import dataclass, field, replace
from pathlib import Path

from pydantic import SecretStr

from slipway.claim import open_claim
from slipway.directory_store import DirectoryStore
from slipway.engine import Engine
from slipway.execution import Tools
from slipway.ledger import Kind, Ledger, Record
from slipway.opening import Order
from slipway.release import ReleaseSpec, Resources, ServiceSpec, Target
from tests.fakes.platform import MemoryPlatform

TARGET = Target(app="shop", environment="prod")
LEASE = 0.2
PAUSES = (0.01, 0.01)


def image(version: str) -> str:
    return f"127.0.0.1:5055/shop/web@sha256:{version * 64}"


def candidate(version: str) -> str:
    return f"127.0.0.1:5055/shop@sha256:{version * 64}"


def spec(version: str, **changes: object) -> ReleaseSpec:
    service = ServiceSpec(
        name="web",
        image=image(version),
        user="65532",
        port=8000,
        resources=Resources(memory_bytes=64 << 20, cpu_millis=500, pids=64),
    )
    values = {"target": TARGET, "services": (service,), "front": "web", "port": 8001}
    return ReleaseSpec.model_validate(values | changes)


def order(version: str, **changes: object) -> Order:
    values = {"candidate": candidate(version), "spec": spec(version), "requested_by": "ci"}
    return Order.model_validate(values | changes)


def read_secret(name: str, version: str) -> SecretStr:
    return SecretStr(f"{name}-{version}")


@dataclass
class World:
    """Everything that outlives one process: the target and the ledger's folder."""

    folder: Path
    platform: MemoryPlatform = field(default_factory=MemoryPlatform)
    lease_seconds: float = LEASE

    def ledger(self, actor: str = "tester") -> Ledger:
        return Ledger(DirectoryStore(self.folder), TARGET, actor)

    def tools(self, **changes: object) -> Tools:
        tools = Tools(self.platform, self.ledger(), read_secret, lease_seconds=self.lease_seconds)
        tools = replace(tools, pauses=PAUSES)
        return replace(tools, **changes)  # type: ignore[arg-type]

    def engine(self, **changes: object) -> Engine:
        """A new process's engine."""
        return Engine(self.tools(**changes))

    def records(self) -> list[Record]:
        return self.ledger().records()

    def kinds(self) -> list[Kind]:
        return [record.kind for record in self.records()]

    def is_settled(self) -> bool:
        return open_claim(self.records()) is None

    def outlive_lease(self) -> None:
        time.sleep(self.lease_seconds * 1.5)
