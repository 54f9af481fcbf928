"""Every group of measurements, by the name that --only takes; those that need least come first."""

import importlib
from collections.abc import Sequence

from bench.measured import Result
from bench.session import Session
from slipway.errors import BadInput

GROUPS = {
    "ledger": "ledger",
    "p13": "p13_signing",
    "p12": "p12_lock",
    "p5": "p05_orchestration",
    "p8": "p08_verdict",
    "p11": "p11_drill",
    "p4": "p04_rollback",
    "p10": "p10_traffic",
    "p1": "p01_release",
    "p6": "p06_trigger",
    "p9": "p09_recovery",
    "p4k": "p04_kubernetes",
}
ALIASES = {"p2": "p1", "p3": "p1"}


def chosen(names: str) -> list[str]:
    """The groups that a list such as `p2,p5` names; all where it is empty.

    Raises:
        BadInput: there is no such group.
    """
    wanted = [ALIASES.get(name, name) for name in filter(None, names.lower().split(","))]
    unknown = [name for name in wanted if name not in GROUPS]
    if unknown:
        raise BadInput("no such measurement", found=", ".join(unknown), allowed=", ".join(GROUPS))
    return [name for name in GROUPS if name in wanted or not wanted]


def measure(name: str, session: Session) -> Sequence[Result]:
    """Measure one group; what it needs is imported only now."""
    module = importlib.import_module(f"bench.goals.{GROUPS[name]}")
    found: Sequence[Result] = module.measure(session)
    return found
