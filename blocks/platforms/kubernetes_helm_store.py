"""Revisions of a Helm release, as Helm keeps them in Secrets of the namespace.

https://helm.sh/docs/topics/advanced/#storage-backends
"""

import base64
import gzip
import json
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from blocks.platforms import kubernetes_names as names
from blocks.platforms.kubernetes_api import ApiRefused, Cluster, path_of
from blocks.platforms.kubernetes_fence import Writer, refuse_other_than
from blocks.platforms.kubernetes_helm_argv import DESCRIBED
from slipway.canonical import JsonObject
from slipway.errors import Superseded

DEPLOYED, FAILED = "deployed", "failed"
PENDING = ("pending-install", "pending-upgrade", "pending-rollback")
# A Helm that lives writes its outcome within seconds; hooks of others are not waited for.
PENDING_SECONDS = 5.0
PAUSE_SECONDS = 0.5
_OURS = re.compile(rf"^{DESCRIBED}([0-9a-f]{{12}})\b")
_ROLLED_BACK = re.compile(r"^Rollback to (\d+)$")


@dataclass(frozen=True, slots=True)
class Revision:
    """One revision: its Secret, with what is in it."""

    secret: JsonObject

    @property
    def number(self) -> int:
        return int(self._labels["version"])

    @property
    def status(self) -> str:
        return str(self._labels.get("status", ""))

    @property
    def is_pending(self) -> bool:
        return self.status in PENDING

    @property
    def claim(self) -> int:
        """The claim that made it, or that made the one before; 0 where people did."""
        text = str(self._labels.get(names.CLAIM, "0"))
        return int(text) if text.isdecimal() else 0

    @property
    def labels(self) -> dict[str, str]:
        return dict(self._labels)

    @property
    def body(self) -> JsonObject:
        """As Helm stores it: `info`, `config`, `manifest`, `chart`. May hold secrets."""
        return decoded(self.secret["data"]["release"])

    @property
    def description(self) -> str:
        return str((self.body.get("info") or {}).get("description", ""))

    @property
    def _labels(self) -> dict[str, str]:
        labels: dict[str, str] = self.secret["metadata"].get("labels") or {}
        return labels


def revisions(cluster: Cluster, namespace: str, release: str) -> list[Revision]:
    """All that Helm keeps of a release, oldest first."""
    labels = names.selector_text({"owner": "helm", "name": release})
    found = [Revision(secret) for secret in cluster.list("Secret", namespace, labels)]
    return sorted(found, key=lambda revision: revision.number)


def deployed(history: Sequence[Revision]) -> Revision | None:
    """The revision that Helm takes for the present one. Pure."""
    return next((r for r in reversed(history) if r.status == DEPLOYED), None)


def identity(revision: Revision, history: Sequence[Revision]) -> str | None:
    """Spec id of a revision that Slipway made, or that people rolled back to; else None. Pure.

    Labels pass from revision to revision, also where people run Helm: the description does not.
    """
    found: Revision | None = revision
    for _ in history:
        if found is None:
            return None
        if ours := _OURS.match(found.description):
            return ours[1]
        back = _ROLLED_BACK.match(found.description)
        found = next((r for r in history if back and r.number == int(back[1])), None)
    return None


def is_ours(history: Sequence[Revision]) -> bool:
    """Whether Slipway installed any of it. Pure."""
    return any(names.RELEASE in revision.labels for revision in history)


def repair_ours(writer: Writer, release: str) -> list[int]:
    """As `repair`, where Slipway installed the release: others' are left alone."""
    return repair(writer, release) if is_ours(_history(writer, release)) else []


def repair(writer: Writer, release: str) -> list[int]:
    """Mark pending revisions of a dead holder as failed, as nothing else lets Helm go on.

    One of another claim is given PENDING_SECONDS to end by itself.

    Raises:
        Superseded: a newer holder took over.
    """
    repaired = []
    for pending in [r for r in _history(writer, release) if r.is_pending]:
        if pending.claim == writer.token or _is_left(writer, release, pending):
            repaired += [pending.number] if mark_failed(writer, pending) else []
    return repaired


def _is_left(writer: Writer, release: str, pending: Revision) -> bool:
    """Whether it still is pending once its time is over."""
    until = time.monotonic() + min(
        PENDING_SECONDS - age(pending, datetime.now(UTC)), PENDING_SECONDS
    )
    while (left := until - time.monotonic()) > 0:
        writer.cluster.check()
        time.sleep(min(left, PAUSE_SECONDS))
        now = {r.number: r for r in _history(writer, release)}
        if pending.number not in now or not now[pending.number].is_pending:
            return False
    return True


def _history(writer: Writer, release: str) -> list[Revision]:
    return revisions(writer.cluster, writer.namespace, release)


def age(revision: Revision, now: datetime) -> float:
    """Seconds since its Secret was made. Pure."""
    made = datetime.fromisoformat(revision.secret["metadata"]["creationTimestamp"])
    return (now - made).total_seconds()


def mark_failed(writer: Writer, pending: Revision) -> bool:
    """Whether it still was as read; the API server refuses the write otherwise."""
    writer.refuse_stale()
    secret = failed(pending, writer.token)
    path = path_of("Secret", writer.namespace, pending.secret["metadata"]["name"])
    try:
        writer.cluster.call("PUT", path, secret, query={"fieldManager": names.MANAGER})
    except ApiRefused as error:
        refuse_other_than(error, 404, 409, doing=f"Helm revision {pending.number}")
        return False
    return True


def failed(pending: Revision, token: int) -> JsonObject:
    """The Secret of a revision that failed, with the version that it was read at. Pure."""
    body, secret = pending.body, pending.secret
    body["info"] |= {
        "status": FAILED,
        "description": f"given up by slipway claim {token}: whoever began it is gone",
    }
    metadata = {**secret["metadata"], "labels": {**pending.labels, "status": FAILED}}
    made = {"apiVersion": "v1", "kind": "Secret", **secret, "metadata": metadata}
    return {**made, "data": {**secret["data"], "release": encoded(body)}}


def refuse_overtaken(writer: Writer, release: str, made: int) -> None:
    """Raises Superseded where somebody else ran Helm beside us: ours is not the newest revision."""
    newest = _history(writer, release)[-1]
    if newest.number != made or newest.claim != writer.token:
        raise Superseded(
            f"{writer.target}: somebody else ran Helm at the same time",
            found=f"revision {newest.number}, {newest.status}",
            allowed=f"revision {made} of claim {writer.token}",
            next_step="helm history; then slipway recover",
        )


def decoded(data: str) -> JsonObject:
    """A release out of a Secret: JSON, in a gzip, in base64, in the API's base64."""
    packed = base64.b64decode(base64.b64decode(data))
    plain = gzip.decompress(packed) if packed[:3] == b"\x1f\x8b\x08" else packed
    body: JsonObject = json.loads(plain)
    return body


def encoded(body: JsonObject) -> str:
    """As `decoded` reads it."""
    packed = gzip.compress(json.dumps(body, separators=(",", ":")).encode(), mtime=0)
    return base64.b64encode(base64.b64encode(packed)).decode()
