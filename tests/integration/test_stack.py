"""The local stack on the real engine, beside any other stack: up, again, down, nothing left."""

import shutil
import socket
import stat
import subprocess
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import docker
import httpx
import psutil
import pytest

from slipway.cli.stack import StackSettings, down, status, up
from slipway.cli.stack.apps import remove_apps
from slipway.cli.stack.engine import find_engine
from slipway.cli.stack.images import FOLDERS, ImageStore
from slipway.cli.stack.prefect import SERVER, WORKER
from slipway.cli.stack.processes import MARK
from slipway.cli.stack.registry import Registry
from slipway.cli.stack.stack import processes_of
from slipway.cli.stack.trivy import trivy_environment
from slipway.cli.stack.variables import read_environment
from slipway.errors import Unreachable
from tests.rig.ports import free_port

pytestmark = [pytest.mark.engine, pytest.mark.prefect, pytest.mark.timeout(300)]


def new_settings(folder: Path) -> StackSettings:
    return StackSettings(
        name=f"test-{uuid.uuid4().hex[:8]}",
        state=folder,
        registry_port=free_port(),
        prefect_port=free_port(),
        deploy=False,
    )


@pytest.fixture(scope="module")
def engine() -> Iterator[docker.DockerClient]:
    client = find_engine()
    if client is None:
        pytest.skip("no Docker engine answers")
    yield client
    client.close()


@dataclass(frozen=True)
class Running:
    settings: StackSettings
    before: dict[str, set[str]]


@pytest.fixture(scope="module")
def stack(
    engine: docker.DockerClient, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Running]:
    """A stack of our own that is up."""
    settings = new_settings(tmp_path_factory.mktemp("stack"))
    before = inventory(engine, settings)
    try:
        up(settings)
        yield Running(settings, before)
    finally:
        down(settings)


def inventory(engine: docker.DockerClient, settings: StackSettings) -> dict[str, set[str]]:
    """What of this stack exists on the machine."""
    marked = {str(p.pid) for p in psutil.process_iter() if is_marked(p, settings)}
    containers = engine.containers.list(all=True, ignore_removed=True)
    named = {c.name for c in containers if str(c.name).startswith(settings.name)}
    mounted = {c.id for c in containers if str(settings.state) in str(c.attrs.get("Mounts"))}
    return {
        "processes": marked,
        "containers": named | mounted,
        "networks": {n.name for n in engine.networks.list() if settings.name in str(n.name)},
        "volumes": {v.name for v in engine.volumes.list() if settings.name in str(v.name)},
    }


def is_marked(process: psutil.Process, settings: StackSettings) -> bool:
    try:
        return process.environ().get(MARK) == str(processes_of(settings).folder)
    except psutil.Error:
        return False


def listening(port: int) -> set[str]:
    """Addresses that a TCP port of this machine is open on."""
    found = psutil.net_connections(kind="tcp")
    return {c.laddr.ip for c in found if c.status == psutil.CONN_LISTEN and c.laddr.port == port}


def test_each_service_is_ready_after_up(stack: Running) -> None:
    services = status(stack.settings)
    assert [s.name for s in services][:4] == [
        "docker engine",
        "registry",
        "prefect server",
        "prefect worker",
    ]
    assert all(service.is_ready for service in services)


def test_all_listens_on_loopback_only(stack: Running) -> None:
    assert listening(stack.settings.registry_port) == {"127.0.0.1"}
    assert listening(stack.settings.prefect_port) == {"127.0.0.1"}


@pytest.mark.parametrize(
    ("host", "allowed"), [("127.0.0.1", True), ("localhost", True), ("evil.example", False)]
)
def test_only_its_own_ui_may_call_prefect_from_a_browser(
    stack: Running, host: str, allowed: bool
) -> None:
    origin = f"http://{host}:{stack.settings.prefect_port}"
    asked = {"Origin": origin, "Access-Control-Request-Method": "POST"}
    answer = httpx.options(f"{stack.settings.prefect_api}/flow_runs/filter", headers=asked)
    assert (answer.headers.get("Access-Control-Allow-Origin") == origin) is allowed


