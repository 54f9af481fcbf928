"""Which of two candidates is older, as a table, and what is said about it (E3)."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from slipway.errors import CandidateStale
from slipway.precedence import refuse_older, why_older
from tests.fakes.world import candidate, order
from tests.unit.slipway.test_history import chain

CASES = yaml.safe_load((Path(__file__).parents[2] / "cases/precedence.yaml").read_text())


def moment(second: int | None) -> str | None:
    return f"2026-01-01T00:00:{second:02d}Z" if second else None


def lines(act: str) -> list[str]:
    match act.split():
        case ["release", name, _]:
            return [f"claim deploy {name}", f"verified {name}", f"closed released {name}"]
        case ["fail", name, _]:
            return [f"claim deploy {name}", "failed", "verified a", f"closed restored a -{name}"]
        case ["rollback", name]:
            return [f"claim rollback {name}", f"verified {name}", f"closed rolled-back {name}"]
        case ["drill", older, origin]:
            there = [f"claim drill {older}", f"verified {older}", f"verified {origin}"]
            return [*there, f"closed drilled {origin}"]
        case _:
            raise AssertionError(act)


def records_of(done: list[str]) -> list[Any]:
    """The chain, each claim of a release with the time of its build."""
    built = {act.split()[1]: act.split()[2] for act in done if act.startswith(("release", "fail"))}
    records = chain([line for act in done for line in lines(act)])
    for record in records:
        for name, second in built.items():
            if record.body.get("candidate") == candidate(name) and "goal" in record.body:
                record.body["built"] = moment(int(second) if second != "null" else None)
    return records


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_a_candidate_is_older_or_not(case: dict[str, Any]) -> None:
    """E3: by what was released here, else by what the signed builds say; unknown is older."""
    name, second = case["comes"]
    stored = {candidate(key): value for key, value in case.get("in_registry", {}).items()}

    why = why_older(
        candidate(name),
        moment(second),
        records_of(case["done"]),
        lambda reference: moment(stored.get(reference)),
    )

    if case["older"] is None:
        assert why is None
    else:
        assert case["older"] in (why or "")


def test_an_older_candidate_is_refused_with_the_way_out() -> None:
    """E3: what serves, what may come, what to do; nothing where an old trigger came late."""
    records = records_of(["release a 1", "release b 2"])
    with pytest.raises(CandidateStale) as caught:
        refuse_older(order("a"), why_older(candidate("a"), None, records), records)
    assert "aaaaaaaaaaaa is older than what serves in shop/prod" in str(caught.value)
    assert caught.value.found == "bbbbbbbbbbbb serves"
    assert "--allow-downgrade" in (caught.value.allowed or "")
    assert "slipway rollback shop prod" in (caught.value.next_step or "")
    assert caught.value.exit_code == 3


def test_a_downgrade_that_is_allowed_is_on_record() -> None:
    """E3: the claim's facts say who allowed it, and why it needed that."""
    wanted = order("a", allow_downgrade=True, requested_by="ann")
    assert refuse_older(wanted, "it is old", []) == ["downgrade allowed by ann: it is old"]
