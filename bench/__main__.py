"""Measure what must stay fast, and write docs/performance.md.

python -m bench                        everything, 7 rounds
python -m bench --only p4,p5           these groups; the others stay as they were measured
python -m bench --gate                 also fail where a goal is missed
"""

import argparse
import json
import os
import signal
import sys
import tomllib
import traceback
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench import page
from bench.goals.catalogue import GROUPS, chosen, measure
from bench.session import Session

HERE = Path(__file__).parent
RESULTS = HERE / "results.json"
DOCS = HERE.parent / "docs"
QUIET = 0.5


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--only", default="", help=f"some of {', '.join(GROUPS)}")
    parser.add_argument("--gate", action="store_true", help="fail where a goal is missed")
    options = parser.parse_args()
    os.environ.setdefault("PREFECT_LOGGING_LEVEL", "WARNING")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that nothing is left behind
    session = Session(options.rounds)
    failed = []
    with session.ends:
        for name in chosen(options.only):
            try:
                found = measured(name, session)
            except Exception:  # noqa: BLE001 - the others are measured all the same
                traceback.print_exc()
                failed.append(name)
                continue
            RESULTS.write_text(json.dumps({**kept(), name: found}, indent=1) + "\n")
    known = kept()
    groups = [page.group_of(name, known[name]) for name in GROUPS if name in known]
    write_page(groups)
    if failed:
        print(f"could not be measured: {', '.join(failed)}")
    missed = any(r.is_met is False for group in groups for r in group.results)
    return int(bool(failed) or (options.gate and missed))


def kept() -> dict[str, Any]:
    """Every group as it was measured last."""
    return dict(json.loads(RESULTS.read_text())) if RESULTS.exists() else {}


def measured(name: str, session: Session) -> dict[str, Any]:
    """One group, as it is kept."""
    load = os.getloadavg()[0]
    if load > QUIET:
        print(f"load is {load:.1f}: ratios hold better on a quiet machine (below {QUIET})")
    results = measure(name, session)
    for result in results:
        print(page.line(result), flush=True)
    when = datetime.now(UTC).date().isoformat()
    rows = [result.row() for result in results]
    return {"when": when, "load": round(load, 2), "rounds": session.rounds, "results": rows}


def write_page(groups: list[page.Group]) -> None:
    """docs/performance.md and its picture."""
    why = tomllib.loads((HERE / "why.toml").read_text())
    text = (HERE / "performance.md").read_text()
    (DOCS / "images" / "performance.svg").write_text(page.plot(groups))
    (DOCS / "performance.md").write_text(
        text.format(
            table=page.table(groups),
            notes=page.notes(groups, why),
            when=page.measured_when(groups, QUIET, list(GROUPS)),
        )
    )


if __name__ == "__main__":
    sys.exit(main())
