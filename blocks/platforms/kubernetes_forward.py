"""One HTTP request to a pod through a port-forward of the API server, which is ended after it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from typing import Any, cast

from kubernetes.client import ApiException, CoreV1Api
from kubernetes.stream import portforward
from websocket import WebSocketException

from blocks.platforms.kubernetes_api import Cluster

SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer; status 0 where there was none."""

    status: int
    text: str

    def __str__(self) -> str:
        return f"{self.status}: {self.text}" if self.status else self.text


def http_get(cluster: Cluster, namespace: str, pod: str, port: int, path: str) -> Answer:
    """GET from the pod's port. Never raises: what went wrong is the answer.

    Args:
        cluster: of this caller alone; the client is changed while a forward is opened.
    """
    try:
        with forwarded(cluster, namespace, pod, port) as connection:
            connection.request("GET", path, headers={"Host": pod, "Connection": "close"})
            response = connection.getresponse()
            text = response.read(2000).decode(errors="replace").strip()
            return Answer(response.status, text[:200])
    except (ApiException, WebSocketException, HTTPException, OSError) as error:
        reason = error.reason if isinstance(error, ApiException) else error
        return Answer(0, f"no answer from {pod}:{port}: {type(error).__name__} {reason}"[:200])


@contextmanager
def forwarded(cluster: Cluster, namespace: str, pod: str, port: int) -> Iterator[HTTPConnection]:
    """A connection to the pod's port meanwhile."""
    forward = opened(cluster, namespace, pod, port)
    try:
        stream = forward.socket(port)
        stream.settimeout(SECONDS)
        connection = HTTPConnection("localhost", port, timeout=SECONDS)
        connection.sock = cast(Any, stream)
        yield connection
    finally:
        forward.close()


def opened(cluster: Cluster, namespace: str, pod: str, port: int) -> Any:
    """A port-forward with a `socket(port)`, to be closed.

    Raises:
        ApiException, WebSocketException: the API server opens none.
    """
    api = CoreV1Api(cluster.client)
    return portforward(api.connect_get_namespaced_pod_portforward, pod, namespace, ports=str(port))
