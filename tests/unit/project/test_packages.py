"""The tree is what pyproject.toml and the design say it is."""

import re
import tomllib
from importlib import import_module
from pathlib import Path

import pytest
import yaml
from prefect import Flow
from setuptools import find_packages

ROOT = Path(__file__).resolve().parents[3]
DEPLOYMENTS = ROOT / "prefect.yaml"
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


def test_the_libraries_that_were_agreed_on_are_depended_on() -> None:
    """DC-01: by the project itself, and pytest by its tests."""
    lines = [*PROJECT["project"]["dependencies"], *PROJECT["dependency-groups"]["test"]]
    named = {re.split(r"[^a-z0-9-]", line)[0] for line in lines}
    agreed = {"prefect", "prefect-aws", "prefect-kubernetes", "prefect-docker", "boto3"}
    assert named >= {*agreed, "pydantic-settings", "pytest"}


def test_the_top_level_is_what_was_agreed_on() -> None:
    """DC-02: one place for each part."""
    folders = ("flows", "tasks", "blocks", "docker", "tests")
    assert [name for name in folders if not (ROOT / name).is_dir()] == []
    files = ("pyproject.toml", "prefect.yaml", "Jenkinsfile")
    assert [name for name in files if not (ROOT / name).is_file()] == []


@pytest.mark.parametrize("name", ["build", "scan", "push", "deploy", "verify", "rollback"])
def test_each_step_of_the_way_is_a_flow(name: str) -> None:
    """DC-03: those that need no build credential are deployments, the others never are."""
    story = getattr(import_module(f"flows.{name}"), name)
    assert isinstance(story, Flow)
    assert story.name == name
    registered = {one["name"] for one in yaml.safe_load(DEPLOYMENTS.read_text())["deployments"]}
    assert (name in registered) is (name in {"deploy", "verify", "rollback"})


def test_docker_is_no_package() -> None:
    """A package here would hide the Docker SDK."""
    assert not list((ROOT / "docker").rglob("__init__.py"))


def test_rooms_have_no_name_of_a_library_in_the_lock() -> None:
    pins = (ROOT / "requirements" / "dev.lock").read_text()
    assert not [room for room in ROOMS if f"\n{room}==" in pins]


def test_every_flow_file_is_one_flow_of_its_name() -> None:
    files = [path for path in (ROOT / "flows").glob("*.py") if path.stem != "__init__"]
    assert [path.name for path in files if f"async def {path.stem}(" not in path.read_text()] == []