def test_up_again_changes_nothing(stack: Running, engine: docker.DockerClient) -> None:
    before = inventory(engine, stack.settings)
    started = engine.containers.get(f"{stack.settings.name}-registry").attrs["State"]["StartedAt"]
    up(stack.settings)
    assert inventory(engine, stack.settings) == before
    after = engine.containers.get(f"{stack.settings.name}-registry").attrs["State"]["StartedAt"]
    assert after == started


def test_up_brings_back_what_died(stack: Running) -> None:
    """A killed worker is replaced, the server is left as it is."""
    book = processes_of(stack.settings)
    server, worker = book.read(SERVER), book.read(WORKER)
    worker.process().kill()
    assert [s.name for s in status(stack.settings) if not s.is_ready] == ["prefect worker"]
    up(stack.settings)
    assert book.read(WORKER).pid != worker.pid
    assert book.read(SERVER) == server


def test_the_registry_wants_a_password_and_keeps_the_bases(stack: Running) -> None:
    variables = read_environment(stack.settings.build_environment)
    host, name = variables["SLIPWAY_BUILD_BASE_PYTHON"].split("/", 1)
    repository, digest = name.split("@")
    url = f"http://{host}/v2/{repository}/manifests/{digest}"
    accept = {"Accept": "application/vnd.docker.distribution.manifest.v2+json"}
    login = Registry(stack.settings).credentials("puller")
    assert httpx.get(url, headers=accept).status_code == 401
    assert httpx.get(url, headers=accept, auth=("puller", "guess")).status_code == 401
    answer = httpx.get(url, headers=accept, auth=(login["username"], login["password"]))
    assert answer.headers["Docker-Content-Digest"] == digest


def test_secrets_are_private_files_and_nowhere_else(stack: Running) -> None:
    """R10: not in the environment files, an argv, a log, or the container's settings."""
    settings = stack.settings
    files = [p for p in settings.secrets.iterdir() if p.suffix != ".pem"]
    assert {p.name for p in files} == {
        "registry-pusher",
        "registry-puller",
        "prefect-encryption-key",
    }
    assert {stat.S_IMODE(p.stat().st_mode) for p in files} == {0o600}
    open_places = [settings.runtime_environment, settings.build_environment]
    open_places += [*settings.logs.iterdir(), *processes_of(settings).folder.iterdir()]
    text = "".join(p.read_text(errors="replace") for p in open_places)
    text += " ".join(" ".join(p.info["cmdline"] or []) for p in psutil.process_iter(["cmdline"]))
    assert not [p.name for p in files if p.read_text() in text]


def test_a_taken_port_is_named_and_nothing_is_left(
    engine: docker.DockerClient, tmp_path: Path
) -> None:
    settings = new_settings(tmp_path)
    image = ImageStore(engine, settings.cache).ensure_image("registry")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", settings.registry_port))
        taken.listen()
        with pytest.raises(Unreachable, match=str(settings.registry_port)) as failure:
            Registry(settings).up(engine, image)
    assert "SLIPWAY_STACK_REGISTRY_PORT" in str(failure.value.next_step)
    assert not inventory(engine, settings)["containers"]


@pytest.mark.parametrize(
    ("name", "argv", "expected"),
    [
        (
            "python",
            ["python3", "-c", "import ssl, sqlite3, ctypes; print(ssl.OPENSSL_VERSION)"],
            "OpenSSL 3",
        ),
        ("nginx", ["nginx", "-v"], "nginx version"),
        ("proxy", ["haproxy", "-v"], "HAProxy version"),
        ("proxy", ["socat", "-V"], "socat version"),
    ],
)
def test_base_images_work_locked_down(
    engine: docker.DockerClient, tmp_path: Path, name: str, argv: list[str], expected: str
) -> None:
    """As nobody, on a read-only root, without capabilities and network."""
    image = ImageStore(engine, new_settings(tmp_path).cache).ensure_image(name)
    output = engine.containers.run(
        image.reference,
        entrypoint=argv,
        remove=True,
        stderr=True,
        read_only=True,
        cap_drop=["ALL"],
        security_opt=["no-new-privileges"],
        network_mode="none",
    )
    assert expected in output.decode()


