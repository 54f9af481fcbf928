"""Definitions of base images, and images that are the same bytes for the same input."""

import io
import json
import tarfile
from pathlib import Path

import pytest

from slipway.cli.stack.images import (
    FOLDERS,
    definition_hash,
    image_archive,
    public_host,
    read_definition,
)
from slipway.cli.stack.rootfs import Rootfs
from slipway.errors import BadInput


@pytest.mark.parametrize("folder", FOLDERS.values(), ids=FOLDERS)
def test_every_image_runs_as_nobody_and_has_a_public_way(folder: Path) -> None:
    definition = read_definition(folder)
    assert definition.config["User"] == "65532:65532"
    dockerfile = (folder / "Dockerfile").read_text()
    assert public_host(dockerfile)
    users = [line for line in dockerfile.splitlines() if line.startswith("USER ")]
    assert users[-1] == "USER 65532:65532"
    assert all((folder / name).is_file() for name in definition.files.values())


def test_the_hash_follows_every_file(tmp_path: Path) -> None:
    (tmp_path / "image.toml").write_text("a")
    before = definition_hash(tmp_path)
    (tmp_path / "start.sh").write_text("b")
    after = definition_hash(tmp_path)
    assert before != after
    (tmp_path / "start.sh").write_text("c")
    assert definition_hash(tmp_path) not in {before, after}


@pytest.mark.parametrize("text", ["", "name = 'a'", "x = [", "name='a'\ntag='1'\npackages=[]\nx=1"])
def test_a_wrong_definition_names_its_file(tmp_path: Path, text: str) -> None:
    (tmp_path / "image.toml").write_text(text)
    with pytest.raises(BadInput, match=r"image\.toml"):
        read_definition(tmp_path)


def test_public_host_refuses_a_dockerfile_without_a_registry() -> None:
    with pytest.raises(BadInput, match="ARG BASE"):
        public_host("ARG BASE=python:3.11\nFROM ${BASE}\n")


def small_rootfs() -> Rootfs:
    rootfs = Rootfs()
    rootfs.newest = 1_700_000_000
    rootfs.add_accounts()
    rootfs.add_file("etc/app.conf", b"x=1\n")
    rootfs.add_link("bin/sh", "busybox")
    return rootfs


def test_an_archive_is_a_function_of_its_content() -> None:
    first, second = (
        image_archive("a:1", small_rootfs().layer(), {"User": "1"}, 1_700_000_000) for _ in "ab"
    )
    assert first == second
    with tarfile.open(fileobj=io.BytesIO(first)) as archive:
        listed = json.load(archive.extractfile("manifest.json"))[0]
        config = json.load(archive.extractfile(listed["Config"]))
    assert listed["RepoTags"] == ["a:1"]
    assert config["created"] == "2023-11-14T22:13:20Z"


def test_a_folder_never_replaces_a_link() -> None:
    """A merged /usr has links where old packages bring folders."""
    rootfs = Rootfs()
    rootfs.add_link("lib", "usr/lib")
    rootfs.add_folder("lib")
    assert rootfs.entries["lib"][0].issym()


def test_a_layer_has_nobody_and_a_writable_tmp() -> None:
    with tarfile.open(fileobj=io.BytesIO(small_rootfs().layer())) as archive:
        assert archive.getmember("tmp").mode == 0o1777
        assert archive.getmember("home/nonroot").uid == 65532
        assert b"nonroot:x:65532" in archive.extractfile("etc/passwd").read()
        assert {member.mtime for member in archive} == {1_700_000_000}
