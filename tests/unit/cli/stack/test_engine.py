"""Whether and how an engine may be started here, as a table."""

from pathlib import Path

import pytest

from slipway.cli.stack.engine import dockerd_argv, engine_addresses, refuse_unless_startable
from slipway.errors import Unreachable

OVERLAY = "nodev\ttmpfs\n\text4\nnodev\toverlay\n"


def test_docker_host_alone_counts_when_set() -> None:
    given = {"DOCKER_HOST": "tcp://127.0.0.1:2375", "XDG_RUNTIME_DIR": "/run/user/1"}
    assert engine_addresses(given, Path("/home/a")) == ["tcp://127.0.0.1:2375"]


def test_sockets_of_rootless_and_desktop_engines_are_tried() -> None:
    assert engine_addresses({"XDG_RUNTIME_DIR": "/run/user/1"}, Path("/home/a")) == [
        "unix:///var/run/docker.sock",
        "unix:///home/a/.docker/run/docker.sock",
        "unix:///run/user/1/docker.sock",
    ]


@pytest.mark.parametrize(
    ("filesystems", "configuration", "expected"),
    [
        (OVERLAY, "", ["dockerd", "--storage-driver", "overlay2"]),
        (OVERLAY, '{"log-level": "warn"}', ["dockerd", "--storage-driver", "overlay2"]),
        (OVERLAY, '{"storage-driver": "btrfs"}', ["dockerd"]),
        ("\text4\n", "", ["dockerd"]),
    ],
    ids=["overlay", "configured otherwise", "driver configured", "no overlay"],
)
def test_dockerd_argv(filesystems: str, configuration: str, expected: list[str]) -> None:
    assert dockerd_argv(filesystems, configuration) == expected


@pytest.mark.parametrize(
    ("environment", "user", "is_debian", "next_step"),
    [
        ({"DOCKER_HOST": "tcp://h:1"}, 0, True, "unset DOCKER_HOST"),
        ({}, 1000, True, "sudo apt-get install"),
        ({}, 0, False, "install Docker"),
    ],
    ids=["another engine was asked for", "not root", "not Debian"],
)
def test_a_refusal_names_the_command(
    environment: dict[str, str], user: int, is_debian: bool, next_step: str
) -> None:
    with pytest.raises(Unreachable) as refusal:
        refuse_unless_startable(environment, user, is_debian)
    assert next_step in str(refusal.value.next_step)


def test_root_on_debian_may() -> None:
    refuse_unless_startable({}, 0, is_debian=True)
