"""Watches on threads that wake a waiting step; what it then reads decides, not what the watch says.

So a watch that ends, is cut or misses something costs a second and no truth: it is opened again,
and the next look sees everything.
"""

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import urllib3
from kubernetes.client import ApiException

from blocks.platforms.kubernetes_api import Cluster, path_of
from slipway.errors import SlipwayError
from slipway.platform import StepContext

WATCH_SECONDS = 60
CHECK_SECONDS = 0.5
LOOK_SECONDS = 2.0
PAUSE_SECONDS = 0.5
SETTLE_SECONDS = 0.05
WATCHED = ("Pod", "Deployment", "ReplicaSet", "Event")


class Wake:
    """`wait` returns when something of the namespace changed, and lets the holder be stopped."""

    def __init__(self, cluster: Cluster, namespace: str, context: StepContext) -> None:
        self._cluster = cluster
        self._namespace = namespace
        self._context = context
        self._changed = threading.Event()
        self._ended = threading.Event()
        self._open: dict[str, Any] = {}

    def wait(self, seconds: float) -> bool:
        """Whether something changed within that time, or it is time to look anyway.

        Raises:
            Superseded, Interrupted: out of the context's check.
        """
        until = time.monotonic() + min(seconds, LOOK_SECONDS)
        while (left := until - time.monotonic()) > 0:
            self._context.check()
            if self._changed.wait(min(left, CHECK_SECONDS)):
                time.sleep(SETTLE_SECONDS)  # changes come in showers
                self._changed.clear()
                return True
        self._context.check()
        return seconds >= LOOK_SECONDS

    def read(self, kind: str) -> None:
        """Watch one kind until the end; opened again whenever it breaks."""
        while not self._ended.is_set():
            with suppress(
                SlipwayError, ApiException, urllib3.exceptions.HTTPError, OSError, ValueError
            ):
                self._read_once(kind)
            self._changed.set()
            self._ended.wait(PAUSE_SECONDS)

    def _read_once(self, kind: str) -> None:
        query: dict[str, str | int] = {"watch": "1", "timeoutSeconds": WATCH_SECONDS}
        query["resourceVersion"] = "0"  # from now on, by the server's cache: enough to be woken
        path, seconds = path_of(kind, self._namespace), WATCH_SECONDS + 5
        response = self._cluster.open("GET", path, None, "application/json", query, seconds)
        self._open[kind] = response
        try:
            if self._ended.is_set():
                return
            for _ in response.stream(65536) if response.status == 200 else ():
                self._changed.set()
                if self._ended.is_set():
                    return
        finally:
            response.close()

    def end(self) -> None:
        self._ended.set()
        for response in list(self._open.values()):
            with suppress(OSError, ValueError, RuntimeError):
                response.shutdown()


@contextmanager
def waking(
    cluster: Cluster, namespace: str, context: StepContext, kinds: Sequence[str] = WATCHED
) -> Iterator[Wake]:
    """Watch the namespace meanwhile."""
    wake = Wake(cluster, namespace, context)
    threads = [threading.Thread(target=wake.read, args=(kind,), daemon=True) for kind in kinds]
    for thread in threads:
        thread.start()
    try:
        yield wake
    finally:
        wake.end()
        for thread in threads:
            thread.join(timeout=2)
