"""A running Docker engine: the one that is there, else the distribution's, started by us."""

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Mapping
from itertools import pairwise
from pathlib import Path

import docker
from docker.errors import DockerException

from slipway.cli.stack.processes import Processes, wait_until
from slipway.errors import Unreachable

DEFAULT_SOCKET = Path("/var/run/docker.sock")
PROCESS_NAME = "engine"
_INSTALL = ["apt-get", "install", "--yes", "--no-install-recommends", "docker.io"]

Say = Callable[[str], None]


def engine_addresses(environment: Mapping[str, str], home: Path) -> list[str]:
    """Where an engine may listen; DOCKER_HOST alone when it is set."""
    if host := environment.get("DOCKER_HOST"):
        return [host]
    sockets = [DEFAULT_SOCKET, home / ".docker" / "run" / "docker.sock"]
    if runtime := environment.get("XDG_RUNTIME_DIR"):
        sockets.append(Path(runtime) / "docker.sock")
    return [f"unix://{socket}" for socket in sockets]


def connect(address: str, timeout: int = 60) -> docker.DockerClient | None:
    """A client for the engine at that address, or None when nothing answers there."""
    try:
        client = docker.DockerClient(base_url=address, timeout=timeout)
    except DockerException:
        return None
    try:
        client.ping()
    except (DockerException, OSError):
        client.close()
        return None
    return client


def find_engine() -> docker.DockerClient | None:
    """The first engine that answers."""
    for address in engine_addresses(os.environ, Path.home()):
        if client := connect(address):
            return client
    return None


def ensure_engine(processes: Processes, deadline: float, say: Say) -> docker.DockerClient:
    """The running engine, started (and installed) when there is none and we may.

    Raises:
        Unreachable: there is none, and the message says which command would start one.
        DeadlineExceeded: it was started and does not answer; its log is the evidence.
    """
    found = find_engine()
    if found:
        return found
    refuse_unless_startable(os.environ, os.geteuid(), Path("/etc/debian_version").exists())
    if not shutil.which("dockerd"):
        install_engine(say)
    # where a service manager runs, the package has started it
    return find_engine() or start_engine(processes, deadline, say)


def refuse_unless_startable(environment: Mapping[str, str], user: int, is_debian: bool) -> None:
    """Whether Slipway may start an engine here; a refusal names the command that would.

    Raises:
        Unreachable: DOCKER_HOST names one that does not answer, or this is not root on a
            Debian or Ubuntu machine.
    """
    if host := environment.get("DOCKER_HOST"):
        raise Unreachable(
            "the Docker engine named by DOCKER_HOST does not answer",
            found=host,
            next_step="start it, or unset DOCKER_HOST",
        )
    if is_debian and user == 0:
        return
    install = f"sudo {' '.join(_INSTALL)}" if is_debian else "install Docker (docs.docker.com)"
    raise Unreachable(
        "no Docker engine is running",
        found=f"nothing answers at {DEFAULT_SOCKET}",
        next_step=f"{install}, start it, then `slipway up`",
    )


def install_engine(say: Say) -> None:
    """Install docker.io from the distribution's packages."""
    say("no Docker engine found: installing docker.io from the distribution's packages")
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for argv in (["apt-get", "update"], _INSTALL):
        done = subprocess.run(argv, check=False, capture_output=True, text=True, env=environment)
        if done.returncode != 0:
            raise Unreachable(
                f"`{' '.join(argv)}` failed",
                evidence=(done.stderr or done.stdout).splitlines()[-5:],
                next_step="install a Docker engine by hand, then `slipway up`",
            )


def start_engine(
    processes: Processes, deadline: float, say: Say, extra: tuple[str, ...] = ()
) -> docker.DockerClient:
    """Start dockerd as a process of ours, or as a service where systemd runs."""
    if Path("/run/systemd/system").exists() and not extra:
        say("starting the Docker engine (systemctl start docker)")
        subprocess.run(["systemctl", "start", "docker"], check=False, capture_output=True)
        record = None
    else:
        argv = dockerd_argv(_read("/proc/filesystems"), _read("/etc/docker/daemon.json"), extra)
        say(f"starting the Docker engine ({' '.join(argv)})")
        record = processes.start(PROCESS_NAME, argv, _engine_environment(), mark=False)
    address = _socket_in(extra)
    answering: list[docker.DockerClient] = []

    def is_ready() -> bool:
        answering.extend(filter(None, [connect(address)]))
        return bool(answering)

    wait_until(is_ready, "the Docker engine", deadline, record=record)
    return answering[0]


def dockerd_argv(filesystems: str, daemon_json: str, extra: tuple[str, ...] = ()) -> list[str]:
    """How to start dockerd.

    overlay2 is asked for where the kernel has it, as the engine's own guess fails on some
    kernels; not when the configuration file chooses, since the engine refuses both.
    """
    configured = json.loads(daemon_json or "{}")
    argv = ["dockerd", *extra]
    if "storage-driver" not in configured and "overlay" in filesystems.split():
        argv += ["--storage-driver", "overlay2"]
    return argv


def stop_engine(processes: Processes, client: docker.DockerClient | None, say: Say) -> bool:
    """Stop the engine if `up` started it and no container runs on it; whether it was stopped."""
    if not processes.is_running(PROCESS_NAME):
        return False
    others = client.containers.list() if client else []
    if others:
        names = ", ".join(str(container.name) for container in others[:5])
        say(f"leaving the Docker engine running: it runs {names}")
        return False
    if client:
        client.close()
    say("stopping the Docker engine")
    return processes.stop(PROCESS_NAME)


def _engine_environment() -> dict[str, str]:
    kept = ("PATH", "HOME", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "SSL_CERT_FILE")
    return {name: os.environ[name] for name in kept if name in os.environ}


def _socket_in(extra: tuple[str, ...]) -> str:
    hosts = [value for flag, value in pairwise(extra) if flag == "--host"]
    return hosts[0] if hosts else f"unix://{DEFAULT_SOCKET}"


def _read(path: str) -> str:
    file = Path(path)
    return file.read_text() if file.exists() else ""
