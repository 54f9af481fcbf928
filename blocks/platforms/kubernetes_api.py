"""Calls of the Kubernetes API, objects as plain dicts, and its failures in Slipway's words.

https://kubernetes.io/docs/reference/using-api/api-concepts/
"""

import json
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, TypeVar, cast

import urllib3
from kubernetes.client import ApiClient, ApiException

from blocks.platforms.kubernetes_access import Access, Kept
from slipway.canonical import JsonObject
from slipway.errors import Cause, SlipwayError, StepFailed, Unreachable

T = TypeVar("T")
SECONDS = 30
AT_ONCE = 4
PAUSES = (0.2, 0.5, 1.0, 2.0)
APPLY = "application/apply-patch+yaml"
MERGE = "application/merge-patch+json"
RETRYABLE = (429, 500, 502, 503, 504)

# kind: path of its group and version, plural, whether it belongs to a namespace
KINDS: Mapping[str, tuple[str, str, bool]] = {
    "Namespace": ("/api/v1", "namespaces", False),
    "ServiceAccount": ("/api/v1", "serviceaccounts", True),
    "ConfigMap": ("/api/v1", "configmaps", True),
    "Secret": ("/api/v1", "secrets", True),
    "Service": ("/api/v1", "services", True),
    "Pod": ("/api/v1", "pods", True),
    "Event": ("/api/v1", "events", True),
    "ResourceQuota": ("/api/v1", "resourcequotas", True),
    "LimitRange": ("/api/v1", "limitranges", True),
    "PersistentVolumeClaim": ("/api/v1", "persistentvolumeclaims", True),
    "Deployment": ("/apis/apps/v1", "deployments", True),
    "StatefulSet": ("/apis/apps/v1", "statefulsets", True),
    "DaemonSet": ("/apis/apps/v1", "daemonsets", True),
    "ReplicaSet": ("/apis/apps/v1", "replicasets", True),
    "Job": ("/apis/batch/v1", "jobs", True),
    "CronJob": ("/apis/batch/v1", "cronjobs", True),
    "HorizontalPodAutoscaler": ("/apis/autoscaling/v2", "horizontalpodautoscalers", True),
    "PodDisruptionBudget": ("/apis/policy/v1", "poddisruptionbudgets", True),
    "NetworkPolicy": ("/apis/networking.k8s.io/v1", "networkpolicies", True),
    "Ingress": ("/apis/networking.k8s.io/v1", "ingresses", True),
    "Role": ("/apis/rbac.authorization.k8s.io/v1", "roles", True),
    "RoleBinding": ("/apis/rbac.authorization.k8s.io/v1", "rolebindings", True),
    "EndpointSlice": ("/apis/discovery.k8s.io/v1", "endpointslices", True),
    "Lease": ("/apis/coordination.k8s.io/v1", "leases", True),
}

# The same of kinds that the platform works with where a cluster has them
EXTENSIONS: Mapping[str, tuple[str, str, bool]] = {
    "HTTPRoute": ("/apis/gateway.networking.k8s.io/v1", "httproutes", True),
}


def path_of(kind: str, namespace: str, name: str = "") -> str:
    """Path of one object, or of all of a kind. Pure."""
    prefix, plural, is_namespaced = {**KINDS, **EXTENSIONS}[kind]
    place = f"/namespaces/{namespace}" if is_namespaced else ""
    return f"{prefix}{place}/{plural}" + (f"/{name}" if name else "")


def together(acts: Iterable[Callable[[], T]]) -> list[T]:
    """What each returned, in order; a few wait for the server at once.

    Raises what the first of those that failed raised, once all have ended.
    """
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return [future.result() for future in [pool.submit(act) for act in acts]]


def path_for(made: JsonObject) -> str:
    """Path of an object."""
    metadata = made["metadata"]
    return path_of(made["kind"], metadata.get("namespace", ""), metadata["name"])


class ApiRefused(Exception):
    """The API server's answer other than success.

    Attributes:
        status: of HTTP. reason: as in `Conflict`, `AlreadyExists`. message: the server's words.
        causes: `reason`, `message` and `field` of each detail.
    """

    def __init__(self, status: int, answer: JsonObject) -> None:
        super().__init__(f"{status} {answer.get('reason', '')}")
        self.status = status
        self.reason = str(answer.get("reason") or "")
        self.message = str(answer.get("message") or "")[:600]
        details = answer.get("details") or {}
        self.causes: Sequence[Mapping[str, str]] = details.get("causes") or ()


class AskedToWait(Unreachable):
    """The API server is there, and says for how many seconds it wants to be left alone."""

    def __init__(self, message: str, *, after: float, found: str, next_step: str) -> None:
        super().__init__(message, found=found, next_step=next_step)
        self.after = after


