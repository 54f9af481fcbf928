"""Releases with manifests for tests of the Kubernetes platform."""

import copy
from typing import Any

from blocks.platforms.kubernetes_manifests import Manifests
from blocks.platforms.kubernetes_supporting import config_map
from slipway.canonical import JsonObject, sha256_digest
from slipway.manifest_documents import identity
from slipway.manifests import unpack
from slipway.release import KubernetesSpec
from tests.fakes.manifests import bundle, deployment
from tests.unit.blocks.platforms.kubernetes_releases import release

JOB = {
    "apiVersion": "batch/v1",
    "kind": "Job",
    "metadata": {"name": "migrate", "annotations": {"slipway.dev/hook": "pre-deploy"}},
    "spec": {
        "activeDeadlineSeconds": 60,
        "template": {"spec": {"containers": [{"name": "migrate", "image": "web"}]}},
    },
}


def running_web(name: str, wave: int = 0) -> JsonObject:
    """A Deployment of another name than the image that it runs."""
    made = deployment(name)
    made["metadata"]["annotations"] = {"slipway.dev/wave": str(wave)}
    made["spec"]["template"]["spec"]["containers"][0]["image"] = "web"
    return made


def place(data: bytes) -> KubernetesSpec:
    digest = sha256_digest(data)
    return KubernetesSpec(namespace="shop-live", service_account="shopper", manifests=digest)


def manifests(data: bytes | None = None, **changed: Any) -> Manifests:
    data = data or bundle("web")
    return Manifests(release(kubernetes=place(data), **changed), unpack(data))


def as_stored(one: Manifests) -> dict[tuple[str, str, str], JsonObject]:
    """The objects of a release, as the API server would keep them."""
    configs = [config_map(one.spec, s) for s in one.spec.services if s.config]
    made = copy.deepcopy([*one.rendered("candidate").objects, *configs])
    for number, stored in enumerate(made):
        stored["metadata"] |= {"uid": f"uid-{number}", "creationTimestamp": "2026-01-01T00:00:00Z"}
        stored["status"] = {"observedGeneration": 1}
    return {identity(stored): stored for stored in made}
