"""What manifests may not say: every problem by file, document and path (S1-26, SEC, G1 G5 G9)."""

import copy
from fnmatch import fnmatchcase
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from slipway.appfile import parse
from slipway.errors import BadInput
from slipway.manifest_rules import Place, check, check_all
from slipway.manifests import unpack
from tests.fakes.manifests import bundle, deployment, packed, service

CASES = Path(__file__).parents[2] / "cases" / "manifests"
PLACE = Place(namespace="shop-dev", images=("web",), front="web", port=80)
VALID = (deployment("web"), service("web"))


def cases() -> list[dict]:
    return yaml.safe_load((CASES / "refused.yaml").read_text())


def changed(case: dict) -> bytes:
    documents = [copy.deepcopy(document) for document in VALID]
    if kind := case.get("of"):
        *path, last = case["at"]
        node = next(document for document in documents if document["kind"] == kind)
        for part in path:
            node = node[part]
        if "to" in case:
            node[last] = case["to"]
        else:
            del node[last]
    return packed(*documents, *case.get("add", []))


@pytest.mark.parametrize("case", cases(), ids=lambda case: case["name"])
def test_refuses_by_path(case):
    place = Place("shop-dev", tuple(case.get("images", ["web"])), "web", 80)
    with pytest.raises(BadInput) as refused:
        check(unpack(changed(case)), place)
    evidence = refused.value.evidence
    assert any(fnmatchcase(line, case["says"].replace("[", "[[]")) for line in evidence), evidence
    told = "\n".join([str(refused.value), *evidence])
    assert "hunter2" not in told
    assert told.replace("\n", "").isprintable()


def test_names_each_case_once():
    names = [case["name"] for case in cases()]
    assert len(names) == len(set(names)) > 50


def test_takes_what_keeps_the_rules():
    custom = {"apiVersion": "external-secrets.io/v1", "kind": "ExternalSecret"}
    foreign = {"name": "proxy", "image": "registry.example/proxy@sha256:" + "a" * 64}
    pod = {
        "volumes": [{"name": "tmp", "emptyDir": {}}],
        "initContainers": [foreign],
        "securityContext": {"runAsUser": 1000, "seccompProfile": {"type": "RuntimeDefault"}},
    }
    config = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "web"}}
    files = packed(
        deployment("web", **pod),
        service("web"),
        {**custom, "metadata": {"name": "web", "namespace": "shop-dev"}},
        {
            **config,
            "data": {"PASSWORD_FILE": "/run/secrets/password", "a.conf": "hostNetwork: true"},
        },
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop-dev"}},
    )
    check(unpack(files), PLACE)


def test_tells_all_problems_at_once():
    documents = [deployment("web", hostPID=True, hostNetwork=True), service("web", 81)]
    with pytest.raises(BadInput, match=r"manifests: 3 problems, first 0.yaml, document 1 \(Dep"):
        check(unpack(packed(*documents)), PLACE)


def test_each_environment_is_held_to_its_own_place():
    appfile = parse(
        b"""
app: shop
images: {web: {port: 8000}}
environments:
  dev: {platform: kubernetes, manifests: deploy, port: 80}
  far: {platform: kubernetes, manifests: deploy, port: 81}
"""
    )
    with pytest.raises(BadInput, match=r"deploy for far: .* found: 80; allowed: 81"):
        check_all(appfile, {"deploy": bundle("web")})


def evidence_of(documents: list[dict]) -> tuple[str, ...]:
    try:
        check(unpack(packed(*documents)), PLACE)
    except BadInput as refused:
        return (str(refused), *refused.evidence)
    return ()


scalars = st.none() | st.booleans() | st.integers(-(10**9), 10**9) | st.text(max_size=12)
anything = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
)


@settings(max_examples=300)
@given(st.data())
def test_any_value_anywhere_is_refused_or_taken(data):
    """G3: a wrong value at any place is addressed, never a crash."""
    documents = [copy.deepcopy(document) for document in VALID]
    node = data.draw(st.sampled_from(documents))
    while True:
        keys = list(node) if isinstance(node, dict) else list(range(len(node)))
        key = data.draw(st.sampled_from(keys))
        if not isinstance(node[key], dict | list) or not node[key] or data.draw(st.booleans()):
            break
        node = node[key]
    node[key] = data.draw(anything)
    assert all(line.isprintable() for line in evidence_of(documents))
