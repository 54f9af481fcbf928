"""Files that an orchestrator mounted: kubelet's layout, its modes, and its exchange (S1-40)."""

import os
from pathlib import Path

import pytest
from pydantic import SecretStr

from blocks.secrets.files import FileSecrets, unusable
from slipway.errors import Refused, SecretMissing, Unreachable
from slipway.release import Target

TARGET = Target(app="shop", environment="prod")
FIRST, SECOND = "..2026_11_21_12_00_00.123456789", "..2026_11_21_13_00_00.987654321"


def mount(root: Path, moment: str, mode: int = 0o644, **values: str) -> Path:
    """What kubelet leaves: a folder of the moment, `..data` to it, and names that go through it."""
    folder = root / "shop" / "prod"
    fresh = folder / moment
    fresh.mkdir(parents=True)
    for name, value in values.items():
        path = fresh / name.replace("_", "-")
        path.write_text(value)
        path.chmod(mode)
    (folder / "..data_tmp").symlink_to(moment)
    (folder / "..data_tmp").replace(folder / "..data")
    for name in values:
        link = folder / name.replace("_", "-")
        if not link.is_symlink():
            link.symlink_to(f"..data/{link.name}")
    return folder


@pytest.fixture
def store(tmp_path: Path) -> FileSecrets:
    return FileSecrets(tmp_path, TARGET)


@pytest.mark.parametrize("mode", [0o644, 0o444, 0o440, 0o400, 0o640, 0o600])
def test_mounted_files_are_read_with_the_modes_of_kubelet(
    store: FileSecrets, tmp_path: Path, mode: int
) -> None:
    mount(tmp_path, FIRST, mode, database_url="one\n", api_key="two")
    assert store.names() == ["api-key", "database-url"]
    version = store.versions(["database-url"])["database-url"]
    assert version == FIRST.lstrip(".")
    assert store.read("database-url", version).get_secret_value() == "one"


@pytest.mark.parametrize("mode", [0o666, 0o620, 0o602])
def test_mounted_files_that_others_can_write_are_refused(
    store: FileSecrets, tmp_path: Path, mode: int
) -> None:
    mount(tmp_path, FIRST, mode, key="one")
    with pytest.raises(SecretMissing, match="can be written by others"):
        store.state("key")


def test_an_exchange_of_the_mount_is_another_version(store: FileSecrets, tmp_path: Path) -> None:
    """N12: what was planned with the old value does not go on with the new one."""
    mount(tmp_path, FIRST, key="one")
    before = store.versions(["key"])["key"]
    mount(tmp_path, SECOND, key="two")
    after = store.versions(["key"])["key"]
    assert before != after
    assert store.read("key", after).get_secret_value() == "two"
    with pytest.raises(SecretMissing, match="no longer has the version"):
        store.read("key", before)


def test_a_value_never_comes_from_another_moment_than_its_version(
    store: FileSecrets, tmp_path: Path
) -> None:
    """The file is opened below the moment's own folder, whatever `..data` says by then."""
    mount(tmp_path, FIRST, key="one")
    file = store._file("key")
    mount(tmp_path, SECOND, key="two")
    with file.open() as stream:
        assert stream.read() == b"one"


def test_when_a_mounted_value_was_written_is_not_known(store: FileSecrets, tmp_path: Path) -> None:
    mount(tmp_path, FIRST, key="one")
    assert store.state("key").written is None


def test_a_mount_is_not_written(store: FileSecrets, tmp_path: Path) -> None:
    folder = mount(tmp_path, FIRST, key="one")
    for act in (lambda: store.write("key", SecretStr("canary")), lambda: store.delete("key")):
        with pytest.raises(Refused, match="orchestrator mounted") as refused:
            act()
        assert refused.value.next_step
        assert "canary" not in str(refused.value)
    assert (folder / "key").read_text() == "one"


def test_a_key_that_left_the_mount_is_missing(store: FileSecrets, tmp_path: Path) -> None:
    """A link may still be there for a moment when what it points to is gone."""
    mount(tmp_path, FIRST, key="one", other="x")
    mount(tmp_path, SECOND, other="x")
    assert store.names() == ["other"]
    with pytest.raises(SecretMissing, match="key is missing"):
        store.state("key")


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o444])
def test_files_of_our_own_are_for_one_user(store: FileSecrets, tmp_path: Path, mode: int) -> None:
    path = tmp_path / "shop" / "prod" / "key"
    path.parent.mkdir(parents=True)
    path.write_text("one")
    path.chmod(mode)
    with pytest.raises(SecretMissing, match="can be read by others"):
        store.state("key")


def test_what_is_written_is_for_one_user_and_leaves_nothing_beside(
    store: FileSecrets, tmp_path: Path
) -> None:
    store.write("key", SecretStr("one"))
    store.write("key", SecretStr("two"))
    folder = tmp_path / "shop" / "prod"
    assert [path.name for path in folder.iterdir()] == ["key"]
    assert (folder / "key").stat().st_mode & 0o777 == 0o600
    assert folder.stat().st_mode & 0o777 == 0o700


def test_a_folder_in_place_of_a_file_is_told(store: FileSecrets, tmp_path: Path) -> None:
    (tmp_path / "shop" / "prod" / "key").mkdir(parents=True)
    with pytest.raises(SecretMissing, match="key is missing"):
        store.state("key")
    assert store.names() == []


def test_bytes_that_are_no_text_are_told_and_not_shown(store: FileSecrets, tmp_path: Path) -> None:
    path = tmp_path / "shop" / "prod" / "key"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"\xff\xfecanary")
    path.chmod(0o600)
    with pytest.raises(SecretMissing, match="not UTF-8") as missing:
        store.read("key", store.versions(["key"])["key"])
    assert "canary" not in str(missing.value)
    assert missing.value.__cause__ is None


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "shop").write_text("a file where a folder belongs")
    with pytest.raises(Unreachable, match="cannot be written"):
        FileSecrets(tmp_path, TARGET).write("key", SecretStr("one"))


def test_a_pipe_is_no_secret(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path, 0o600)
    assert unusable(path.stat(), mounted=False) == "no file"
