"""What a chart's rendered manifest holds: workloads, the front Service, what is not taken. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import yaml

from blocks.platforms import kubernetes_names as names
from slipway.appfile_errors import Problem
from slipway.canonical import JsonObject
from slipway.errors import BadInput
from slipway.release import ReleaseSpec
from slipway.strict_yaml import dotted

# Kinds that start pods beside Deployments: their rollout is not watched yet.
UNWATCHED = ("StatefulSet", "DaemonSet", "ReplicaSet", "ReplicationController", "Pod")
_SHOWN = 10


@dataclass(frozen=True, slots=True)
class Installed:
    """One rendered manifest.

    Attributes:
        documents: its objects, hooks left out.
        services: Deployment to container to the app file's image that it runs; of containers that
            run images of the app alone.
        front: name of the Service that receives traffic.
    """

    documents: tuple[JsonObject, ...]
    services: Mapping[str, Mapping[str, str]]
    front: str

    @property
    def deployments(self) -> tuple[JsonObject, ...]:
        return tuple(of_kind(self.documents, "Deployment"))


def documents(manifest: str) -> tuple[JsonObject, ...]:
    """The objects of a manifest as Helm stores it."""
    read = yaml.safe_load_all(manifest)
    return tuple(made for made in read if isinstance(made, dict) and made.get("kind"))


def installed(manifest: str, spec: ReleaseSpec) -> Installed:
    """The manifest of a specification's chart.

    Raises:
        BadInput: it runs something else than the specification, or nothing reaches it.
    """
    made = documents(manifest)
    if found := list(problems(made, spec)):
        first = found[0]
        raise BadInput(
            f"chart of release {spec.id}: {_line(first)}",
            found=first.found,
            allowed=first.allowed,
            next_step=first.hint or "correct the chart or `values` in slipway.yaml",
            evidence=[
                f"{_line(p)}; found: {p.found}; allowed: {p.allowed}" for p in found[:_SHOWN]
            ],
        )
    services = {
        d["metadata"]["name"]: runs
        for d in of_kind(made, "Deployment")
        if (runs := runs_of(d, spec))
    }
    return Installed(made, services, fronts(made, spec)[0])


def _line(problem: Problem) -> str:
    return f"{dotted(problem.path)}: {problem.what}"


def problems(made: Sequence[JsonObject], spec: ReleaseSpec) -> Iterator[Problem]:
    """Why a manifest is not what the specification says."""
    for one in made:
        path = (f"{one['kind']}/{one['metadata'].get('name')}",)
        yield from _object_problems(one, path, spec)
    run = {image for one in made for _, image in containers(one)}
    for service in spec.services:
        if service.image not in run:
            allowed, hint = service.image, f"see ${{images.{service.name}.digest}}"
            found = ", ".join(sorted(run)) or "no workload"
            yield Problem((service.name,), "no workload runs this image", found, allowed, hint)
    if not fronts(made, spec):
        found = ", ".join(s["metadata"]["name"] for s in of_kind(made, "Service")) or "no Service"
        allowed = f"a Service with port {spec.port} that selects its pods"
        yield Problem((spec.front,), "no Service in front", found, allowed, "see ${port}")
    secret = names.secrets_name(spec)
    if spec.secrets and not any(secret in texts(one) for one in made):
        what = "no object names the Secret of this release"
        allowed = "its pods mount it; pass its name by ${secrets}"
        yield Problem(("secrets",), what, ", ".join(spec.secrets), allowed)


def _object_problems(
    one: JsonObject, path: tuple[str, ...], spec: ReleaseSpec
) -> Iterator[Problem]:
    if one["kind"] in UNWATCHED:
        yield Problem(path, "a workload that is not watched yet", one["kind"], "Deployment")
    own, found = names.namespace_of(spec), one["metadata"].get("namespace")
    if found not in (None, own):
        yield Problem((*path, "metadata", "namespace"), "another namespace", str(found), own)
    for name, image in containers(one):
        if "@sha256:" not in image:
            hint = "a tag can be moved; write the digest into `values`"
            yield Problem(
                (*path, name, "image"), "not by digest", image[:200], "NAME@sha256:", hint
            )


def of_kind(made: Sequence[JsonObject], kind: str) -> list[JsonObject]:
    return [one for one in made if one["kind"] == kind]


def fronts(made: Sequence[JsonObject], spec: ReleaseSpec) -> list[str]:
    """Services at the release's port that select pods of the front image, by name."""
    pods = [
        (d["spec"]["template"]["metadata"].get("labels") or {}).items()
        for d in of_kind(made, "Deployment")
        if spec.front in runs_of(d, spec).values()
    ]
    return sorted(
        service["metadata"]["name"]
        for service in of_kind(made, "Service")
        if spec.port in [port.get("port") for port in service["spec"].get("ports") or []]
        and any(selects(service, labels) for labels in pods)
    )


def selects(service: JsonObject, labels: Any) -> bool:
    selector = (service["spec"].get("selector") or {}).items()
    return bool(selector) and selector <= labels


def runs_of(deployment: JsonObject, spec: ReleaseSpec) -> dict[str, str]:
    """Container to the app file's image that it runs."""
    by_image = {service.image: service.name for service in spec.services}
    pod = deployment["spec"]["template"]["spec"]
    return {
        c["name"]: by_image[c["image"]] for c in pod["containers"] if c.get("image") in by_image
    }


def containers(one: JsonObject) -> Iterator[tuple[str, str]]:
    """Name and image of every container that an object starts, also of jobs and init containers."""
    parts: list[Any] = [one]
    while parts:
        part = parts.pop()
        if isinstance(part, dict):
            for key in ("containers", "initContainers", "ephemeralContainers"):
                listed = part.get(key) if isinstance(part.get(key), list) else []
                for c in listed or []:
                    if isinstance(c, dict) and "image" in c:
                        yield str(c.get("name")), str(c["image"])
            parts += part.values()
        elif isinstance(part, list):
            parts += part


def texts(one: JsonObject) -> set[str]:
    """Every text of an object."""
    found: set[str] = set()
    parts: list[Any] = [one]
    while parts:
        part = parts.pop()
        if isinstance(part, dict):
            parts += part.values()
        elif isinstance(part, list):
            parts += part
        elif isinstance(part, str):
            found.add(part)
    return found
