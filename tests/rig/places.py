"""Where a secret could get out: everything that a release leaves or shows, as named bytes.

Each function yields (place, data); the word before the first colon of a place is its kind.
"""

import json
import sqlite3
import threading
from collections.abc import Iterable, Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any, Self

import docker
import httpx
from docker.errors import APIError

from tests.rig.canaries import Place

LISTED = (
    *("flow_runs", "task_runs", "artifacts", "logs", "deployments", "flows", "variables"),
    *("block_documents", "block_types", "block_schemas", "automations", "work_pools"),
)
PAGE = 200
PROCESS_SECONDS = 1 / 20
CONTAINER_SECONDS = 0.5


def files(kind: str, root: Path, left_out: Iterable[Path] = ()) -> Iterator[Place]:
    """Every file below a folder, by its bytes and its name."""
    skipped = set(left_out)
    for path in sorted(root.rglob("*")):
        if skipped & {path, *path.parents}:
            continue
        name = f"{kind}: {path.relative_to(root)}"
        yield f"{name} (name)", str(path).encode()
        if path.is_symlink() or not path.is_file():
            continue
        with suppress(FileNotFoundError):
            yield name, path.read_bytes()


def sqlite(path: Path) -> Iterator[Place]:
    """Every row of every table."""
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
        tables = database.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
        for (table,) in tables:
            rows = database.execute(f'SELECT * FROM "{table}"')  # noqa: S608 - the database's own
            for number, row in enumerate(rows):
                yield f"sqlite: {table} {number}", as_bytes(row)


def as_bytes(row: Iterable[Any]) -> bytes:
    """The cells of a row, one a line."""
    cells = (cell if isinstance(cell, bytes) else str(cell).encode() for cell in row)
    return b"\n".join(cells)


def prefect_api(url: str) -> Iterator[Place]:
    """What anybody can read there without asking for secrets."""
    with httpx.Client(base_url=url, timeout=60) as api:
        for kind in LISTED:
            yield from _listed(api, kind)
        for kind in ("flow_run", "task_run"):
            for run in _pages(api, f"{kind}s"):
                answer = api.get(f"/{kind}_states/", params={f"{kind}_id": run["id"]})
                yield f"api: {kind}_states {run['name']}", answer.raise_for_status().content
        everything = {"prefix": "", "limit": PAGE}
        for run in _pages(api, "flow_runs"):
            answer = api.post(f"/flow_runs/{run['id']}/input/filter", json=everything)
            yield f"api: input of {run['name']}", answer.raise_for_status().content
        yield from _events(api)


def _listed(api: httpx.Client, kind: str) -> Iterator[Place]:
    for number, one in enumerate(_pages(api, kind)):
        yield f"api: {kind} {number}", json.dumps(one, ensure_ascii=False).encode()


def _pages(api: httpx.Client, kind: str) -> Iterator[dict[str, Any]]:
    offset = 0
    while True:
        answer = api.post(f"/{kind}/filter", json={"limit": PAGE, "offset": offset})
        page = answer.raise_for_status().json()
        yield from page
        if len(page) < PAGE:
            return
        offset += PAGE


def _events(api: httpx.Client) -> Iterator[Place]:
    page = api.post("/events/filter", json={"limit": 50}).raise_for_status().json()
    while True:
        yield "api: events", json.dumps(page["events"]).encode()
        if not page["next_page"]:
            return
        page = api.get(page["next_page"]).raise_for_status().json()


def images(engine: docker.DockerClient, since: float, words: Iterable[str]) -> Iterator[Place]:
    """`docker history --no-trunc` and `docker inspect` of images made since then or named so.

    The engine's cache may give an image that a build made long ago.
    """
    for summary in engine.api.images(all=True):
        tags = summary["RepoTags"] or []
        is_named = any(word in tag for tag in tags for word in words)
        if summary["Created"] < int(since) and not is_named:
            continue
        name = (tags or [summary["Id"][:19]])[0]
        with suppress(APIError):  # another test may have removed it meanwhile
            found = engine.api.inspect_image(summary["Id"])
            yield f"inspect: image {name}", json.dumps(found).encode()
            yield f"history: {name}", json.dumps(engine.api.history(summary["Id"])).encode()


def containers(engine: docker.DockerClient, word: str) -> Iterator[Place]:
    """The files that containers named so wrote, and the volumes mounted in them."""
    for container in engine.containers.list(all=True, ignore_removed=True):
        if word not in container.name:
            continue
        changed = [change["Path"] for change in container.diff() or [] if change["Kind"] != 2]
        leaves = [path for path in changed if not any(p.startswith(f"{path}/") for p in changed)]
        mounted = [mount["Destination"] for mount in container.attrs["Mounts"]]
        for path in [*leaves, *mounted]:
            with suppress(APIError):  # a file of a moment, or a device
                stream, _ = container.get_archive(path)
                yield f"container: {container.name}{path}", b"".join(stream)


class Watch:
    """Looks at all processes 20 times a second, and at each new container, until it is left."""

    def __init__(self, engine: docker.DockerClient) -> None:
        self._engine = engine
        self._ended = threading.Event()
        self._threads = [
            threading.Thread(target=self._repeat, args=(look, seconds), daemon=True)
            for look, seconds in (
                (self._processes, PROCESS_SECONDS),
                (self._containers, CONTAINER_SECONDS),
            )
        ]
        self.rounds = 0
        self.processes: dict[bytes, int] = {}
        self.environments: dict[tuple[int, bytes], bytes] = {}
        self.containers: dict[str, bytes] = {}

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        for thread in self._threads:
            thread.join()

    def seen(self) -> list[Place]:
        """Arguments and environment of each process, and `docker inspect` of each container."""
        return [
            *((f"argv: process {pid}", line) for line, pid in list(self.processes.items())),
            *(
                (f"environ: {pid} {line[:300]!r}", data)
                for (pid, line), data in list(self.environments.items())
            ),
            *((f"inspect: container {name}", data) for name, data in list(self.containers.items())),
        ]

    def _repeat(self, look: Any, seconds: float) -> None:
        while not self._ended.wait(seconds):
            look()

    def _processes(self) -> None:
        self.rounds += 1
        for folder in Path("/proc").iterdir():
            if folder.name.isdigit():
                with suppress(OSError):
                    self._process(folder)

    def _process(self, folder: Path) -> None:
        line, pid = (folder / "cmdline").read_bytes(), int(folder.name)
        self.processes.setdefault(line, pid)
        if line and (pid, line) not in self.environments:
            self.environments[pid, line] = (folder / "environ").read_bytes()

    def _containers(self) -> None:
        with suppress(APIError):
            for summary in self._engine.api.containers(all=True):
                known = f"{summary['Names'][0]} {summary['Id'][:12]} {summary['State']}"
                if known not in self.containers:
                    found = self._engine.api.inspect_container(summary["Id"])
                    self.containers[known] = json.dumps(found).encode()
