"""The manifests of one release as a cluster gets them. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from blocks.platforms import kubernetes_names as names
from blocks.platforms.kubernetes_manifest_fields import wanted_fields
from blocks.platforms.kubernetes_workload import annotations, checked_user, deployment
from slipway.bundles import Bundles
from slipway.canonical import JsonObject
from slipway.errors import BadInput
from slipway.manifest_documents import identity
from slipway.manifest_kinds import HOOK_KIND, Rank
from slipway.manifest_pods import containers_in
from slipway.manifest_render import Generated, Ownership, Rendered, Wave, render
from slipway.manifests import ManifestFile
from slipway.release import ReleaseSpec, ServiceSpec

SETTLING = ("Deployment", "StatefulSet", "DaemonSet")
_WORDS = {
    Rank.SERVICE: "services",
    Rank.WORKLOAD: "workloads",
    Rank.SCALING: "scaling",
    Rank.INGRESS: "ingress",
}


@dataclass(frozen=True, slots=True)
class Manifests:
    """A release and the files that it applies."""

    spec: ReleaseSpec
    files: tuple[ManifestFile, ...]

    def rendered(self, candidate: str = "") -> Rendered:
        """Every object.

        Raises:
            BadInput: the manifests break a rule, or a service would run as root.
        """
        spec = self.spec
        labels = {**names.target_labels(spec.target), names.RELEASE: spec.id}
        ownership = Ownership(labels, annotations(spec, candidate))
        return render(self.files, spec, ownership, {s.name: self._of(s) for s in spec.services})

    @property
    def objects(self) -> list[JsonObject]:
        """Every object, hooks included, in the order in which they are applied."""
        made = self.rendered()
        return [*made.objects, *(hook.job for hook in (*made.before, *made.after))]

    @property
    def workloads(self) -> list[tuple[str, str]]:
        """Kind and name of what a rollout is waited for."""
        return settling(self.rendered().serving)

    @property
    def images(self) -> set[str]:
        """Images by digest that containers of the pods that stay run."""
        return {str(c["image"]) for made in self.rendered().objects for _, c in containers_in(made)}

    @property
    def fields(self) -> dict[str, str]:
        """The fields that a cluster shows where the release runs."""
        return wanted_fields(self.spec, self.objects)

    @property
    def identities(self) -> set[tuple[str, str, str]]:
        """Group, kind and name of every object."""
        return set(map(identity, self.objects))

    @property
    def hooks(self) -> set[tuple[str, str, str]]:
        """Of the Jobs alone, which a way back finds done."""
        return {one for one in self.identities if one[:2] == ("batch", HOOK_KIND)}

    def _of(self, service: ServiceSpec) -> Generated:
        checked_user(service)
        made = deployment(self.spec, service, "")["spec"]
        pod, labels = made["template"]["spec"], names.service_labels(self.spec.target, service.name)
        left = {key: value for key, value in made.items() if key not in ("template", "selector")}
        return Generated(labels, pod, left)


def manifests_of(spec: ReleaseSpec, bundles: Bundles | None) -> Manifests | None:
    """The manifests of a release; None where its objects are generated.

    Raises:
        BadInput: it has some, and nobody told how to read them.
        WayBackMissing, LedgerTampered: they are not as the release kept them.
    """
    if not spec.kubernetes or not spec.kubernetes.manifests:
        return None
    if bundles is None:
        raise BadInput(
            f"the manifests of release {spec.id} cannot be read",
            allowed="a platform that was given the reader of the ledger's evidence",
        )
    return Manifests(spec, bundles(spec))


def settling(waves: Sequence[Wave]) -> list[tuple[str, str]]:
    """Kind and name of the workloads of these waves that a rollout is waited for."""
    return list(_settling(waves))


def _settling(waves: Sequence[Wave]) -> Iterator[tuple[str, str]]:
    for wave in waves:
        for made in wave.objects:
            group, kind, name = identity(made)
            if group == "apps" and kind in SETTLING:
                yield kind, name


def words(wave: Wave) -> tuple[str, str]:
    """What the objects of a serving wave are, and in which wave, for the names of steps."""
    return _WORDS[wave.rank], f" in wave {wave.number}" if wave.number else ""
