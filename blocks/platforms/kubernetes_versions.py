"""Whether a cluster is new enough for what a release sends it."""

from collections.abc import Iterable, Iterator

from blocks.platforms.kubernetes_api import Cluster
from slipway.canonical import JsonObject
from slipway.errors import Refused
from slipway.manifest_pods import containers_in

OLDEST = (1, 28)
# The first that has `preStop.sleep` without a feature gate; an older one drops it, and a pod that
# ends would lose requests.
SLEEPING = (1, 30)


def version_fact(cluster: Cluster, objects: Iterable[JsonObject] = ()) -> str:
    """The server's version.

    Args:
        objects: of the release, where it is one.

    Raises:
        Refused: the server is older than what the release uses.
    """
    found = cluster.get("/version")
    told = str(found.get("gitVersion"))
    version = parsed(found)
    if version < OLDEST:
        raise Refused(
            "the cluster is too old",
            found=told,
            allowed=f"Kubernetes {_text(OLDEST)} or newer",
            next_step="upgrade the cluster",
        )
    sleeping = list(sleepers(objects)) if version < SLEEPING else []
    if sleeping:
        raise Refused(
            f"the cluster is too old for {', '.join(sleeping)}",
            found=f"{told}, which has no preStop.sleep: pods that end would lose requests",
            allowed=f"Kubernetes {_text(SLEEPING)} or newer, or a preStop of its own",
            next_step="upgrade the cluster, or write the workload as a manifest or chart whose "
            "preStop is a command that the image has",
        )
    return f"the cluster answers: Kubernetes {told}"


def parsed(found: JsonObject) -> tuple[int, ...]:
    """Major and minor of what `/version` says; some clouds write `30+`. Pure."""
    texts = (str(found.get(key, "")) for key in ("major", "minor"))
    digits = ("".join(c for c in text if c.isdigit()) for text in texts)
    return tuple(int(text or 0) for text in digits)


def sleepers(objects: Iterable[JsonObject]) -> Iterator[str]:
    """Kind and name of each whose pods sleep before they end. Pure."""
    for made in objects:
        hooks = (
            (container.get("lifecycle") or {}).get("preStop") or {}
            for _, container in containers_in(made)
        )
        if any("sleep" in hook for hook in hooks):
            yield f"{made['kind']} {made['metadata']['name']}"


def _text(version: tuple[int, ...]) -> str:
    return ".".join(map(str, version))
