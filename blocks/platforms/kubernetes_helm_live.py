"""What the cluster's objects say beside a chart's manifest."""

from collections.abc import Sequence

from blocks.platforms.kubernetes_api import (
    APPLY,
    KINDS,
    ApiRefused,
    Cluster,
    path_of,
    refusal,
)
from blocks.platforms.kubernetes_owners import conflict, described, field_conflicts
from blocks.platforms.kubernetes_scaling import KIND, without_scale
from slipway.canonical import JsonObject
from slipway.chart_values import flat
from slipway.errors import BadInput
from slipway.plan import difference

MANAGER = "helm"
RELEASE_NAME = "meta.helm.sh/release-name"
COMPARED = ("spec", "data")


def judge(
    cluster: Cluster, documents: Sequence[JsonObject], place: str, release: str, *, take_over: bool
) -> str:
    """Let the server judge every object of a kind that we know, without keeping it; the fact.

    Raises:
        BadInput: an object is another Helm release's. FieldConflict: somebody else owns a field.
        StepFailed: the server or its admission says no.
    """
    known = [within(one, place) for one in documents if is_known(one)]
    for wanted in known:
        found = cluster.find(path(wanted))
        refuse_other_release(found, wanted, release)
        dry_run(cluster, wanted, take_over=take_over or owner_of(found) is None)
    return f"the cluster accepts {len(known)} of {len(documents)} objects of the chart by dry run"


def changes(cluster: Cluster, documents: Sequence[JsonObject], place: str) -> list[str]:
    """What somebody changed of what the chart says, as `Kind name: field: before -> after`.

    Secrets that the chart makes are not compared: what differs would be told.
    """
    found: list[str] = []
    known = (one for one in documents if is_known(one) and one["kind"] != "Secret")
    scalers = cluster.list(KIND, place)
    for wanted in (within(one, place) for one in known):
        live = cluster.find(path(wanted))
        if live is None:
            found.append(f"{described(wanted)} is gone")
            continue
        applied = dry_run(cluster, wanted, take_over=True)
        both = ({**made, "kind": wanted["kind"]} for made in (live, applied))
        before, after = (_compared(without_scale(made, scalers)) for made in both)
        found += [f"{described(wanted)}: {change}" for change in difference(before, after)]
    return found


def dry_run(cluster: Cluster, wanted: JsonObject, *, take_over: bool) -> JsonObject:
    """The object as it would be; fields of Helm's own are taken back in any case."""
    query: dict[str, str | int] = {"fieldManager": MANAGER, "dryRun": "All"}
    try:
        return cluster.call("PATCH", path(wanted), wanted, APPLY, query)
    except ApiRefused as error:
        conflicts = list(field_conflicts(error))
        others = [line for line in conflicts if not line.startswith(f"{MANAGER}:")]
        if others and not take_over:
            raise conflict(wanted, others) from None
        if not conflicts:
            raise refusal(f"dry run of {described(wanted)}", error) from None
    try:
        return cluster.call("PATCH", path(wanted), wanted, APPLY, {**query, "force": "true"})
    except ApiRefused as error:
        raise refusal(f"dry run of {described(wanted)}", error) from None


def refuse_other_release(found: JsonObject | None, wanted: JsonObject, release: str) -> None:
    """Raises BadInput where the object is another Helm release's."""
    owner = owner_of(found)
    if owner not in (None, release):
        raise BadInput(
            f"{described(wanted)} belongs to another Helm release",
            found=owner,
            allowed=release,
            next_step=f"helm uninstall {owner}, or choose another namespace",
        )


def adopted(cluster: Cluster, documents: Sequence[JsonObject], place: str) -> list[str]:
    """Objects of the chart that are there already and belong to no Helm release."""
    known = (within(one, place) for one in documents if is_known(one))
    there = ((wanted, cluster.find(path(wanted))) for wanted in known)
    return [described(wanted) for wanted, found in there if found and not owner_of(found)]


def owner_of(found: JsonObject | None) -> str | None:
    """The Helm release of an object. Pure."""
    owner = ((found or {}).get("metadata", {}).get("annotations") or {}).get(RELEASE_NAME)
    return str(owner) if owner else None


def is_known(one: JsonObject) -> bool:
    """Whether we know the path of the object's kind in its version. Pure."""
    prefix, _, _ = KINDS.get(one["kind"], ("", "", False))
    return prefix.removeprefix("/apis/").removeprefix("/api/") == one.get("apiVersion")


def within(one: JsonObject, place: str) -> JsonObject:
    """The object with its namespace, where its kind has one. Pure."""
    if not KINDS[one["kind"]][2]:
        return one
    return {**one, "metadata": {**one["metadata"], "namespace": place}}


def path(one: JsonObject) -> str:
    metadata = one["metadata"]
    return path_of(one["kind"], metadata.get("namespace", ""), metadata["name"])


def _compared(made: JsonObject) -> dict[str, str]:
    parts = [flat(made[key], key) for key in COMPARED if made.get(key)]
    return {key: text for part in parts for key, text in part.items()}
