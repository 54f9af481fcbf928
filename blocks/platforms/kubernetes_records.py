"""What a release with manifests leaves on the cluster about itself: its specification and kinds.

An observation knows only the target, and pruning must know kinds that no release names any more. So
each such release has an immutable ConfigMap. The specification proves itself: its id is its digest.
"""

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from blocks.platforms import kubernetes_names as names
from blocks.platforms.kubernetes_api import Cluster
from blocks.platforms.kubernetes_resources import Resource, known
from slipway.canonical import JsonObject, canonical_json
from slipway.errors import BadInput
from slipway.release import ReleaseSpec, Target, parse_spec


@dataclass(frozen=True, slots=True)
class Recorded:
    """One release with manifests, and the kinds of its objects."""

    spec: ReleaseSpec
    resources: tuple[Resource, ...]


def record(spec: ReleaseSpec, resources: Sequence[Resource]) -> JsonObject:
    """The ConfigMap of one release. Pure."""
    kinds = [{"version": r.version, "kind": r.kind, "plural": r.plural} for r in resources]
    labels = {names.RELEASE: spec.id, names.RECORD: "manifests"}
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {
            "name": names.record_name(spec),
            "namespace": names.namespace_of(spec),
            "labels": {**names.target_labels(spec.target), **labels},
        },
        "immutable": True,
        "data": {
            "specification": canonical_json(spec.model_dump(mode="json")).decode(),
            "kinds": canonical_json(kinds).decode(),
        },
    }


def recorded(configs: Iterable[JsonObject]) -> list[Recorded]:
    """The records among ConfigMaps; one that is not as Slipway wrote it tells nothing. Pure."""
    return [found for config in configs if (found := _read(config))]


def with_recorded(
    cluster: Cluster, target: Target, namespace: str, kinds: Sequence[str]
) -> list[Resource]:
    """Where to find the target's objects: of these kinds, and of those that its releases name."""
    labels = f"{names.owned_selector(target)},{names.RECORD}"
    found = recorded(cluster.list("ConfigMap", namespace, labels))
    return every([known(kind) for kind in kinds], found)


def every(first: Sequence[Resource], found: Sequence[Recorded]) -> list[Resource]:
    """Each kind once, whatever its version. Pure."""
    all_of = [*first, *(resource for one in found for resource in one.resources)]
    return list({(one.group, one.kind): one for one in reversed(all_of)}.values())[::-1]


def _read(config: JsonObject) -> Recorded | None:
    labels, data = config["metadata"].get("labels") or {}, config.get("data") or {}
    if names.RECORD not in labels:
        return None
    try:
        spec = parse_spec(json.loads(data["specification"]))
        resources = tuple(Resource(**kind) for kind in json.loads(data["kinds"]))
        is_sound = all(map(_is_sound, resources))
    except (BadInput, ValueError, KeyError, TypeError):
        return None
    told = {**names.target_labels(spec.target), names.RELEASE: spec.id}
    return Recorded(spec, resources) if is_sound and told.items() <= labels.items() else None


def _is_sound(resource: Resource) -> bool:
    """Whether its parts are names, and lead nowhere else in a path."""
    return bool(
        re.fullmatch(r"([a-z0-9.-]+/)?v[0-9][a-z0-9]*", resource.version)
        and re.fullmatch(r"[A-Za-z0-9]+", resource.kind)
        and re.fullmatch(r"[a-z0-9]+", resource.plural)
    )
