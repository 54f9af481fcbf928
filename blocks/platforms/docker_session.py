"""A session with the front proxy's admin socket: the compare-and-set that fences stale holders.

HAProxy hands out increasing versions of the map and refuses to commit one that is not above the
committed one. A holder prepares first and reads then, so whatever another holder commits after that
makes its own commit fail.
"""

import io
import tarfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

import docker
from docker.errors import APIError

from blocks.platforms import docker_exec, docker_traffic
from blocks.platforms.docker_engine import engine_errors
from blocks.platforms.docker_traffic import MAP, Routes
from slipway.errors import Superseded, Unreachable

ADMIN = ("socat", "-t", "60", "-", "UNIX-CONNECT:/run/slipway/admin.sock")
PROMPT = b"\n> "
SECONDS = 20
ATTEMPTS = 8


class CommitRefused(Exception):
    """The proxy holds a newer version of the map than the one prepared."""


@dataclass(slots=True)
class Session:
    """One connection to one HAProxy process; it ends with that process."""

    api: docker.APIClient
    proxy: str
    program: docker_exec.Conversation

    def ask(self, command: str) -> str:
        """The answer to one command.

        Raises:
            Unreachable: the proxy closed the connection.
        """
        self.program.send(command.encode() + b"\n")
        return self.answer()

    def answer(self) -> str:
        answer = b"\n"
        while not answer.endswith(PROMPT):
            piece = self.program.read(65536)
            if not piece:
                raise Unreachable(
                    f"{self.proxy}: the admin socket of the front proxy closed",
                    next_step=f"docker logs {self.proxy}",
                )
            answer += piece
        return answer.removesuffix(PROMPT).decode().strip()

    def read(self) -> Routes:
        return docker_traffic.parse_show_map(self.ask(f"show map {MAP}"))

    def prepare(self) -> int:
        """The number of a new version, above all that were handed out before."""
        return int(self.ask(f"prepare map {MAP}").rpartition(":")[2])

    def commit(self, version: int, routes: Routes) -> None:
        """Make the version current, after keeping it for the proxy's next start.

        Raises:
            CommitRefused: another version was committed since this one was prepared.
        """
        for command in docker_traffic.add_commands(version, routes):
            self._expect_silence(command)
        keep_map(self.api, self.proxy, routes)
        self._expect_silence(f"commit map @{version} {MAP}")

    def _expect_silence(self, command: str) -> None:
        if answer := self.ask(command):
            raise CommitRefused(answer)


@contextmanager
def open_session(api: docker.APIClient, proxy: str) -> Iterator[Session]:
    """Talk to the proxy's admin socket.

    Raises:
        Unreachable: the engine or the proxy did not answer.
    """
    with (
        engine_errors(f"front proxy {proxy}"),
        docker_exec.conversation(api, proxy, ADMIN, SECONDS) as program,
    ):
        session = Session(api, proxy, program)
        session.ask("prompt")
        yield session


def keep_map(api: docker.APIClient, proxy: str, routes: Routes) -> None:
    """Write the map's file into the proxy's volume; the container need not run."""
    name, text = docker_traffic.map_file(routes)
    api.put_archive(proxy, docker_traffic.FOLDER, archive({name: text}, mode=0o444))


def archive(files: dict[str, bytes], mode: int, user: int = 0) -> bytes:
    """A tar archive of the files."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode, entry.uid, entry.gid = len(content), mode, user, user
            tar.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()


def read_routes(api: docker.APIClient, proxy: str) -> Routes:
    """What the running proxy routes by now."""
    with open_session(api, proxy) as session:
        return session.read()


def refuse_stale(proxy: str, found: Routes, token: int) -> None:
    """Raises Superseded where a newer claim wrote the map."""
    if found.holder > token:
        raise Superseded(
            f"{proxy}: a newer holder took over; the proxy refuses this one",
            found=f"map written by claim {found.holder}",
            allowed=f"claim {token} or older",
            next_step="slipway history",
        )


def commit_routes(
    api: docker.APIClient, proxy: str, token: int, change: Callable[[Routes], Routes]
) -> Routes:
    """Replace the routes by `change(routes)`, unless a newer holder wrote them.

    Raises:
        Superseded: a newer holder wrote the map, before or meanwhile.
        Unreachable: the engine or the proxy did not answer.
    """
    for _ in range(ATTEMPTS):
        with open_session(api, proxy) as session:
            version = session.prepare()
            found = session.read()
            refuse_stale(proxy, found, token)
            wanted = replace(change(found), holder=token, sequence=found.sequence + 1)
            try:
                session.commit(version, wanted)
            except CommitRefused:
                continue
            return wanted
    raise _contended(proxy)


def fence(api: docker.APIClient, proxy: str, token: int) -> Routes:
    """Commit a copy of what serves under this token, until no older holder has a version prepared.

    A version prepared between ours and the next would be committable; then another copy goes above.

    Raises:
        Superseded, Unreachable: see commit_routes.
    """
    for _ in range(ATTEMPTS):
        with open_session(api, proxy) as session:
            version = session.prepare()
            found = session.read()
            refuse_stale(proxy, found, token)
            copy = replace(found, holder=token, sequence=found.sequence + 1)
            try:
                session.commit(version, copy)
            except CommitRefused:
                continue
            if session.prepare() == version + 1:
                return copy
    raise _contended(proxy)


def prune_maps(api: docker.APIClient, proxy: str) -> None:
    """Remove the map files that no start of the proxy needs any more."""
    try:
        names = docker_exec.run(api, proxy, ["ls", "--", docker_traffic.FOLDER]).decode().split()
        if old := [f"{docker_traffic.FOLDER}/{name}" for name in docker_traffic.outdated(names)]:
            docker_exec.run(api, proxy, ["rm", "-f", "--", *old], user="0")
    except APIError as error:
        raise Unreachable(f"{proxy}: old maps could not be removed", found=str(error)) from error


def _contended(proxy: str) -> Superseded:
    return Superseded(
        f"{proxy}: other writers kept changing the map",
        allowed="one holder at a time",
        next_step="slipway status, then slipway recover",
    )
