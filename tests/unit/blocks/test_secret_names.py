"""Names of Secret blocks: two targets never share one."""

from blocks.secrets.prefect import PrefectSecrets, secret_block, secret_prefix
from slipway.release import Target


def test_targets_that_join_to_the_same_words_have_blocks_of_their_own() -> None:
    one = secret_prefix(Target(app="shop", environment="prod-eu"))
    other = secret_prefix(Target(app="shop-prod", environment="eu"))
    assert secret_block(one, "database-url") == "shop--prod-eu--database-url"
    assert secret_block(other, "database-url") == "shop-prod--eu--database-url"


def test_the_prefix_of_a_target_is_one_that_the_block_takes() -> None:
    prefix = secret_prefix(Target(app="shop-prod", environment="eu"))
    assert PrefectSecrets(prefix=prefix).prefix == prefix
