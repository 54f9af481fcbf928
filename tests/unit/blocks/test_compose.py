"""What a release works with, when parts of the world do not answer."""

import asyncio
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from pydantic import SecretStr

from blocks.compose import DOCKER, platform_of, secret_versions
from blocks.secrets.files import FileSecrets
from slipway.errors import BadInput, SecretMissing, Unreachable
from slipway.release import Target
from slipway.settings import RuntimeSettings
from tests.fakes.world import World, order, spec

TARGET = Target(app="shop", environment="prod")


@dataclass
class Source:
    """A secret source that answers, or does not."""

    known: dict[str, str] = field(default_factory=dict)
    answers: bool = True

    def versions(self, names: list[str]) -> dict[str, str]:
        if not self.answers:
            raise Unreachable("the Prefect server did not answer")
        return {name: self.known[name] for name in names}

    def read(self, name: str, version: str) -> SecretStr:
        raise NotImplementedError


@pytest.fixture
def world(tmp_path: Path) -> World:
    world = World(tmp_path)
    wanted = order("a", spec=spec("a", secrets={"key": "v1"}))
    asyncio.run(world.engine().deploy(wanted))
    return world


def test_versions_are_the_newest(world: World) -> None:
    source = Source({"key": "v2"})
    assert secret_versions(source, ["key"], world.records(), print) == {"key": "v2"}


def test_versions_that_serve_are_used_when_the_source_is_gone(world: World) -> None:
    """D5: a deploy works with the Prefect server down, and says what it used."""
    notes: list[str] = []
    source = Source(answers=False)
    found = secret_versions(source, ["key"], world.records(), notes.append)
    assert found == {"key": "v1"}
    assert "unreachable" in notes[0]


@pytest.mark.parametrize(("names", "records"), [(["key", "new"], 1), (["key"], 0)])
def test_a_secret_that_never_served_needs_its_source(
    world: World, names: list[str], records: int
) -> None:
    chain = world.records() if records else []
    with pytest.raises(Unreachable):
        secret_versions(Source(answers=False), names, chain, print)


def test_no_secrets_need_no_source() -> None:
    assert secret_versions(Source(answers=False), [], [], print) == {}


def test_platform_comes_from_the_ledger(world: World) -> None:
    assert platform_of(world.records()) == DOCKER
    assert platform_of([]) == DOCKER


def write(root: Path, name: str, value: str, mode: int = 0o600) -> Path:
    path = root / "shop" / "prod" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(value)
    path.chmod(mode)
    return path


def test_file_secret_is_read_by_its_version(tmp_path: Path) -> None:
    write(tmp_path, "key", "hunter2\n")
    source = FileSecrets(tmp_path, TARGET)
    version = source.versions(["key"])["key"]
    assert "hunter2" not in version
    assert source.read("key", version).get_secret_value() == "hunter2"


def test_file_secret_written_again_is_another_version(tmp_path: Path) -> None:
    path = write(tmp_path, "key", "one")
    source = FileSecrets(tmp_path, TARGET)
    version = source.versions(["key"])["key"]
    path.unlink()
    write(tmp_path, "key", "two")
    with pytest.raises(SecretMissing, match="no longer has the version"):
        source.read("key", version)


@pytest.mark.parametrize(("value", "mode"), [("", 0o600), ("x", 0o644)])
def test_file_secret_that_is_empty_or_shared_is_missing(
    tmp_path: Path, value: str, mode: int
) -> None:
    write(tmp_path, "key", value, mode)
    with pytest.raises(SecretMissing, match="key is missing"):
        FileSecrets(tmp_path, TARGET).versions(["key"])


def test_folder_that_is_not_mounted_is_unreachable(tmp_path: Path) -> None:
    with pytest.raises(Unreachable, match="not there"):
        FileSecrets(tmp_path / "gone", TARGET).versions(["key"])


def test_unknown_secret_source_is_refused() -> None:
    from blocks.compose import Installation

    with pytest.raises(BadInput, match="SLIPWAY_SECRETS"):
        Installation(RuntimeSettings(secrets="vault")).secrets(TARGET)
