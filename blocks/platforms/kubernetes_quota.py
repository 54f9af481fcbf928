"""Whether a namespace's quotas leave room for a rollout. All but `room_facts` is pure.

What a release adds is its objects as they would be, at their peak, less what of them is there.
https://kubernetes.io/docs/concepts/policy/resource-quotas/
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import ROUND_UP, Decimal
from typing import TypeAlias

from kubernetes.utils.quantity import parse_quantity

from blocks.platforms import kubernetes_names as names
from blocks.platforms.kubernetes_api import Cluster, path_of
from blocks.platforms.kubernetes_resources import is_known, known
from blocks.platforms.kubernetes_scaling import Bounds
from slipway.canonical import JsonObject
from slipway.errors import Cause, StepFailed
from slipway.manifest_documents import identity

Amounts: TypeAlias = Mapping[str, Decimal]
"""By the names that quotas give to what they count."""
Found: TypeAlias = Mapping[tuple[str, str, str], JsonObject]
"""Objects that are there, by group, kind and name."""

MEBI = 2**20
ONE = Decimal(1)
_BARE = ("services", "configmaps", "secrets", "persistentvolumeclaims")
_PODS = ("Deployment", "StatefulSet", "DaemonSet")


def room_facts(
    cluster: Cluster, namespace: str, objects: Sequence[JsonObject], starts: Mapping[str, Bounds]
) -> list[str]:
    """Facts on the quotas of the namespace, for a release that applies these objects.

    Args:
        starts: see `added`.

    Raises:
        StepFailed: see `refuse_full`.
    """
    quotas = cluster.list("ResourceQuota", namespace)
    known_ones = [made for made in objects if quotas and is_known(made)]
    there = (
        (made, cluster.find(path_of(made["kind"], namespace, made["metadata"]["name"])))
        for made in known_ones
    )
    found = {identity(made): {**live, "kind": made["kind"]} for made, live in there if live}
    return [*refuse_full(quotas, added(objects, found, starts)), *unstated(known_ones, quotas)]


def added(objects: Iterable[JsonObject], found: Found, starts: Mapping[str, Bounds]) -> Amounts:
    """What a release takes from quotas at its peak beside what is taken already.

    Args:
        starts: of autoscaled workloads, by their names.
    """
    parts = ((made, found.get(identity(made))) for made in objects)
    return _sum(
        part for made, live in parts for part in (_counted(made, live), _grown(made, live, starts))
    )


def of_pod(pod: JsonObject) -> Amounts:
    """What one pod takes: all its containers at once, or the largest that runs before them."""
    before = pod.get("initContainers") or []
    beside = [one for one in before if one.get("restartPolicy") == "Always"]
    running = _sum(map(_of_container, (*pod.get("containers", []), *beside)))
    first = (_of_container(one) for one in before if one not in beside)
    return {**_most(running, *first), "pods": ONE, "count/pods": ONE}


def refuse_full(quotas: Sequence[JsonObject], more: Amounts) -> list[str]:
    """The facts.

    Raises:
        StepFailed: a quota has no room for what a release adds.
    """
    return [_fact(quota, more) for quota in quotas]


def unstated(objects: Iterable[JsonObject], quotas: Sequence[JsonObject]) -> list[str]:
    """Facts on pods that leave open what a quota counts: a LimitRange fills it in, unseen here."""
    limited = {key for quota in quotas for key in _hard(quota) if key.startswith(("req", "lim"))}
    limited -= {"requests.storage"}
    lacking = {
        f"{made['kind']} {made['metadata']['name']}"
        for made in objects
        for container in (_template(made) or {}).get("containers", [])
        if limited - _of_container(container).keys()
    }
    return [
        f"{name} leaves open what a quota counts; what a LimitRange gives its pods is not counted"
        for name in sorted(lacking)
    ]


def _fact(quota: JsonObject, more: Amounts) -> str:
    name, status = quota["metadata"]["name"], quota.get("status") or {}
    spec = quota.get("spec") or {}
    if spec.get("scopes") or spec.get("scopeSelector"):
        return f"quota {name} is for some pods alone, and is left to the cluster"
    used, hard = status.get("used") or {}, _hard(quota)
    for key in sorted(more.keys() & hard.keys()):
        left = parse_quantity(hard[key]) - parse_quantity(used.get(key, "0"))
        if more[key] > 0 and left < more[key]:
            raise StepFailed(
                f"quota {name} has no room for this release",
                found=f"{key}: {used.get(key, '0')} of {hard[key]} are used, "
                f"{shown(key, more[key])} more are needed while it rolls out",
                allowed=f"{shown(key, max(left, Decimal(0)))} more",
                next_step="raise the quota, or lower resources or replicas",
                cause=Cause.QUOTA,
            )
    return f"quota {name} has room"


def _hard(quota: JsonObject) -> Mapping[str, str]:
    return (quota.get("status") or {}).get("hard") or {}


def shown(key: str, amount: Decimal) -> str:
    """An amount as people write it."""
    if key.endswith("cpu"):
        return f"{(amount * 1000).to_integral_value(ROUND_UP)}m"
    if key.endswith(("memory", "storage")) and amount and amount % MEBI == 0:
        return f"{amount / MEBI:f}Mi"
    return f"{amount.normalize():f}"


def _counted(made: JsonObject, live: JsonObject | None) -> Amounts:
    """An object that is new counts, by its kind; a new template makes a ReplicaSet as well."""
    total: dict[str, Decimal] = {}
    if made["kind"] == "Deployment" and not is_same(made, live):
        total["count/replicasets.apps"] = ONE
    if live is not None or not is_known(made):
        return total
    resource = known(made["kind"])
    total["count/" + ".".join(filter(None, (resource.plural, resource.group)))] = ONE
    if not resource.group and resource.plural in _BARE:
        total[resource.plural] = ONE
    return total | _of_kind(made)


def _of_kind(made: JsonObject) -> dict[str, Decimal]:
    """What quotas count of a Service that is reached from outside, and of a claim's storage."""
    spec = made.get("spec") or {}
    if made["kind"] == "Service" and spec.get("type") in ("NodePort", "LoadBalancer"):
        balancers = {"services.loadbalancers": ONE} if spec["type"] == "LoadBalancer" else {}
        return {"services.nodeports": ONE, **balancers}
    if made["kind"] == "PersistentVolumeClaim":
        requests = (spec.get("resources") or {}).get("requests") or {}
        return {"requests.storage": Decimal(parse_quantity(str(requests.get("storage", "0"))))}
    return {}


