"""The engine's events of one set of containers, read on a thread so that a wait can be ended."""

import queue
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import docker
from docker.errors import DockerException

from blocks.platforms.docker_engine import engine_errors, open_engine
from slipway.canonical import JsonObject
from slipway.errors import Unreachable
from slipway.platform import StepContext

CHECK_SECONDS = 0.5
ACTIONS = ("start", "die", "oom", "health_status", "destroy", "pause", "unpause")


class Watch:
    """Events in order. `wait` returns early when one comes, and lets the holder be stopped."""

    def __init__(self, context: StepContext) -> None:
        self._context = context
        self._events: queue.Queue[JsonObject | BaseException | None] = queue.Queue()
        self.oom: set[str] = set()
        self.exit_codes: dict[str, str] = {}

    def put(self, event: JsonObject | BaseException | None) -> None:
        self._events.put(event)

    def wait(self, seconds: float) -> bool:
        """Whether something happened within that time.

        Raises:
            Unreachable: the engine ended the stream.
            Superseded, Interrupted: out of the context's check.
        """
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            self._context.check()
            with suppress(queue.Empty):
                self._take(self._events.get(timeout=min(left, CHECK_SECONDS)))
                while not self._events.empty():
                    self._take(self._events.get_nowait())
                return True
        self._context.check()
        return False

    def _take(self, event: JsonObject | BaseException | None) -> None:
        if event is None or isinstance(event, BaseException):
            raise Unreachable(
                "the Docker engine ended the stream of events",
                found=str(event)[:200] if event else None,
                next_step="see that the engine runs, then slipway recover",
            )
        actor = event.get("Actor", {})
        if event.get("Action") == "oom":
            self.oom.add(actor["ID"])
        if event.get("Action") == "die":
            self.exit_codes[actor["ID"]] = actor["Attributes"].get("exitCode", "")


@contextmanager
def watching(host: str | None, labels: Sequence[str], context: StepContext) -> Iterator[Watch]:
    """Watch the containers with these labels; a connection of its own, since it never times out."""
    api = open_engine(host, seconds=None)
    watch = Watch(context)
    filters = {"type": ["container"], "label": list(labels), "event": list(ACTIONS)}
    try:
        with engine_errors("watching events"):
            stream = api.events(decode=True, filters=filters)
        reader = threading.Thread(target=_read, args=(stream, watch), daemon=True)
        reader.start()
        try:
            yield watch
        finally:
            _close(stream)
            reader.join(timeout=2)
    finally:
        api.close()


def _read(stream: Any, watch: Watch) -> None:
    """Every end of the stream is told to the watch, which decides if it matters."""
    try:
        for event in stream:
            watch.put(event)
        watch.put(None)
    except (DockerException, OSError, ValueError, AttributeError) as error:
        watch.put(error)


def _close(stream: Any) -> None:
    with suppress(DockerException, OSError, ValueError):
        stream.close()


def label_texts(labels: dict[str, str]) -> list[str]:
    return [f"{key}={value}" for key, value in labels.items()]


def health_output(inspected: JsonObject) -> list[str]:
    """What the last two runs of the image's HEALTHCHECK printed."""
    log = ((inspected["State"].get("Health") or {}).get("Log") or [])[-2:]
    return [
        f"health check exit {entry['ExitCode']}: {entry['Output'].strip()[:200]}" for entry in log
    ]


def last_logs(api: docker.APIClient, container: str, lines: int = 20) -> list[str]:
    """The last lines that the container wrote; none where the engine has none."""
    try:
        text = api.logs(container, tail=lines).decode(errors="replace")
    except DockerException:
        return []
    return text.splitlines()
