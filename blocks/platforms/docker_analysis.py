"""Measuring the release that serves: through the probe listener, where no fallback hides it."""

from contextlib import ExitStack
from functools import partial

import docker
from docker.errors import DockerException

from blocks.analysis import run
from blocks.analysis.tunnels import Tunnels, Wire
from blocks.platforms import docker_names as names
from blocks.platforms.docker_exec import conversation
from blocks.platforms.docker_proxy import PROBE
from slipway.canonical import JsonObject
from slipway.platform import StepContext
from slipway.release import ReleaseSpec

SECONDS = 5.0
# What a wire's other end is: the listener inside of the proxy's container.
ARGV = ("socat", "-t", "5", "-", f"TCP:{PROBE},connect-timeout=2")


def analyse(api: docker.APIClient, spec: ReleaseSpec, context: StepContext) -> JsonObject:
    """See blocks.analysis.run.analyse; nothing where the release names no checks."""
    if spec.analysis is None:
        return {}
    dial = partial(_dial, api, names.proxy_name(spec.target))
    return run.analyse(
        spec.analysis,
        f"http://{PROBE}",
        context,
        run.names_of(spec),
        lambda: Tunnels(dial, lambda: [PROBE]),
    )


def _dial(api: docker.APIClient, proxy: str, _host: str) -> Wire:
    try:
        return _ExecWire(api, proxy)
    except DockerException as error:
        raise ConnectionError(f"{type(error).__name__} from the engine") from None


class _ExecWire:
    """A connection that a program in the proxy's container makes for us."""

    def __init__(self, api: docker.APIClient, proxy: str) -> None:
        self._open = ExitStack()
        self._program = self._open.enter_context(conversation(api, proxy, ARGV, SECONDS))

    def fileno(self) -> int:
        return self._program.fileno()

    def settimeout(self, seconds: float | None) -> None:
        self._program.settimeout(seconds)

    def recv(self, size: int) -> bytes:
        return self._program.read(size) or b""

    def sendall(self, data: bytes) -> None:
        self._program.send(data)

    def close(self) -> None:
        self._open.close()
