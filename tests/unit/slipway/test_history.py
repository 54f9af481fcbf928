"""What a chain means, as a table of named states (D3, D4, A1, A11)."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from slipway.claim import open_claim
from slipway.errors import NoRollbackTarget
from slipway.history import good_releases, rollback_target, serving_release, ways_back
from slipway.ledger import Kind, Record, genesis
from slipway.recovery import next_action
from tests.fakes.world import TARGET, candidate, spec

CASES = yaml.safe_load((Path(__file__).parents[2] / "cases/history.yaml").read_text())
IDS = {spec(version).id: version for version in "abcdef" + "0123456789"}
VERSIONS = {"z": "0"}


def version_of(name: str) -> str:
    return VERSIONS.get(name, name)


def body(words: list[str]) -> dict[str, Any]:
    match words:
        case ["claim", goal, wanted]:
            wanted = version_of(wanted)
            spec_body = spec(wanted).model_dump(mode="json")
            return {"goal": goal, "candidate": candidate(wanted), "spec": spec_body}
        case ["verified", name]:
            wanted = version_of(name)
            return {"candidate": candidate(wanted), "spec": spec(wanted).model_dump(mode="json")}
        case ["closed", outcome, serving, *left]:
            gone = [spec(version_of(name.removeprefix("-"))).id for name in left]
            return {
                "outcome": outcome,
                "serving": spec(version_of(serving)).id,
                "rolled_back": gone,
            }
        case _:
            return {}


def chain(lines: list[str]) -> list[Record]:
    records: list[Record] = []
    for number, line in enumerate(lines, start=1):
        words = line.split()
        records.append(
            Record(
                number=number,
                previous=records[-1].digest if records else genesis(TARGET),
                time=f"2026-01-01T00:00:{number:02d}.000Z",
                actor="t",
                kind=Kind(words[0]),
                body=body(words),
            )
        )
    return records


def letter(spec_id: str) -> str:
    return {"0": "z"}.get(IDS[spec_id], IDS[spec_id])


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_a_chain_means_one_thing(case: dict[str, Any]) -> None:
    records = chain(case["chain"])
    serving = serving_release(records)
    assert "".join(letter(good.spec.id) for good in good_releases(records)) == case["good"]
    assert (letter(serving.spec.id) if serving else None) == case["serving"]
    if case["rollback"] is None:
        with pytest.raises(NoRollbackTarget):
            rollback_target(records)
    else:
        assert letter(rollback_target(records).spec.id) == case["rollback"]


@pytest.mark.parametrize(
    "case", [case for case in CASES if "next" in case], ids=lambda case: case["name"]
)
def test_an_open_claim_has_one_next_action(case: dict[str, Any]) -> None:
    records = chain(case["chain"])
    claim = open_claim(records)
    back = "".join(letter(good.spec.id) for good in ways_back(records, claim))
    assert (back, str(next_action(claim, records))) == (case["ways_back"], case["next"])
