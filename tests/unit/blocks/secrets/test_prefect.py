"""Names of Secret blocks, kept copies among them, and the request that lists them."""

import pytest

from blocks.secrets.prefect import (
    PrefectSecrets,
    blocks_request,
    kept_block,
    names_among,
    secret_block,
    secret_prefix,
)
from slipway.errors import BadInput
from slipway.release import Target

PREFIX = "shop--prod"


def test_kept_copies_and_blocks_of_others_are_no_names() -> None:
    blocks = [
        "shop--prod--database-url",
        kept_block(PREFIX, "database-url", "v1"),
        "shop--prod--api-key",
        "shop--prod-eu--api-key",
        "my-shop--prod--other",
        "shop--prod--Upper",
        "shop--prod--",
    ]
    assert names_among(PREFIX, blocks) == ["api-key", "database-url"]


def test_a_kept_copy_is_named_by_its_version_alone() -> None:
    one, other = kept_block(PREFIX, "key", "v1"), kept_block(PREFIX, "key", "v2")
    assert one == kept_block(PREFIX, "key", "v1") != other
    assert one.startswith("shop--prod--key--at-")
    assert len(one) == len("shop--prod--key--at-") + 12


@pytest.mark.parametrize("name", ["a--at-b", "../x", "", "A", "x" * 41])
def test_no_name_can_stand_for_a_copy_or_another_target(name: str) -> None:
    with pytest.raises(BadInput):
        secret_block(PREFIX, name)


def test_the_list_asks_for_no_value() -> None:
    assert blocks_request("shop--prod--", 400) == {
        "block_documents": {"name": {"like_": "shop--prod--"}},
        "block_types": {"slug": {"any_": ["secret"]}},
        "include_secrets": False,
        "sort": "NAME_ASC",
        "limit": 200,
        "offset": 400,
    }


def test_targets_that_join_to_the_same_words_have_blocks_of_their_own() -> None:
    one = secret_prefix(Target(app="shop", environment="prod-eu"))
    other = secret_prefix(Target(app="shop-prod", environment="eu"))
    assert secret_block(one, "database-url") == "shop--prod-eu--database-url"
    assert secret_block(other, "database-url") == "shop-prod--eu--database-url"


def test_the_prefix_of_a_target_is_one_that_the_block_takes() -> None:
    prefix = secret_prefix(Target(app="shop-prod", environment="eu"))
    assert PrefectSecrets(prefix=prefix).store().prefix == prefix
