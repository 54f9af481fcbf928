"""The local stack as a whole: up, down, status. Each is idempotent; one runs at a time."""

import fcntl
import shutil
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass

import docker

from slipway.cli.stack.apps import remove_apps, serving
from slipway.cli.stack.engine import ensure_engine, find_engine, stop_engine
from slipway.cli.stack.environment import (
    build_environment,
    runtime_environment,
    signing_key_file,
)
from slipway.cli.stack.images import ImageStore, push_image
from slipway.cli.stack.keys import ensure_key_pair
from slipway.cli.stack.prefect import KEEPER, SERVER, WORKER, Prefect
from slipway.cli.stack.processes import Processes
from slipway.cli.stack.registry import Registry, find_container
from slipway.cli.stack.settings import StackSettings
from slipway.cli.stack.trivy import trivy_environment
from slipway.cli.stack.variables import write_environment

PUSHED_BASES = ("python", "nginx")

Say = Callable[[str], None]


@dataclass(frozen=True)
class Service:
    """One line of `status`."""

    name: str
    is_ready: bool
    address: str


def processes_of(settings: StackSettings) -> Processes:
    """The records of this stack's processes."""
    return Processes(settings.state / "processes", settings.logs)


def up(settings: StackSettings | None = None, say: Say = print) -> list[Service]:
    """Start what is not running and wait until each service is ready.

    Returns:
        The services, all ready.

    Raises:
        Unreachable: no engine, images or package index; the message names the next step.
        DeadlineExceeded: a service did not become ready; its log is the evidence.
    """
    settings = settings or StackSettings()
    processes = processes_of(settings)
    with _alone(settings), closing(ensure_engine(processes, settings.deadline, say)) as engine:
        prefect = Prefect(settings, processes, say)
        # The slowest part starts first and is waited for last.
        server = prefect.start_server()
        environment = runtime_environment(settings)
        worker = prefect.start_worker(environment)
        with prefect.registering(environment):
            bases = _up_registry(settings, engine, say)
            _prepare_build(settings, bases, say)
            prefect.wait_for_server(server)
            say(f"Prefect server ready at {settings.prefect_url}")
        prefect.start_keeper(environment)
        prefect.wait_for_worker(worker)
        say(f"worker ready in pool {settings.pool}")
        return _services(settings, engine, processes)


def down(
    settings: StackSettings | None = None,
    say: Say = print,
    *,
    apps: bool = False,
    purge: bool = False,
) -> None:
    """Stop all that `up` started; data, ledger and secrets stay.

    Args:
        apps: also remove the apps that were released by this stack; else they go on serving.
        purge: also remove the stack's folder, with its ledger and all images in the registry.
    """
    settings = settings or StackSettings()
    if not settings.state.exists():
        say("nothing to stop")
        return
    with _alone(settings):
        processes = processes_of(settings)
        for name in (KEEPER, WORKER, SERVER):
            if processes.stop(name):
                say(f"stopped {name}")
        processes.stop_orphans()
        shutil.rmtree(settings.state / "tmp", ignore_errors=True)
        with _found_engine() as engine:
            if engine:
                _clear_engine(settings, engine, say, apps=apps)
            stop_engine(processes, engine, say)
    if purge:
        shutil.rmtree(settings.state)
        say(f"removed {settings.state}")


def status(settings: StackSettings | None = None) -> list[Service]:
    """Each service as it is now; asks only, starts nothing."""
    settings = settings or StackSettings()
    with _found_engine() as engine:
        return _services(settings, engine, processes_of(settings))


def _up_registry(settings: StackSettings, engine: docker.DockerClient, say: Say) -> dict[str, str]:
    store = ImageStore(engine, settings.cache, say)
    registry = Registry(settings)
    registry.up(engine, store.ensure_image("registry"))
    say(f"registry ready at {settings.registry}")
    store.ensure_image("proxy")
    bases = {}
    for name in PUSHED_BASES:
        image = store.ensure_image(name)
        target = f"{settings.registry}/{image.reference}"
        login = registry.credentials("pusher")
        bases[name] = push_image(engine, image.reference, target, login)
    return bases


def _prepare_build(settings: StackSettings, bases: dict[str, str], say: Say) -> None:
    trivy = trivy_environment(settings.cache, say)
    ensure_key_pair(signing_key_file(settings), settings.state / "trusted-keys")
    write_environment(settings.build_environment, build_environment(settings, trivy, bases))
    write_environment(settings.runtime_environment, runtime_environment(settings))


def _clear_engine(
    settings: StackSettings, engine: docker.DockerClient, say: Say, *, apps: bool
) -> None:
    if Registry(settings).down(engine):
        say("removed the registry's container")
    ledger = settings.state / "ledger"
    if apps:
        for app, environment in remove_apps(engine, ledger):
            say(f"removed {app} in {environment}")
    elif left := serving(engine, ledger):
        names = ", ".join(f"{app}/{environment}" for app, environment in left)
        say(f"still serving: {names} (`slipway down --apps` removes them)")


def _services(
    settings: StackSettings, engine: docker.DockerClient | None, processes: Processes
) -> list[Service]:
    registry, prefect = Registry(settings), Prefect(settings, processes, print)
    container = find_container(engine, registry.container_name) if engine else None
    services = [
        Service("docker engine", engine is not None, _version(engine)),
        Service("registry", bool(container) and registry.is_ready(), settings.registry),
        Service(
            "prefect server",
            processes.is_running(SERVER) and prefect.is_server_ready(),
            settings.prefect_url,
        ),
        Service("prefect worker", processes.is_running(WORKER), f"pool {settings.pool}"),
    ]
    if processes.read(KEEPER):
        services.append(Service("keeper", processes.is_running(KEEPER), ""))
    return services


def _version(engine: docker.DockerClient | None) -> str:
    return f"version {engine.version()['Version']}" if engine else ""


@contextmanager
def _found_engine() -> Iterator[docker.DockerClient | None]:
    engine = find_engine()
    try:
        yield engine
    finally:
        if engine:
            engine.close()


@contextmanager
def _alone(settings: StackSettings) -> Iterator[None]:
    settings.state.mkdir(parents=True, exist_ok=True, mode=0o700)
    with (settings.state / "stack.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
