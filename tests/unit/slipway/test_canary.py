"""Weights of a canary: how many pods come nearest, and what the app file says of them."""

import pytest

from slipway.appfile import dump, parse
from slipway.canary import DEFAULT, MOST_PODS, canary_pods, carrying_pods, share
from slipway.candidate import build_candidate
from slipway.candidate_spec import release_spec
from slipway.names import parse_reference
from slipway.source import Source

# pods of the stable set, weight, pods of the canary, its share in percent
TABLE = [
    (1, 1, 1, 50),
    (1, 10, 1, 50),
    (1, 50, 1, 50),
    (1, 75, 3, 75),
    (1, 99, 99, 99),
    (2, 10, 1, 33),
    (2, 25, 1, 33),
    (2, 40, 1, 33),
    (2, 50, 2, 50),
    (3, 10, 1, 25),
    (3, 50, 3, 50),
    (4, 20, 1, 20),
    (5, 10, 1, 17),
    (9, 10, 1, 10),
    (10, 10, 1, 9),
    (10, 25, 3, 23),
    (10, 33, 5, 33),
    (10, 50, 10, 50),
    (10, 80, 40, 80),
    (18, 10, 2, 10),
    (64, 1, 1, 2),
    (64, 50, 64, 50),
]


@pytest.mark.parametrize(("stable", "weight", "pods", "percent"), TABLE)
def test_how_many_pods_come_nearest_to_a_weight(
    stable: int, weight: int, pods: int, percent: int
) -> None:
    assert canary_pods(stable, weight) == pods
    assert share(stable, pods) == percent


@pytest.mark.parametrize("stable", [1, 2, 3, 10, 64])
def test_no_other_number_of_pods_is_nearer_and_none_falls(stable: int) -> None:
    """Every weight of every set: at least one pod, the nearest share, never fewer than before."""
    before = 0
    for weight in range(1, 100):
        pods = canary_pods(stable, weight)
        assert pods >= max(before, 1)
        exact = stable * weight / (100 - weight)
        assert pods == 1 or abs(pods - exact) <= 0.5
        before = pods


@pytest.mark.parametrize(
    ("stable", "weight", "pods"),
    [(1, 5, 1), (1, 99, 1), (4, 5, 1), (4, 25, 1), (4, 26, 2), (4, 75, 3), (64, 99, 64)],
)
def test_how_many_pods_carry_an_exact_share(stable: int, weight: int, pods: int) -> None:
    """S1-57: none has more requests than a pod of the stable set that serves alone."""
    assert carrying_pods(stable, weight) == pods


def app(environment: str) -> bytes:
    return f"""
app: shop
images: {{web: {{port: 8000}}}}
environments:
  dev: {{platform: kubernetes, port: 80, {environment}}}
""".encode()


def test_a_canary_without_steps_has_two() -> None:
    found = parse(app("strategy: canary"))
    assert found.environments["dev"].canary == DEFAULT
    assert parse(dump(found)) == found
    assert [step.weight for step in DEFAULT.steps] == [10, 50]
    assert all(canary_pods(1, step.weight) <= MOST_PODS for step in DEFAULT.steps)


def test_other_strategies_have_no_steps() -> None:
    found = parse(app("strategy: rolling"))
    assert found.environments["dev"].canary.steps == ()
    assert parse(dump(found)) == found


def test_the_specification_holds_the_weights() -> None:
    """S1-57: so that they are on record; without them nothing of it is written."""
    steps = "strategy: canary, canary: {steps: [{weight: 5, hold: 90s}, {weight: 40}]}"
    image = parse_reference(f"registry.example.com/shop/web@sha256:{'a' * 64}")
    source = Source(repository="https://git.example.com/shop.git", revision="ab" * 20)
    made = build_candidate(app(steps), source, {"web": image})
    place = release_spec(made, "dev", {}).kubernetes
    assert place is not None
    assert place.model_dump(mode="json")["canary"] == [
        {"weight": 5, "hold_millis": 90_000},
        {"weight": 40, "hold_millis": 10_000},
    ]
    assert "canary" not in place.model_copy(update={"canary": ()}).model_dump(mode="json")
