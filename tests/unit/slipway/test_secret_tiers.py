"""The tier of each name, from a table (S0-04, S0-07, S0-15, S0-22)."""

from pathlib import Path

import pytest
import yaml

from slipway.errors import BadInput
from slipway.secret_tiers import Tier, jenkins_id, store_name, tier_of

CASES = yaml.safe_load((Path(__file__).parents[2] / "cases" / "secret_tiers.yaml").read_text())


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case['name']}-{case['tier']}")
def test_tier_of_a_name(case):
    assert tier_of(case["name"], case.get("declared", [])) == case["tier"]
    if case["tier"] == Tier.BUILD:
        assert jenkins_id(case["name"]) == case["jenkins"]


@pytest.mark.parametrize(
    ("old", "new"),
    [("DATABASE_URL", "database-url"), ("externalApiKeys", "external-api-keys"), ("a__b", "a-b")],
)
def test_old_spelling_becomes_a_name_of_the_store(old, new):
    assert store_name(old) == new


@pytest.mark.parametrize("old", ["---", "9lives", "x" * 41, "пароль"])
def test_what_gives_no_name_is_refused(old):
    with pytest.raises(BadInput, match="gives no name"):
        store_name(old)
