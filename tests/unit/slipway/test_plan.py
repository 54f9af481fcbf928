"""The plan: only what differs, a hash over both sides."""

import pytest

from slipway.errors import PlanStale
from slipway.plan import Plan, make_plan, refuse_stale
from slipway.platform import Observation
from tests.fakes.world import candidate, spec


def planned(observed: dict[str, str], wanted: dict[str, str], revision: str = "r1") -> Plan:
    return make_plan(candidate("a"), spec("a"), Observation(observed, revision), wanted)


def test_noop_when_the_target_runs_what_is_wanted() -> None:
    fields = {"web.image": "sha256:1", "web.replicas": "2"}
    assert planned(fields, dict(fields)).is_empty


def test_changed_new_and_removed_fields_are_listed_by_name() -> None:
    plan = planned({"a": "1", "gone": "x"}, {"a": "2", "new": "y"})
    assert [str(change) for change in plan.changes] == [
        "a: 1 -> 2",
        "gone: x -> (absent)",
        "new: (absent) -> y",
    ]


@pytest.mark.parametrize(
    ("observed", "wanted", "revision"),
    [
        ({"a": "0"}, {"a": "2"}, "r1"),
        ({"a": "1"}, {"a": "3"}, "r1"),
        ({"a": "1"}, {"a": "2"}, "r2"),
    ],
)
def test_the_hash_binds_both_sides(observed: dict, wanted: dict, revision: str) -> None:
    base = planned({"a": "1"}, {"a": "2"})
    assert planned({"a": "1"}, {"a": "2"}).hash == base.hash
    assert planned(observed, wanted, revision).hash != base.hash


def test_a_moved_target_is_stale_and_the_field_is_named() -> None:
    """N08: what changed in between is told."""
    with pytest.raises(PlanStale, match=r"plan is stale: shop/prod .* found: web\.image"):
        refuse_stale(
            planned({"web.image": "1"}, {"web.image": "3"}),
            planned({"web.image": "2"}, {"web.image": "3"}),
        )


def test_secrets_show_as_versions() -> None:
    one, two = spec("a", secrets={"database-url": "v1"}), spec("a", secrets={"database-url": "v2"})
    assert one.id != two.id
    assert one.secrets_id != two.secrets_id