def _grown(made: JsonObject, live: JsonObject | None, starts: Mapping[str, Bounds]) -> Amounts:
    """What its pods take at their peak, less what those that are there take."""
    template = _template(made)
    if template is None:
        return {}
    wanted, new = _replicas(made, live, starts), of_pod(template)
    if live is None:
        return _times(new, wanted)
    if made["kind"] == "Job":
        return {}
    there = int((live.get("status") or {}).get("replicas") or live["spec"].get("replicas") or 0)
    old = of_pod(_template(live) or {})
    surge = 0 if is_same(made, live) else _surge(made, wanted)
    begun = _sum((_times(old, wanted), _times(new, surge)))
    ended = _sum((_times(new, wanted), _times(old, surge)))
    return _sum((_most(begun, ended), _times(old, -there)))


def is_same(made: JsonObject, live: JsonObject | None) -> bool:
    """Whether what is there is of the same release; a chart's objects do not tell."""
    wanted, found = (_label(one) for one in (made, live or {}))
    return bool(wanted) and wanted == found


def _label(made: JsonObject) -> str | None:
    labels = (made.get("metadata") or {}).get("labels") or {}
    return labels.get(names.RELEASE)


def _replicas(made: JsonObject, live: JsonObject | None, starts: Mapping[str, Bounds]) -> int:
    spec = made["spec"]
    if made["kind"] == "Job":
        return int(spec.get("parallelism", 1))
    if made["kind"] == "DaemonSet":
        return int(((live or {}).get("status") or {}).get("desiredNumberScheduled", 1))
    there = int(((live or {}).get("spec") or {}).get("replicas") or 0)
    return int(spec.get("replicas") or max(there, starts.get(made["metadata"]["name"], (1, 1))[0]))


def _surge(made: JsonObject, replicas: int) -> int:
    """Pods that a rollout makes beside the others."""
    strategy = made["spec"].get("strategy") or {}
    if made["kind"] != "Deployment" or strategy.get("type") == "Recreate":
        return 0
    text = str((strategy.get("rollingUpdate") or {}).get("maxSurge", "25%"))
    if not text.endswith("%"):
        return int(text)
    return -(-replicas * int(text.removesuffix("%")) // 100)


def _template(made: JsonObject) -> JsonObject | None:
    """The pods' specification, of what makes pods at once."""
    if made["kind"] not in (*_PODS, "Job"):
        return None
    found: JsonObject = made["spec"]["template"]["spec"]
    return found


def _of_container(container: JsonObject) -> Amounts:
    """Requests and limits; without a request the limit counts as one."""
    resources = container.get("resources") or {}
    limits = resources.get("limits") or {}
    requests = {**limits, **(resources.get("requests") or {})}
    return dict((*_amounts("limits.", limits), *_amounts("requests.", requests)))


def _amounts(prefix: str, given: Mapping[str, object]) -> Iterator[tuple[str, Decimal]]:
    for key, text in given.items():
        amount = Decimal(parse_quantity(str(text)))
        yield prefix + key, amount
        if prefix == "requests." and key in ("cpu", "memory", "ephemeral-storage"):
            yield key, amount


def _times(amounts: Amounts, number: int) -> Amounts:
    return {key: amount * number for key, amount in amounts.items()}


def _sum(parts: Iterable[Amounts]) -> Amounts:
    total: dict[str, Decimal] = {}
    for part in parts:
        for key, amount in part.items():
            total[key] = total.get(key, Decimal(0)) + amount
    return total


def _most(*parts: Amounts) -> Amounts:
    """The largest of each."""
    keys = {key for part in parts for key in part}
    return {key: max(part.get(key, Decimal(0)) for part in parts) for key in keys}
