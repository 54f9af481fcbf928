"""HAProxy's admin socket as far as the map goes: versions as 2.6 hands out and refuses them."""

import io
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import docker


@dataclass
class FakeProxy:
    """One process; `before_commit` runs as soon as a commit is asked for."""

    entries: dict[str, str] = field(default_factory=dict)
    current: int = 0
    newest: int = 0
    prepared: dict[int, dict[str, str]] = field(default_factory=dict)
    kept: list[str] = field(default_factory=list)
    before_commit: list[Callable[[], None]] = field(default_factory=list)
    after_commit: list[Callable[[], None]] = field(default_factory=list)

    def answer(self, command: str) -> str:
        words = command.split()
        if words[:2] == ["prepare", "map"]:
            self.newest += 1
            self.prepared[self.newest] = {}
            return f"New version created: {self.newest}"
        if words[:2] == ["add", "map"]:
            self.prepared[int(words[2].lstrip("@"))][words[4]] = words[5]
            return ""
        if words[:2] == ["commit", "map"]:
            return self.commit(int(words[2].lstrip("@")))
        if words[:2] == ["show", "map"]:
            return "".join(f"0x5 {key} {value}\n" for key, value in self.entries.items())
        return ""

    def commit(self, version: int) -> str:
        if self.before_commit:
            self.before_commit.pop(0)()
        answer = self.swap(version)
        if self.after_commit:
            self.after_commit.pop(0)()
        return answer

    def swap(self, version: int) -> str:
        """The bare act, as another writer does it."""
        if not self.current < version <= self.newest:
            return "Version number out of range."
        self.current, self.entries = version, self.prepared.pop(version)
        return ""

    def put_archive(self, container: str, path: str, data: bytes) -> None:
        self.kept.append(path)

    @contextmanager
    def conversation(
        self, api: docker.APIClient, container: str, argv: Sequence[str], seconds: float
    ) -> Iterator[Any]:
        """Stands in for `docker_exec.conversation`."""
        yield _Program(self)


@dataclass
class _Program:
    proxy: FakeProxy
    output: io.BytesIO = field(default_factory=io.BytesIO)

    def send(self, data: bytes) -> None:
        self.output = io.BytesIO(self.proxy.answer(data.decode().strip()).encode() + b"\n> ")

    def read(self, size: int) -> bytes:
        return self.output.read(size)
