"""Manifests rendered with what the Kubernetes platform would generate beside them."""

from collections.abc import Sequence
from pathlib import Path

from blocks.platforms import kubernetes_names as names
from blocks.platforms.kubernetes_workload import annotations, deployment
from slipway.appfile import parse
from slipway.candidate import Candidate, build_candidate
from slipway.manifest_render import Generated, Ownership, Rendered, render
from slipway.manifests import ManifestFile, pack
from slipway.names import Reference
from slipway.release import ReleaseSpec, ServiceSpec
from slipway.source import Source

EXAMPLE = Path(__file__).parents[2] / "examples" / "fastapi"
IMAGE = Reference("127.0.0.1:5055/vouchers/web", "sha256:" + "1" * 64)


def example_candidate() -> Candidate:
    """The vouchers example with its manifests."""
    data = (EXAMPLE / "slipway.kubernetes.yaml").read_bytes()
    folder = parse(data).manifests or ""
    files = {path.name: path.read_bytes() for path in (EXAMPLE / folder).iterdir()}
    source = Source(repository="local", revision="ab" * 20, author="ann@example.org")
    return build_candidate(data, source, {"web": IMAGE}, bundles={folder: pack(folder, files)})


def rendered(files: Sequence[ManifestFile], spec: ReleaseSpec) -> Rendered:
    """The objects of a release."""
    labels = {**names.target_labels(spec.target), names.RELEASE: spec.id}
    ownership = Ownership(labels, annotations(spec, "candidate"))
    return render(files, spec, ownership, {s.name: _generated(spec, s) for s in spec.services})


def _generated(spec: ReleaseSpec, service: ServiceSpec) -> Generated:
    made = deployment(spec, service, "candidate")["spec"]
    pod, labels = made["template"]["spec"], names.service_labels(spec.target, service.name)
    left = {key: value for key, value in made.items() if key not in ("template", "selector")}
    return Generated(labels, pod, left)
