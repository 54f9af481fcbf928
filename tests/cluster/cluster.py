"""Brings a cluster up and down. All that is on record about one lies in its folder."""

import json
import os
import shutil
import ssl
import subprocess
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import httpx

from slipway.cli.stack.images import image_archive
from slipway.cli.stack.processes import tail
from slipway.cli.stack.rootfs import Rootfs
from slipway.errors import BadInput, DeadlineExceeded
from tests.cluster import config, host
from tests.cluster.binaries import Say, ensure_binaries
from tests.cluster.config import Binaries
from tests.cluster.layout import NODE, Layout
from tests.cluster.pki import write_pki

FIRST = ("etcd", "containerd", "kube-apiserver")
THEN = ("kube-controller-manager", "kube-scheduler", "kubelet", "kube-proxy", "coredns")
LONGEST_FOLDER = 70  # a socket's path ends at 107 characters
DEADLINE = 120.0


def up(folder: Path, say: Say) -> Layout:
    """The cluster of that folder: the one that runs there, else a new one, its node ready.

    Raises:
        BadInput: the folder's path cannot be used.
        SlipwayError: it did not come up; nothing of it is left.
    """
    refuse_unless_usable(folder)
    known = running(folder)
    if known:
        return known
    binaries = ensure_binaries(say)
    down(folder)
    folder.mkdir(parents=True)
    try:
        return _bring_up(folder, binaries)
    except BaseException:
        down(folder)
        raise


def refuse_unless_usable(folder: Path) -> None:
    """
    Raises:
        BadInput: the path is too long for a socket in it, or hidden by the cluster's own mounts.
    """
    hidden = [own for own in ("/run", "/var/lib", "/var/log") if folder.is_relative_to(own)]
    if len(str(folder)) > LONGEST_FOLDER or hidden or not folder.is_absolute():
        raise BadInput(
            "a cluster cannot live in this folder",
            found=str(folder),
            allowed=f"an absolute path of up to {LONGEST_FOLDER} characters, "
            "not below /run, /var/lib or /var/log",
        )


def running(folder: Path) -> Layout | None:
    """The cluster of that folder, if its first process lives and it came up wholly."""
    record = host.processes(folder).read("node")
    alive = bool(record and record.process())
    return read_layout(folder) if alive and (folder / "ready").exists() else None


def read_layout(folder: Path) -> Layout | None:
    """What is on record, whether it runs or not."""
    path = folder / "slot"
    return Layout(folder, int(path.read_text())) if path.exists() else None


def _bring_up(folder: Path, binaries: Binaries) -> Layout:
    record = host.start_node(folder, dict(os.environ))
    layout = host.claim_slot(folder, record.pid)
    (folder / "slot").write_text(str(layout.slot))
    for argv in host.network_argvs(layout, record.pid):
        host.run(argv)
    host.make_cgroups(layout)
    write_pki(layout)
    config.write_files(layout, binaries, os.environ)
    want(layout, FIRST, "running")
    import_pause(layout, binaries)
    with client(layout) as api:
        await_answer(layout, "the API server", lambda: answers(api, "/readyz"))
        want(layout, THEN, "running")
        for path, document in config.dns_objects(layout):
            await_answer(layout, path, lambda: created(api, path, document))  # noqa: B023 - called here
        await_answer(layout, "the node", lambda: node_is_ready(api))
        account = "/api/v1/namespaces/default/serviceaccounts/default"
        await_answer(layout, "the service account", lambda: answers(api, account))
    (folder / "ready").write_text("")
    return layout


def want(layout: Layout, names: Iterable[str], state: str) -> None:
    """Ask the first process for `running`, `paused` or `stopped`."""
    for name in names:
        path = layout.folder / "wanted" / name
        new = path.with_name(f".{name}")
        new.write_text(state)
        new.replace(path)


def state_of(layout: Layout, name: str) -> tuple[str, int]:
    """What a daemon is, and how often it was started."""
    path = layout.folder / "state" / name
    word, _, starts = (path.read_text() if path.exists() else "stopped 0").partition(" ")
    return word, int(starts)


def client(layout: Layout) -> httpx.Client:
    """The API server, as administrator."""
    context = ssl.create_default_context(cafile=str(layout.pki / "ca.crt"))
    context.load_cert_chain(layout.pki / "admin.crt", layout.pki / "admin.key")
    return httpx.Client(base_url=layout.server, verify=context, timeout=10, trust_env=False)


def answers(api: httpx.Client, path: str) -> bool:
    try:
        return api.get(path).status_code == 200
    except httpx.HTTPError:
        return False


def created(api: httpx.Client, path: str, document: dict[str, object]) -> bool:
    """Whether the object is there; a namespace or a range of addresses may come a little later."""
    return api.post(path, json=document).status_code in (201, 409)


def node_is_ready(api: httpx.Client) -> bool:
    answer = api.get(f"/api/v1/nodes/{NODE}")
    if answer.status_code != 200:
        return False
    conditions = answer.json()["status"].get("conditions", [])
    return any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)


def await_answer(layout: Layout, what: str, is_ready: Callable[[], bool]) -> None:
    """
    Raises:
        DeadlineExceeded: not in time, with the last lines of the daemons that were started anew.
    """
    until = time.monotonic() + DEADLINE
    while not is_ready():
        if time.monotonic() > until:
            raise DeadlineExceeded(f"{what} is not ready", evidence=restarted(layout))
        time.sleep(0.05)


def restarted(layout: Layout) -> list[str]:
    """Last lines of every daemon that did not stay up."""
    fallen = [name for name in (*FIRST, *THEN) if state_of(layout, name)[1] > 1]
    return [
        f"{name}: {line}"
        for name in fallen
        for line in tail(layout.folder / "logs" / f"{name}.log", 3)
    ]


def pause_archive(program: Path) -> bytes:
    """The image that holds a pod's namespaces, for import: one file."""
    rootfs = Rootfs()
    rootfs.add_file("pause", program.read_bytes(), mode=0o755)
    settings = {"Entrypoint": ["/pause"], "User": "65535:65535"}
    return image_archive(config.PAUSE_IMAGE, rootfs.layer(), settings, created=0)


def ctr_argv(layout: Layout, binaries: Binaries, *arguments: str) -> list[str]:
    return [str(binaries.ctr), f"--address={layout.socket}", "--namespace=k8s.io", *arguments]


def import_pause(layout: Layout, binaries: Binaries) -> None:
    archive = layout.folder / "pause.tar"
    archive.write_bytes(pause_archive(binaries.pause))
    environment = binaries.environment(os.environ)

    def is_imported() -> bool:
        argv = ctr_argv(layout, binaries, "images", "import", str(archive))
        done = subprocess.run(argv, check=False, capture_output=True, env=environment)
        return done.returncode == 0

    await_answer(layout, "containerd", is_imported)
    archive.unlink()


def down(folder: Path) -> int:
    """Stop the cluster of that folder and remove it; how many processes were stopped.

    Needs nothing from whoever brought it up, and works as well on half of one.
    """
    if not folder.exists():
        return 0
    ended = host.end_node(folder)
    layout = read_layout(folder)
    if layout:
        host.remove_link(layout)
        host.remove_cgroups(layout)
    shutil.rmtree(folder)
    return ended


def status(folder: Path) -> dict[str, str]:
    """State of each daemon by its name; empty when nothing runs there."""
    layout = running(folder)
    return {name: state_of(layout, name)[0] for name in (*FIRST, *THEN)} if layout else {}


def describe(layout: Layout) -> str:
    """One JSON line for scripts."""
    return json.dumps({"kubeconfig": str(layout.kubeconfig), "host": layout.host_address})
