"""Removing what no kept release needs. Config and secrets of a rollback target stay."""

from collections.abc import Iterable, Sequence

from blocks.platforms import kubernetes_names as names
from blocks.platforms.kubernetes_api import Cluster
from blocks.platforms.kubernetes_fence import FENCED, Writer
from slipway.canonical import JsonObject
from slipway.release import ReleaseSpec, Target

# What users lose first goes first.
ORDER = ("Service", "PodDisruptionBudget", "Deployment", "NetworkPolicy", "ConfigMap", "Secret")


def find_surplus(
    cluster: Cluster, target: Target, namespace: str, keep: Sequence[ReleaseSpec]
) -> list[JsonObject]:
    """Read the cluster and tell what may go."""
    labels = names.target_selector(target)
    kinds = [*FENCED, *(() if keep else ("ServiceAccount",))]
    found = [made for kind in kinds for made in cluster.list(kind, namespace, labels)]
    return surplus(found, keep)


def surplus(found: Iterable[JsonObject], keep: Sequence[ReleaseSpec]) -> list[JsonObject]:
    """Everything of the target that the serving release does not run, nor a way back needs. Pure.

    Args:
        keep: the serving release first, then those that a rollback would go to.
    """
    kept = needed(keep)
    return [made for made in found if (made["kind"], made["metadata"]["name"]) not in kept]


def needed(keep: Sequence[ReleaseSpec]) -> set[tuple[str, str]]:
    """Kind and name of what must stay. Pure."""
    kept: set[tuple[str, str]] = set()
    for serving in keep[:1]:
        kept |= {("Deployment", names.deployment_name(serving, s)) for s in serving.services}
        kept |= {("Service", s.name) for s in serving.services if s.port}
        kept |= {("NetworkPolicy", s.name) for s in serving.services}
        kept |= {("PodDisruptionBudget", s.name) for s in serving.services if s.replicas > 1}
    for spec in keep:
        kept |= {("ConfigMap", names.config_name(s)) for s in spec.services if s.config}
        kept |= {("Secret", names.secrets_name(spec))} if spec.secrets else set()
        if spec.strategy == names.BLUE_GREEN:
            kept |= {("Deployment", names.deployment_name(spec, s)) for s in spec.services}
    return kept


def remove(writer: Writer, found: Sequence[JsonObject]) -> list[str]:
    """Remove the objects; the names of what went."""
    ranked = sorted(found, key=lambda made: (rank(made), made["metadata"]["name"]))
    return [
        f"{made['kind']}/{made['metadata']['name']}"
        for made in ranked
        if writer.delete(made["kind"], made["metadata"]["name"])
    ]


def rank(made: JsonObject) -> int:
    return ORDER.index(made["kind"]) if made["kind"] in ORDER else len(ORDER)
