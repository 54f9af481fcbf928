"""The tree is what pyproject.toml and the design say it is."""

import tomllib
from pathlib import Path

from setuptools import find_packages

ROOT = Path(__file__).resolve().parents[3]
ROOMS = ("slipway", "blocks", "tasks", "flows")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


def folders_with_python() -> set[str]:
    return {
        ".".join(path.parent.relative_to(ROOT).parts)
        for room in ROOMS
        for path in (ROOT / room).rglob("*.py")
    }


def test_every_folder_of_the_rooms_is_a_listed_package() -> None:
    find = PROJECT["tool"]["setuptools"]["packages"]["find"]
    listed = set(find_packages(str(ROOT), include=find["include"]))
    assert listed == folders_with_python()


def test_no_other_folder_is_packaged() -> None:
    find = PROJECT["tool"]["setuptools"]["packages"]["find"]
    listed = find_packages(str(ROOT), include=find["include"])
    assert {name.split(".")[0] for name in listed} == set(ROOMS)


def test_docker_is_no_package() -> None:
    """A package here would hide the Docker SDK."""
    assert not list((ROOT / "docker").rglob("__init__.py"))


def test_rooms_have_no_name_of_a_library_in_the_lock() -> None:
    pins = (ROOT / "requirements" / "dev.lock").read_text()
    assert not [room for room in ROOMS if f"\n{room}==" in pins]


def test_every_flow_file_is_one_flow_of_its_name() -> None:
    files = [path for path in (ROOT / "flows").glob("*.py") if path.stem != "__init__"]
    assert [path.name for path in files if f"async def {path.stem}(" not in path.read_text()] == []
