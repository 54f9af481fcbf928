"""Writes that the API server refuses to a holder that was replaced.

The lease carries the fencing token. Whoever takes over raises it first, then touches every object
of the target, which gives each a new resourceVersion. A writer reads the object, then the lease,
then writes with that resourceVersion as a precondition: a newer holder's token is seen in the
lease, or its touch makes the write fail. docs/kubernetes-platform.md tells what is not fenced.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial

from blocks.platforms import kubernetes_names as names
from blocks.platforms.kubernetes_api import (
    APPLY,
    MERGE,
    ApiRefused,
    Cluster,
    path_for,
    path_of,
    refusal,
    together,
)
from blocks.platforms.kubernetes_owners import (
    by_controllers,
    described,
    field_conflicts,
    is_purged,
    other_managers,
    refuse_conflicts,
    refuse_foreign,
)
from blocks.platforms.kubernetes_records import with_recorded
from blocks.platforms.kubernetes_scaling import Bounds, kept_scale, only_scale, with_scale
from blocks.platforms.kubernetes_supporting import lease
from slipway.canonical import JsonObject
from slipway.errors import Superseded
from slipway.release import Target

ATTEMPTS = 20
NO_VERSION = "1"
FENCED = (
    *("Deployment", "Service", "ConfigMap", "Secret", "PodDisruptionBudget", "NetworkPolicy"),
    *("HorizontalPodAutoscaler", "Ingress", "HTTPRoute", "Job"),
)


@dataclass(frozen=True, slots=True)
class Written:
    """What one write did.

    Attributes:
        made: the object as it is now.
        is_changed: whether it differs from before.
        taken: fields that were another manager's, as `manager: field`.
    """

    made: JsonObject
    is_changed: bool
    taken: tuple[str, ...] = ()


@dataclass(frozen=True)
class Writer:
    """Writes for one claim in one namespace.

    Attributes:
        token: the claim's number.
    """

    cluster: Cluster
    target: Target
    namespace: str
    token: int

    def refuse_stale(self) -> None:
        """Raises Superseded where the lease carries a greater token."""
        self.cluster.check()
        self._refuse_greater(self.cluster.find(self._lease_path))

    def _refuse_greater(self, found: JsonObject | None) -> None:
        if token_of(found) > self.token:
            raise Superseded(
                f"{self.target}: a newer holder took over; the cluster refuses this one",
                found=f"lease {names.lease_name(self.target)} of claim {token_of(found)}",
                allowed=f"claim {self.token} or older",
                next_step="slipway history",
            )

    def take_lease(self) -> bool:
        """Raise the lease to this token; whether it was lower.

        Raises:
            Superseded: it carries a greater token.
        """
        for _ in range(ATTEMPTS):
            found = self.cluster.find(self._lease_path)
            self._refuse_greater(found)
            if found and token_of(found) == self.token:
                return False
            now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
            wanted = lease(self.target, self.namespace, self.token, now)
            if self._swap(found, wanted):
                return True
        raise self._contended(names.lease_name(self.target))

    def fence(self) -> list[str]:
        """Shut out every older holder; the names of what was touched."""
        self.take_lease()
        labels = names.owned_selector(self.target)
        resources = with_recorded(self.cluster, self.target, self.namespace, FENCED)
        listed = together(partial(r.list, self.cluster, self.namespace, labels) for r in resources)
        older = [
            (made, resource.path(self.namespace, made["metadata"]["name"]))
            for resource, found in zip(resources, listed, strict=True)
            for made in found
            if token_of(made) < self.token
        ]
        touched = together(partial(self.touch, *one) for one in older)
        return [
            f"{made['kind']}/{made['metadata']['name']}"
            for (made, _), latest in zip(older, touched, strict=True)
            if latest
        ]

    def touch(self, found: JsonObject, path: str) -> JsonObject | None:
        """The object with this claim's number on it, and so with a new resourceVersion.

        None where somebody removed it meanwhile.

        Raises:
            Superseded: a newer holder touched it.
        """
        latest: JsonObject | None = found
        for _ in range(ATTEMPTS):
            if latest is None or token_of(latest) == self.token:
                return latest
            metadata = {
                "resourceVersion": latest["metadata"]["resourceVersion"],
                "annotations": {names.CLAIM: str(self.token)},
            }
            try:
                query = {"fieldManager": names.MANAGER}
                return self.cluster.call("PATCH", path, {"metadata": metadata}, MERGE, query)
            except ApiRefused as error:
                refuse_other_than(error, 409, 404)
            latest = self.cluster.find(path)
            self.refuse_stale()
        raise self._contended(found["metadata"]["name"])

    def apply(
        self,
        wanted: JsonObject,
        *,
        take_over: bool = False,
        path: str = "",
        starts: Bounds | None = None,
    ) -> Written:
        """Make the object as wanted by server-side apply.

        Args:
            starts: of a workload that an autoscaler sets.
            path: of an object of another kind than the platform generates.
            take_over: take fields that another manager owns; a way back does.

        Raises:
            Superseded: a newer holder took over. FieldConflict: another manager owns a field.
            BadInput: the object is not Slipway's. StepFailed: the server refused.
        """
        path = path or path_for(wanted)
        for _ in range(ATTEMPTS):
            found = self.cluster.find(path)
            self.refuse_stale()
            if found is not None:
                refuse_foreign(found, wanted, self.target)
                found = self.touch({**found, "kind": wanted["kind"]}, path)
            try:
                written = self._apply(path, wanted, found, take_over, starts)
                return self._purge(path, wanted, written) if take_over else written
            except ApiRefused as error:
                refuse_conflicts(error, wanted)
                refuse_other_than(error, 409, doing=described(wanted))
        raise self._contended(described(wanted))

    def _apply(
        self,
        path: str,
        wanted: JsonObject,
        found: JsonObject | None,
        take_over: bool,
        starts: Bounds | None = None,
    ) -> Written:
        body = with_scale(self._guarded(wanted, found), found, starts)
        query: dict[str, str | int] = {"fieldManager": names.MANAGER}
        try:
            made = self.cluster.call("PATCH", path, body, APPLY, query)
        except ApiRefused as error:
            taken = tuple(field_conflicts(error))
            if not ((taken and take_over) or only_scale(taken)):
                raise
            made = self.cluster.call("PATCH", path, body, APPLY, {**query, "force": "true"})
            return Written(made, True, () if only_scale(taken) else taken)
        return Written(made, found is None or version_of(made) != version_of(found))

    def _purge(self, path: str, wanted: JsonObject, written: Written) -> Written:
        """Remove what others added beside our fields, which an apply leaves as it is."""
        others = other_managers(written.made)
        if not others or not is_purged(wanted):
            return written
        body = self._guarded(wanted, written.made)
        body["metadata"]["annotations"] |= by_controllers(written.made)
        body = kept_scale(body, written.made)
        made = self.cluster.call("PUT", path, body, query={"fieldManager": names.MANAGER})
        if version_of(made) == version_of(written.made):
            return written
        added = tuple(f"{manager}: what it added" for manager in others)
        return Written(made, True, (*written.taken, *added))

    def _guarded(self, wanted: JsonObject, found: JsonObject | None) -> JsonObject:
        """The object with this claim's number and its precondition.

        A version that no object has lets the server create one, and refuses one that somebody
        made meanwhile; a uid lets it change that one object, and create none.
        """
        metadata = wanted["metadata"]
        annotations = {**(metadata.get("annotations") or {}), names.CLAIM: str(self.token)}
        guard = {"resourceVersion": NO_VERSION}
        if found:
            guard = {key: found["metadata"][key] for key in ("resourceVersion", "uid")}
        return {**wanted, "metadata": {**metadata, "annotations": annotations, **guard}}

    def create(self, wanted: JsonObject, *, ours: bool = True) -> bool:
        """Create what is never changed afterwards; whether it was absent.

        Args:
            ours: refuse one of that name that Slipway did not make.
        """
        found = self.cluster.find(path_for(wanted))
        self.refuse_stale()
        if found is not None:
            if ours:
                refuse_foreign(found, wanted, self.target)
            return False
        path = path_for(wanted).rpartition("/")[0]
        try:
            self.cluster.call("POST", path, wanted, query={"fieldManager": names.MANAGER})
        except ApiRefused as error:
            if error.reason == "AlreadyExists":
                return False
            raise refusal(described(wanted), error) from None
        return True

    def delete(self, kind: str, name: str, path: str = "") -> bool:
        """Remove an object; whether it was there."""
        path = path or path_of(kind, self.namespace, name)
        for _ in range(ATTEMPTS):
            found = self.cluster.find(path)
            self.refuse_stale()
            if found is None:
                return False
            guard = {key: found["metadata"][key] for key in ("uid", "resourceVersion")}
            body = {"preconditions": guard, "propagationPolicy": "Background"}
            try:
                self.cluster.call("DELETE", path, body)
            except ApiRefused as error:
                refuse_other_than(error, 404, 409, doing=f"removing {kind} {name}")
                continue
            return True
        raise self._contended(f"{kind} {name}")

    def _swap(self, found: JsonObject | None, wanted: JsonObject) -> bool:
        try:
            if found is None:
                self.cluster.call("POST", path_for(wanted).rpartition("/")[0], wanted)
            else:
                metadata = {**wanted["metadata"], "resourceVersion": version_of(found)}
                body = {**wanted, "metadata": metadata}
                self.cluster.call("PUT", self._lease_path, body)
        except ApiRefused as error:
            refuse_other_than(error, 409, 404, doing=f"lease of {self.target}")
            return False
        return True

    @property
    def _lease_path(self) -> str:
        return path_of("Lease", self.namespace, names.lease_name(self.target))

    def _contended(self, what: str) -> Superseded:
        return Superseded(
            f"{self.target}: other writers kept changing {what}",
            allowed="one holder at a time",
            next_step="slipway status, then slipway recover",
        )


def token_of(made: JsonObject | None) -> int:
    """The claim's number on an object; 0 where there is none. Pure."""
    annotations = ((made or {}).get("metadata") or {}).get("annotations") or {}
    text = str(annotations.get(names.CLAIM, "0"))
    return int(text) if text.isdecimal() else 0


def version_of(made: JsonObject) -> str:
    return str(made["metadata"]["resourceVersion"])


def refuse_other_than(error: ApiRefused, *known: int, doing: str = "fencing") -> None:
    """Raises the server's refusal unless its status is one of those that lead to another try."""
    if error.status not in known:
        raise refusal(doing, error) from None