@dataclass
class Cluster:
    """One cluster.

    Attributes:
        access: gives a client; asked again once after a 401.
        patience: seconds for which a server that does not answer is asked again.
        check: raises once its holder must stop; called before each try.
        seconds: for which an answer is waited for.
    """

    access: Access
    patience: float = 10
    check: Callable[[], None] = lambda: None
    seconds: float = SECONDS
    _client: ApiClient | None = field(default=None, repr=False)

    @property
    def client(self) -> ApiClient:
        """Opened at first use."""
        self._client = self._client or self.access()
        return self._client

    def close(self) -> None:
        self._client = None

    def renew(self) -> None:
        """Go on with a client that is opened anew."""
        if isinstance(self.access, Kept):
            self.access.forget()
        self.close()

    def get(self, path: str, **query: str | int) -> JsonObject:
        return self.call("GET", path, query=query)

    def find(self, path: str) -> JsonObject | None:
        """The object, or None where there is none."""
        try:
            return self.get(path)
        except ApiRefused as refused:
            if refused.status == 404:
                return None
            raise

    def list(self, kind: str, namespace: str, labels: str = "") -> list[JsonObject]:
        """Objects of a kind in a namespace, in order of their names; each tells its kind."""
        return [*self.list_at(path_of(kind, namespace), kind, labels)]

    def list_at(self, path: str, kind: str, labels: str = "") -> Sequence[JsonObject]:
        """As `list`, of whatever kind lies at that path."""
        query = {"labelSelector": labels} if labels else {}
        answer = self.call("GET", path, query=query)
        items = sorted(answer.get("items") or [], key=lambda made: made["metadata"]["name"])
        return [{**made, "kind": kind} for made in items]

    def call(
        self,
        method: str,
        path: str,
        body: JsonObject | None = None,
        content: str = "application/json",
        query: Mapping[str, str | int] | None = None,
    ) -> JsonObject:
        """One call's answer; asked again while the server does not answer.

        Every call of ours may be repeated: a write carries a precondition, or is a create whose
        second try says AlreadyExists.

        Raises:
            ApiRefused: the server's answer. Unreachable: it gave none within the patience.
        """
        return cast(JsonObject, json.loads(self.text(method, path, body, content, query) or "{}"))

    def text(
        self,
        method: str,
        path: str,
        body: JsonObject | None = None,
        content: str = "application/json",
        query: Mapping[str, str | int] | None = None,
    ) -> str:
        """As `call`, the answer as text."""
        until = time.monotonic() + self.patience
        pauses = iter([*PAUSES, *[PAUSES[-1]] * 1000])
        while True:
            self.check()
            try:
                return self._try(method, path, body, content, query)
            except Unreachable as error:
                pause = max(next(pauses), error.after if isinstance(error, AskedToWait) else 0)
                if time.monotonic() + pause > until:
                    raise
                time.sleep(pause)

    def _try(
        self,
        method: str,
        path: str,
        body: JsonObject | None,
        content: str,
        query: Mapping[str, str | int] | None,
    ) -> str:
        status, text, after = self._send(method, path, body, content, query)
        if status == 401:
            self.renew()
            status, text, after = self._send(method, path, body, content, query)
        if 200 <= status < 300:
            return text
        answer = _status(text)
        if status in RETRYABLE and answer.get("reason") != "AlreadyExists":
            raise AskedToWait(
                f"the Kubernetes API answered {status} to {method} {path}",
                after=after,
                found=str(answer.get("message") or "")[:200],
                next_step="see that the API server is well, then slipway recover",
            )
        raise ApiRefused(status, answer)

    def _send(
        self,
        method: str,
        path: str,
        body: JsonObject | None,
        content: str,
        query: Mapping[str, str | int] | None,
    ) -> tuple[int, str, float]:
        """Status, text, and for how many seconds the server asks to be left alone."""
        try:
            response = self.open(method, path, body, content, query, self.seconds)
            after = str(response.headers.get("Retry-After", ""))
            text = response.data.decode(errors="replace")
            return int(response.status), text, float(after) if after.isdecimal() else 0
        except (ApiException, urllib3.exceptions.HTTPError, OSError) as error:
            raise Unreachable(
                f"the Kubernetes API at {self.client.configuration.host} did not answer",
                found=type(error).__name__,
                next_step="start the cluster, or correct SLIPWAY_KUBECONFIG or its context",
            ) from None

    def open(
        self,
        method: str,
        path: str,
        body: JsonObject | None,
        content: str,
        query: Mapping[str, str | int] | None,
        seconds: float,
    ) -> Any:
        """The response, its body not read yet."""
        api = self.client
        # JSON is YAML; the client sends text of other content types as it is.
        sent: Any = json.dumps(body) if body is not None and content == APPLY else body
        request = api.param_serialize(
            method,
            path,
            query_params=list((query or {}).items()),
            header_params={"Accept": "application/json", "Content-Type": content},
            body=sent,
            auth_settings=["BearerToken"],
        )
        return api.call_api(*request, _request_timeout=(10, seconds)).response


def _status(text: str) -> JsonObject:
    """The Status object of an answer, or its text as the message."""
    try:
        answer = json.loads(text)
    except ValueError:
        return {"message": text[:300]}
    return answer if isinstance(answer, dict) else {"message": text[:300]}


def refusal(doing: str, error: ApiRefused) -> SlipwayError:
    """What the server refused, as one of our errors."""
    if error.status == 401:
        return StepFailed(
            f"{doing}: the cluster does not accept the credential any more",
            found=error.message,
            next_step="renew it where it comes from: the kubeconfig, the block or the account",
            cause=Cause.PERMISSION,
        )
    if error.status == 403 and "exceeded quota" not in error.message:
        cause = Cause.PERMISSION if is_rbac(error.message) else Cause.POLICY
        return StepFailed(
            f"{doing}: the cluster denied it",
            found=error.message,
            next_step="give the deployer's account that permission"
            if cause is Cause.PERMISSION
            else "satisfy the cluster's admission policy, or change it",
            cause=cause,
        )
    cause = Cause.QUOTA if "exceeded quota" in error.message else Cause.CONFLICT
    if error.status in (400, 422):
        cause = Cause.INPUT
    return StepFailed(f"{doing}: the cluster refused", found=error.message, cause=cause)


def is_rbac(message: str) -> bool:
    """Whether a 403 is of authorization; admission says so in other words."""
    return " cannot " in message and "User " in message
