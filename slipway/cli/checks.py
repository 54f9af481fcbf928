"""What `slipway doctor` looks at: each check asks one thing, and ends within seconds."""

import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Sequence
from enum import StrEnum
from pathlib import Path

import httpx

from slipway.dsse import public_keys
from slipway.errors import SlipwayError, Unreachable
from slipway.release import Frozen
from slipway.settings import RuntimeSettings
from slipway.signers import read_signers

SECONDS = 3
PYTHON = (3, 11)


class State(StrEnum):
    """How a check ended; `absent` hurts only some commands."""

    GOOD = "ok"
    ABSENT = "absent"
    BAD = "bad"


class Check(Frozen):
    """One line of the doctor."""

    name: str
    state: State
    found: str
    next_step: str | None = None


Question = Callable[[], str]


def ask(name: str, question: Question, *, needed: bool = True) -> Check:
    """Ask; an error of ours becomes the finding."""
    try:
        return Check(name=name, state=State.GOOD, found=question())
    except SlipwayError as error:
        state = State.BAD if needed else State.ABSENT
        return Check(name=name, state=state, found=str(error), next_step=error.next_step)


def all_checks(settings: RuntimeSettings, cluster: Sequence[Check] | None = None) -> list[Check]:
    """Every check, those that each command needs first.

    Args:
        cluster: its lines, where one is used; then only some apps need a Docker engine.
    """
    on_engine = cluster is None
    return [
        ask("python", python),
        ask("ledger", lambda: ledger(settings.ledger_folder)),
        *(cluster or ()),
        ask("docker engine", lambda: engine(settings.docker_host), needed=on_engine),
        ask("proxy image", lambda: proxy_image(settings.docker_host), needed=on_engine),
        ask("registry", registry, needed=False),
        ask("prefect server", prefect, needed=False),
        ask("allowed signers", lambda: signers(settings.allowed_signers_file), needed=False),
        ask("trusted keys", lambda: keys(settings.trusted_keys_folder), needed=False),
        ask("ssh-keygen", lambda: program("ssh-keygen", "openssh-client"), needed=False),
        ask("git", lambda: program("git", "git"), needed=False),
        ask("trivy", trivy, needed=False),
    ]


def python() -> str:
    """Raises Unreachable where Python is older than Slipway needs."""
    found = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info < PYTHON:
        raise Unreachable("Python is too old", found=found, allowed="3.11 or newer")
    return found


def ledger(folder: Path) -> str:
    """Whether records could be created there: it takes files and hard links."""
    existing = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    try:
        with tempfile.TemporaryDirectory(prefix=".doctor-", dir=existing) as scratch:
            (Path(scratch) / "one").touch()
            os.link(Path(scratch) / "one", Path(scratch) / "two")
    except OSError as error:
        raise Unreachable(
            f"no record could be written to {folder}",
            found=error.strerror,
            next_step="free space or mend access, or name another folder in SLIPWAY_LEDGER",
        ) from error
    return str(folder) if folder.exists() else f"{folder}, made by the first release"


def engine(host: str | None) -> str:
    """Raises Unreachable where no engine answers."""
    from blocks.engines import connect_engine

    client = connect_engine(host, seconds=SECONDS)
    try:
        return f"{client.version()['Version']} at {client.api.base_url}"
    finally:
        client.close()


def proxy_image(host: str | None) -> str:
    """Whether the image of the front proxy is on the engine."""
    from blocks.engines import connect_engine, engine_errors
    from blocks.platforms.docker import DockerPlatform

    name = DockerPlatform().proxy_image
    client = connect_engine(host, seconds=SECONDS)
    try:
        with engine_errors(f"image {name}"):
            client.images.get(name)
    except SlipwayError as error:
        raise Unreachable(f"image {name} is not on the engine", next_step="slipway up") from error
    finally:
        client.close()
    return name


def registry() -> str:
    """Whether the registry of this installation speaks the distribution protocol."""
    host = os.environ.get("SLIPWAY_REGISTRY")
    if not host:
        return "named by each candidate"
    from blocks.registries.hosts import base_url

    status = _status(f"{base_url(host, insecure=False)}/v2/", f"registry {host}", "slipway up")
    return f"{host} answers {status}"


def prefect() -> str:
    """Whether the Prefect server answers."""
    url = os.environ.get("PREFECT_API_URL")
    if not url:
        raise Unreachable("no server is named in PREFECT_API_URL", next_step="slipway up")
    _status(f"{url}/health", f"Prefect server {url}", "slipway up")
    return url


def _status(url: str, what: str, next_step: str) -> int:
    try:
        answer = httpx.get(url, timeout=SECONDS)
    except httpx.HTTPError as error:
        found = type(error).__name__
        raise Unreachable(f"{what} does not answer", found=found, next_step=next_step) from None
    return answer.status_code


def signers(path: Path) -> str:
    """Who may open gates."""
    found = read_signers(path)
    return f"{len(found)} keys in {path}"


def keys(folder: Path) -> str:
    """Whose attestations count."""
    found = public_keys(folder)
    if not found:
        raise Unreachable(
            f"no public key in {folder}",
            next_step="put the builder's public key there; else every candidate is refused",
        )
    return f"{len(found)} in {folder}"


def program(name: str, package: str) -> str:
    """Where it is on PATH."""
    found = shutil.which(name)
    if found is None:
        raise Unreachable(f"{name} is not on PATH", next_step=f"install {package}")
    return found


def trivy() -> str:
    """The scanner; only whoever builds needs it."""
    named = os.environ.get("SLIPWAY_BUILD_TRIVY") or os.environ.get("SLIPWAY_TRIVY")
    if named and Path(named).exists():
        return named
    return program("trivy", "trivy, or run slipway up")


def is_healthy(checks: Sequence[Check]) -> bool:
    """Whether everything that a deploy and a rollback need is there."""
    return all(check.state is not State.BAD for check in checks)
