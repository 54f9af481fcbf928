"""Releases with manifests: the example's, and small ones on a real cluster."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from blocks.platforms.kubernetes import KubernetesPlatform
from blocks.platforms.kubernetes_manifests import Manifests
from slipway.appfile import parse
from slipway.bundles import Bundles
from slipway.candidate import Candidate, build_candidate
from slipway.canonical import JsonObject, sha256_digest
from slipway.directory_store import DirectoryStore
from slipway.manifest_render import Rendered
from slipway.manifests import ManifestFile, pack
from slipway.names import Reference
from slipway.release import KubernetesSpec, ReleaseSpec
from slipway.source import Source
from tests.rig.kubernetes_world import PORT, KubernetesWorld

EXAMPLE = Path(__file__).parents[2] / "examples" / "fastapi"
IMAGE = Reference("127.0.0.1:5055/vouchers/web", "sha256:" + "1" * 64)
DEADLINE = 60


def example_candidate() -> Candidate:
    """The vouchers example with its manifests."""
    data = (EXAMPLE / "slipway.kubernetes.yaml").read_bytes()
    folder = parse(data).manifests or ""
    files = {path.name: path.read_bytes() for path in (EXAMPLE / folder).iterdir()}
    source = Source(repository="local", revision="ab" * 20, author="ann@example.org")
    return build_candidate(data, source, {"web": IMAGE}, bundles={folder: pack(folder, files)})


def rendered(files: Sequence[ManifestFile], spec: ReleaseSpec) -> Rendered:
    """The objects of a release."""
    return Manifests(spec, tuple(files)).rendered("candidate")


def workload(name: str, kind: str = "Deployment", wave: int = 0, **spec: Any) -> JsonObject:
    """One that runs the image of its name."""
    labels = {"app.kubernetes.io/name": name}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [_container(name)]}}
    return {
        "apiVersion": "apps/v1",
        "kind": kind,
        "metadata": {"name": name, "annotations": {"slipway.dev/wave": str(wave)}},
        "spec": {"selector": {"matchLabels": labels}, "template": template, **spec},
    }


def front(name: str = "web") -> JsonObject:
    """The Service of an image."""
    ports = [{"name": "http", "port": PORT, "targetPort": "http"}]
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name},
        "spec": {"selector": {"app.kubernetes.io/name": name}, "ports": ports},
    }


def config(name: str, **data: str) -> JsonObject:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data}


def hook(
    script: str, when: str = "pre-deploy", seconds: int = DEADLINE, name: str = "migrate"
) -> JsonObject:
    """A Job that runs a Python script in the front image."""
    container = {**_container("web"), "command": ["python3", "-u", "-c", script]}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": name, "annotations": {"slipway.dev/hook": when}},
        "spec": {
            "activeDeadlineSeconds": seconds,
            "template": {"spec": {"containers": [container]}},
        },
    }


def _container(image: str) -> JsonObject:
    return {"name": image, "image": image}


@dataclass
class ManifestWorld(KubernetesWorld):
    """A target whose releases apply manifests, kept in `store` as beside a ledger."""

    store: DirectoryStore = field(default_factory=lambda: DirectoryStore(Path()))

    @property
    def platform(self) -> KubernetesPlatform:
        return super().platform.reading(Bundles(self.store))

    def with_manifests(self, spec: ReleaseSpec, *objects: JsonObject) -> ReleaseSpec:
        """The specification with these manifests, which are kept."""
        files = {f"{n}.yaml": json.dumps(made).encode() for n, made in enumerate(objects)}
        bundle = pack("deploy", files)
        place = KubernetesSpec(
            namespace=self.namespace, service_account="shop", manifests=sha256_digest(bundle)
        )
        made = spec.model_copy(update={"kubernetes": place})
        Bundles(self.store).keep(made, bundle)
        return made