@pytest.mark.parametrize("program", ["/bin/sh", "/usr/bin/apt-get", "/usr/bin/dpkg"])
def test_the_python_base_has_no_shell_and_no_package_manager(
    engine: docker.DockerClient, tmp_path: Path, program: str
) -> None:
    image = ImageStore(engine, new_settings(tmp_path).cache).ensure_image("python")
    script = f"import os; print(os.getuid(), os.path.exists({program!r}))"
    output = engine.containers.run(
        image.reference, ["python3", "-c", script], remove=True, network_mode="none"
    )
    assert output.split() == [b"65532", b"False"]


def test_an_image_is_derived_from_a_registry_where_one_answers(
    engine: docker.DockerClient, tmp_path: Path
) -> None:
    """The public way, with our own registry's image standing in for the public one."""
    name = f"test-{uuid.uuid4().hex[:8]}/python"
    folder = tmp_path / "python"
    shutil.copytree(FOLDERS["python"], folder)
    definition = folder / "image.toml"
    definition.write_text(definition.read_text().replace('"slipway/python"', f'"{name}"'))
    base = ImageStore(engine, new_settings(tmp_path).cache).ensure_image("python")
    said: list[str] = []
    store = ImageStore(engine, tmp_path, said.append, {"python": folder}, {"BASE": base.reference})
    try:
        image = store.ensure_image("python")
        assert image.origin == "gcr.io"
        assert said == [f"building {name}:3.11 from the public image at gcr.io"]
        assert not store.ensure_image("python").is_new
        assert engine.images.get(image.reference).attrs["Config"]["User"] == "65532:65532"
    finally:
        engine.images.remove(f"{name}:3.11", force=True)


def test_trivy_finds_what_the_demo_database_lists(tmp_path: Path, stack: Running) -> None:
    """The real scanner takes our database for one of its own format."""
    trivy = trivy_environment(stack.settings.cache)
    if not trivy.database_label:
        pytest.skip("the public advisory database is reachable here, so it is used")
    (tmp_path / "requirements.txt").write_text("flask==2.2.2\nh11==0.16.0\n")
    argv = [trivy.binary, "fs", "--cache-dir", trivy.cache_dir, "--skip-db-update"]
    argv += ["--offline-scan", "--skip-check-update", "--skip-version-check"]
    argv += ["--scanners", "vuln", "--quiet", "--format", "json", tmp_path]
    done = subprocess.run([str(word) for word in argv], capture_output=True, text=True, check=True)
    assert "CVE-2023-30861" in done.stdout
    assert "CVE-2025-43859" not in done.stdout


def test_apps_of_another_ledger_are_left_alone(engine: docker.DockerClient, tmp_path: Path) -> None:
    """`down --apps` removes what this ledger knows, by app and environment."""
    mark = uuid.uuid4().hex[:8]
    image = ImageStore(engine, new_settings(tmp_path).cache).ensure_image("python").reference
    containers, volumes = {}, {}
    for app in (f"ours-{mark}", f"theirs-{mark}"):
        labels = {"slipway.app": app, "slipway.environment": "dev"}
        containers[app] = engine.containers.create(image, ["python3"], name=app, labels=labels)
        volumes[app] = engine.volumes.create(app, labels=labels)
    ours, theirs = containers
    (tmp_path / "ledger" / ours / "dev" / "records").mkdir(parents=True)
    try:
        assert remove_apps(engine, tmp_path / "ledger") == [(ours, "dev")]
        left = {c.name for c in engine.containers.list(all=True, ignore_removed=True)}
        assert ours not in left
        assert theirs in left
        names = {volume.name for volume in engine.volumes.list()}
        assert ours not in names
        assert theirs in names
    finally:
        containers[theirs].remove(force=True)
        volumes[theirs].remove()


def test_down_leaves_nothing_behind(stack: Running, engine: docker.DockerClient) -> None:
    """Not even what outlived a killed worker; data stays until it is purged."""
    book = processes_of(stack.settings)
    orphan = book.start("orphan", ["sleep", "300"], {"PATH": "/usr/bin:/bin"})
    (book.folder / "orphan.json").unlink()
    down(stack.settings)
    assert inventory(engine, stack.settings) == stack.before
    assert orphan.process() is None
    assert not listening(stack.settings.registry_port) | listening(stack.settings.prefect_port)
    assert (stack.settings.state / "registry" / "data").is_dir()
    down(stack.settings, purge=True)
    assert not stack.settings.state.exists()
    down(stack.settings)
