"""Manifests of a release, ready to be applied: in waves, by digest, with labels and hooks. Pure.

What the author wrote stays; what was left open is filled in from what the platform would generate.
"""

import copy
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter

from slipway.canonical import JsonObject
from slipway.manifest_documents import PREFIX, hook_of, identity, wave_of
from slipway.manifest_fill import fill_pod, secure
from slipway.manifest_images import images_in
from slipway.manifest_kinds import LAST_SUPPORTING, Rank, rank_of
from slipway.manifest_pods import containers_in, image_name, objects_in, templates_in
from slipway.manifest_rules import Place, check, place_of
from slipway.manifests import ManifestFile
from slipway.release import ReleaseSpec

MANAGED_BY = "app.kubernetes.io/managed-by"


@dataclass(frozen=True, slots=True)
class Generated:
    """What the platform would generate for one service.

    Attributes:
        labels: on its pods and their workload.
        pod: the whole pod specification.
        workload: keys of a Deployment's `spec`, for those that were left open.
    """

    labels: Mapping[str, str]
    pod: JsonObject
    workload: JsonObject


@dataclass(frozen=True, slots=True)
class Ownership:
    """What every object of a release carries."""

    labels: Mapping[str, str]
    annotations: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Wave:
    """Objects that may be applied at once, after the wave before."""

    number: int
    rank: Rank
    objects: tuple[JsonObject, ...]


@dataclass(frozen=True, slots=True)
class Hook:
    """A Job that runs once in a release, with its end.

    Its name carries the release's id: made again, it is found by it and does not run twice.
    """

    job: JsonObject
    deadline_seconds: int


@dataclass(frozen=True, slots=True)
class Rendered:
    """What a platform applies, from the first attribute to the last.

    Attributes:
        supporting: what the hooks before may refer to, from the namespace on.
        before: hooks `pre-deploy`, one after the other; a failure stops the release.
        serving: services, workloads and what scales or exposes them.
        after: hooks `post-deploy`, once all workloads are ready.
    """

    supporting: tuple[Wave, ...]
    before: tuple[Hook, ...]
    serving: tuple[Wave, ...]
    after: tuple[Hook, ...]

    @property
    def objects(self) -> list[JsonObject]:
        """Every object but the hooks, in the order in which they are applied."""
        return [one for wave in (*self.supporting, *self.serving) for one in wave.objects]


def render(
    files: Sequence[ManifestFile],
    spec: ReleaseSpec,
    ownership: Ownership,
    generated: Mapping[str, Generated],
) -> Rendered:
    """The objects of a release.

    Args:
        generated: service name to what the platform would generate for it.

    Raises:
        BadInput: the manifests break a rule (slipway.manifest_rules).
    """
    place = place_of(spec)
    check(files, place)
    images = {service.name: service.image for service in spec.services}
    documents = [document for file in files for document in file.documents]
    scaled = _scaled(documents)
    objects = [
        _object(document, scaled, place, images, ownership, generated) for document in documents
    ]
    applied = [one for one in objects if hook_of(one) is None]
    return Rendered(
        supporting=_waves(one for one in applied if _rank(one) <= LAST_SUPPORTING),
        before=_hooks(objects, "pre-deploy", spec),
        serving=_waves(one for one in applied if _rank(one) > LAST_SUPPORTING),
        after=_hooks(objects, "post-deploy", spec),
    )


def _object(
    document: JsonObject,
    scaled: Collection[str],
    place: Place,
    images: Mapping[str, str],
    ownership: Ownership,
    generated: Mapping[str, Generated],
) -> JsonObject:
    made = copy.deepcopy(document)
    _own(made, place, ownership)
    _fill_workload(made, scaled, place, generated)
    for _, template in templates_in(made):
        _fill_template(made, template, place, ownership, generated)
    for _, container in containers_in(made):
        container["image"] = images.get(image_name(container["image"]), container["image"])
    _subjects(made, place.namespace)
    return made


