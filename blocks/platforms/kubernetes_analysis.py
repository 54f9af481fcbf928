"""Measuring the pods of a release, one after the other, through port-forwards of the API server."""

import time
from collections.abc import Callable, Sequence
from functools import partial

from kubernetes.client import ApiException
from websocket import WebSocketException

from blocks.analysis import run
from blocks.analysis.tunnels import Tunnels, Wire
from blocks.platforms.kubernetes_api import Cluster
from blocks.platforms.kubernetes_forward import opened
from blocks.platforms.kubernetes_settle import Place
from blocks.platforms.kubernetes_verify import ready_front
from slipway.canonical import JsonObject
from slipway.errors import BadInput
from slipway.platform import StepContext

AGAIN_SECONDS = 1.0


def analyse(
    place: Place, context: StepContext, pods: Callable[[], Sequence[str]] | None = None
) -> JsonObject:
    """See blocks.analysis.run.analyse; nothing where the release names no checks.

    Args:
        pods: names of those to measure, read again each second; by default the release's ready
            pods behind the front Service.
    """
    spec, port = place.spec, place.spec.front_service.port
    if spec.analysis is None:
        return {}
    if port is None:
        raise BadInput(f"service {spec.front} of {spec.target} has no port to be measured at")
    hosts = each_second(pods or (lambda: sorted(ready_front(place, place.read()))))

    def transport() -> Tunnels:
        return Tunnels(partial(_dial, place.cluster, place.namespace, port), hosts)

    names = run.names_of(spec)
    return run.analyse(spec.analysis, f"http://{spec.front}", context, names, transport)


def each_second(read: Callable[[], Sequence[str]]) -> Callable[[], Sequence[str]]:
    """What `read` says, asked at most once a second."""
    known: list[tuple[float, Sequence[str]]] = []

    def latest() -> Sequence[str]:
        now = time.monotonic()
        if not known or now - known[0][0] > AGAIN_SECONDS:
            known[:] = [(now, read())]
        return known[0][1]

    return latest


def _dial(cluster: Cluster, namespace: str, port: int, pod: str) -> Wire:
    try:
        return _PodWire(cluster, namespace, pod, port)
    except (ApiException, WebSocketException) as error:
        reason = error.reason if isinstance(error, ApiException) else error
        raise ConnectionError(f"{type(error).__name__} {reason}"[:200]) from None


class _PodWire:
    """A connection to a pod's port; ends the port-forward with itself."""

    def __init__(self, cluster: Cluster, namespace: str, pod: str, port: int) -> None:
        self._forward = opened(cluster, namespace, pod, port)
        self._socket = self._forward.socket(port)

    def fileno(self) -> int:
        return int(self._socket.fileno())

    def settimeout(self, seconds: float | None) -> None:
        self._socket.settimeout(seconds)

    def recv(self, size: int) -> bytes:
        return bytes(self._socket.recv(size))

    def sendall(self, data: bytes) -> None:
        self._socket.sendall(data)

    def close(self) -> None:
        self._socket.close()
        self._forward.close()
