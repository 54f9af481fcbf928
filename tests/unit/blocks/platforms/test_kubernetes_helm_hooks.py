"""Which hook's Job an error of Helm names."""

import pytest

from blocks.platforms.kubernetes_helm_hooks import is_named

HELM_3 = "pre-upgrade hooks failed: 1 error occurred: * job shop-migrate-2 failed: BackoffLimit"
HELM_4 = "resource Job/shop-dev/shop-migrate-2 not ready. status: Failed, message: Job Failed"


@pytest.mark.parametrize("text", [HELM_3, HELM_4, "shop-migrate-2", "(shop-migrate-2)"])
def test_it_is_named_by_both_versions(text: str) -> None:
    assert is_named("shop-migrate-2", text)


@pytest.mark.parametrize("name", ["shop-migrate", "migrate-2", "shop-migrate-22", "shop.migrate-2"])
def test_another_is_not(name: str) -> None:
    assert not is_named(name, f"{HELM_3} {HELM_4}")