def _own(made: JsonObject, place: Place, ownership: Ownership) -> None:
    metadata = made["metadata"]
    if identity(made)[:2] != ("", "Namespace"):
        metadata["namespace"] = place.namespace
    metadata["labels"] = {**ownership.labels, **metadata.get("labels", {}), **_enforced(ownership)}
    metadata["annotations"] = {**metadata.get("annotations", {}), **ownership.annotations}


def _enforced(ownership: Ownership) -> dict[str, str]:
    """Labels that an author's own may not replace: who manages the object, and for whom."""
    return {k: v for k, v in ownership.labels.items() if k == MANAGED_BY or k.startswith(PREFIX)}


def _fill_template(
    made: JsonObject,
    template: JsonObject,
    place: Place,
    ownership: Ownership,
    generated: Mapping[str, Generated],
) -> None:
    """Pods of a Job are the release's, but of no service: traffic must not find them."""
    secure(template["spec"])
    names = sorted(images_in(template, place.images), key=place.images.index)
    serving = identity(made)[1] not in ("Job", "CronJob")
    own = generated[names[0]].labels if names and serving else {}
    metadata = template.setdefault("metadata", {})
    metadata["labels"] = {**ownership.labels, **own, **metadata.get("labels", {})}
    made["metadata"]["labels"] = {**own, **made["metadata"]["labels"]}
    for name in names:
        fill_pod(template["spec"], name, generated[name].pod, serving=serving)


def _fill_workload(
    made: JsonObject, scaled: Collection[str], place: Place, generated: Mapping[str, Generated]
) -> None:
    """A workload whose replicas something else sets says none: two would fight over them."""
    if made["metadata"]["name"] in scaled and isinstance(made.get("spec"), dict):
        made["spec"].pop("replicas", None)
    names = sorted(images_in(made, place.images), key=place.images.index)
    if identity(made)[:2] != ("apps", "Deployment") or not names:
        return
    own = dict(generated[names[0]].workload)
    if made["metadata"]["name"] in scaled:
        own.pop("replicas", None)
    made["spec"] = {**own, **made["spec"]}


def _scaled(documents: Sequence[JsonObject]) -> set[str]:
    """Names of the workloads whose replicas an autoscaler sets."""
    found = (item.get("scaleTargetRef") for doc in documents for _, item in objects_in(doc))
    return {str(target.get("name")) for target in found if isinstance(target, dict)}


def _subjects(made: JsonObject, namespace: str) -> None:
    """Service accounts of a RoleBinding need their namespace; where none is written, ours."""
    for subject in made.get("subjects") or [] if made["kind"] == "RoleBinding" else []:
        if subject.get("kind") == "ServiceAccount":
            subject.setdefault("namespace", namespace)


def _waves(objects: Iterable[JsonObject]) -> tuple[Wave, ...]:
    keyed = [((wave_of(one), _rank(one)), *identity(one), one) for one in objects]
    keyed.sort(key=itemgetter(0, 1, 2, 3))
    return tuple(
        Wave(number, rank, tuple(entry[-1] for entry in entries))
        for (number, rank), entries in groupby(keyed, itemgetter(0))
    )


def _hooks(objects: Sequence[JsonObject], when: str, spec: ReleaseSpec) -> tuple[Hook, ...]:
    chosen = [one for one in objects if hook_of(one) == when]
    chosen.sort(key=lambda one: (wave_of(one), one["metadata"]["name"]))
    return tuple(_hook(one, spec) for one in chosen)


def _hook(job: JsonObject, spec: ReleaseSpec) -> Hook:
    job["metadata"]["name"] += f"-{spec.id}"
    job["spec"].setdefault("backoffLimit", 0)
    job["spec"]["template"]["spec"].setdefault("restartPolicy", "Never")
    return Hook(job, job["spec"]["activeDeadlineSeconds"])


def _rank(document: JsonObject) -> Rank:
    return rank_of(document) or Rank.NAMESPACE
