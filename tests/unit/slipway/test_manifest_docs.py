"""docs/manifests.md tells what is done: its example, its errors, its order."""

import re
from pathlib import Path

import pytest

from slipway.errors import BadInput
from slipway.manifest_kinds import _RANKS
from slipway.manifest_rules import Place, check
from slipway.manifests import pack, unpack
from tests.fakes.manifests import deployment, packed, service

DOC = (Path(__file__).parents[3] / "docs" / "manifests.md").read_text()
PLACE = Place(namespace="shop-dev", images=("web",), front="web", port=80)


def test_the_example_is_taken() -> None:
    (example,) = re.findall(r"```yaml\n(.*?)```", DOC, re.DOTALL)
    check(unpack(pack("deploy", {"web.yaml": example.encode()})), PLACE)


def test_the_error_is_what_is_said() -> None:
    (said,) = re.findall(r"```text\n(.*?)\n```", DOC, re.DOTALL)
    bad = unpack(packed(deployment("web", hostNetwork=True), service("web")))
    files = (bad[0].model_copy(update={"path": "web.yaml"}), *bad[1:])
    with pytest.raises(BadInput) as refused:
        check(files, PLACE, "deploy for dev")
    assert str(refused.value) == said


def test_every_kind_is_in_the_order() -> None:
    order = DOC.partition("## The order")[2].partition("## What is refused")[0]
    kinds = {kind for kinds in _RANKS.values() for kind in kinds}
    assert {kind for kind in kinds if kind not in order} == set()
