"""The example's manifests keep the rules, and nothing that the app file says is lost (S0-08)."""

from pathlib import Path

import pytest

from slipway.appfile import AppFile, parse
from slipway.candidate import build_candidate
from slipway.candidate_spec import release_spec
from slipway.manifest_render import Generated, Ownership, Rendered, render
from slipway.manifest_rules import check_all
from slipway.manifests import pack, unpack
from slipway.names import Reference
from slipway.release import ReleaseSpec
from slipway.source import Source

EXAMPLE = Path(__file__).parents[3] / "examples" / "fastapi"
DATA = (EXAMPLE / "slipway.kubernetes.yaml").read_bytes()
BUNDLE = pack("manifests", {p.name: p.read_bytes() for p in (EXAMPLE / "manifests").iterdir()})
IMAGE = Reference("127.0.0.1:5055/vouchers/web", "sha256:" + "1" * 64)


@pytest.fixture
def spec() -> ReleaseSpec:
    source = Source(repository="local", revision="ab" * 20, author="ann@example.org")
    candidate = build_candidate(DATA, source, {"web": IMAGE}, bundles={"manifests": BUNDLE})
    return release_spec(candidate, "prod", {"voucher-key": "3"})


def rendered(spec: ReleaseSpec) -> Rendered:
    container = {"name": "web", "image": str(IMAGE), "readinessProbe": {"httpGet": {}}}
    pod = {"serviceAccountName": "vouchers", "containers": [container]}
    web = Generated({"slipway.dev/service": "web"}, pod, {"replicas": spec.services[0].replicas})
    return render(unpack(BUNDLE), spec, Ownership({}, {}), {"web": web})


def test_the_manifests_keep_the_rules_in_every_environment() -> None:
    check_all(parse(DATA), {"manifests": BUNDLE})


def test_the_app_is_that_of_the_docker_engine() -> None:
    """One app, two places: what is built, tested and kept secret does not differ."""

    def parts(appfile: AppFile) -> tuple[object, ...]:
        return appfile.app, appfile.images, appfile.secrets, appfile.config, appfile.tests

    assert parts(parse(DATA)) == parts(parse((EXAMPLE / "slipway.yaml").read_bytes()))


def test_a_release_applies_them_in_this_order(spec: ReleaseSpec) -> None:
    found = rendered(spec)
    objects = [f"{one['kind']}/{one['metadata']['name']}" for one in found.objects]
    assert objects == [
        "NetworkPolicy/web",
        "ServiceAccount/vouchers",
        "Service/web",
        "Deployment/web",
        "PodDisruptionBudget/web",
    ]
    assert [hook.job["metadata"]["name"] for hook in found.after] == [f"smoke-{spec.id}"]
    assert found.before == ()


def test_what_the_app_file_says_is_filled_in(spec: ReleaseSpec) -> None:
    deployment = next(one for one in rendered(spec).objects if one["kind"] == "Deployment")
    pod = deployment["spec"]["template"]["spec"]
    assert deployment["metadata"]["namespace"] == "vouchers"
    assert deployment["spec"]["replicas"] == 3
    assert pod["serviceAccountName"] == "vouchers"
    assert pod["containers"][0]["image"] == str(IMAGE)
    assert pod["containers"][0]["readinessProbe"] == {"httpGet": {}}


def test_traffic_does_not_find_the_pods_of_the_smoke_test(spec: ReleaseSpec) -> None:
    found = rendered(spec)
    service = next(one for one in found.objects if one["kind"] == "Service")
    (hook,) = found.after
    labels = hook.job["spec"]["template"]["metadata"]["labels"].items()
    assert not service["spec"]["selector"].items() <= labels
