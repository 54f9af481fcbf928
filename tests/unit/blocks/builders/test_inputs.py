"""The key of an image's inputs, the build context, the way to build: pure, as tables."""

import os
from pathlib import Path
from typing import Any

import pytest

from blocks.builders import inputs as inputs_module
from blocks.builders.bases import ImageName, parse_image
from blocks.builders.client import DockerClient, Way, build_command, check_way, choose_way
from blocks.builders.engine import pushed_digest
from blocks.builders.inputs import BuildInputs, check_context
from slipway.errors import AccessDenied, Refused, SlipwayError, Unreachable

INPUTS = BuildInputs(image="web", context=".", dockerfile="Dockerfile", tree="a" * 40)
OLD = DockerClient(Path("/usr/bin/docker"), "20.10.24+dfsg1", buildx=False)
NEW = DockerClient(Path("/usr/local/bin/docker"), "28.2.2", buildx=False)
NEW_X = DockerClient(Path("/usr/local/bin/docker"), "28.2.2", buildx=True)
MUTE = DockerClient(Path("/opt/docker"), "", buildx=False)


def test_the_same_inputs_give_the_same_key() -> None:
    assert INPUTS.key == BuildInputs.model_validate(INPUTS.model_dump()).key
    assert INPUTS.tag == "key-" + INPUTS.key[7:]


@pytest.mark.parametrize(
    "change",
    [
        {"image": "api"},
        {"context": "api"},
        {"dockerfile": "Other"},
        {"tree": "b" * 40},
        {"target": "release"},
        {"arguments": {"A": "1"}},
        {"bases": {"debian:12": "debian@sha256:1"}},
        {"bases": {"debian:12": "debian@sha256:2"}},
        {"commands": (("make",),)},
        {"secrets": ("token",)},
        {"platform": "linux/arm64"},
    ],
    ids=str,
)
def test_every_input_changes_the_key(change: dict[str, Any]) -> None:
    """E7, F9: nothing that decides the image is left out."""
    changed = INPUTS.model_copy(update=change)
    assert changed.key != INPUTS.key
    assert set(change) <= set(BuildInputs.model_fields)


def test_no_field_is_without_a_case() -> None:
    cases = test_every_input_changes_the_key.pytestmark[0].args[1]
    assert {name for case in cases for name in case} == set(BuildInputs.model_fields)


@pytest.mark.parametrize("target", ["/etc/passwd", "../outside", "a/../../outside", ".."])
def test_a_link_out_of_the_context_is_refused(tmp_path: Path, target: str) -> None:
    """F10: wherever it lies."""
    (tmp_path / "a").mkdir()
    (tmp_path / "link").symlink_to(target)
    with pytest.raises(Refused, match="reaches outside itself at 'link'"):
        check_context(tmp_path)


def test_links_inside_are_fine(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "file").write_text("x")
    (tmp_path / "link").symlink_to("a/file")
    (tmp_path / "a" / "up").symlink_to("../a")
    check_context(tmp_path)


def test_special_files_are_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(Refused, match="at 'pipe'"):
        check_context(tmp_path)


def test_an_oversize_context_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """F10: by file, by sum, by number."""
    for name in ("one", "two", "three"):
        (tmp_path / name).write_bytes(b"x" * 10)
    for limit, value in (("FILE_BYTES", 9), ("TREE_BYTES", 29), ("FILES", 2)):
        with monkeypatch.context() as patch:
            patch.setattr(inputs_module, limit, value)
            with pytest.raises(Refused, match="too large"):
                check_context(tmp_path)
    check_context(tmp_path)


@pytest.mark.parametrize(
    ("clients", "engine", "way"),
    [
        ([OLD], True, Way(OLD.path)),
        ([NEW, OLD], True, Way(OLD.path)),
        ([NEW_X, OLD], True, Way(NEW_X.path)),
        ([NEW], True, Way(None)),
        ([MUTE], True, Way(None)),
        ([], True, Way(None)),
        ([OLD], False, Way(None)),
    ],
)
def test_the_way_to_build(clients: list[DockerClient], engine: bool, way: Way) -> None:
    assert choose_way(clients, engine_has_buildkit=engine) == way


@pytest.mark.parametrize(
    "text", ["FROM a\nRUN --mount=type=secret,id=x y", "FROM a\ncopy --link a b"]
)
def test_the_classic_builder_is_not_given_what_it_cannot(text: str) -> None:
    with pytest.raises(Refused, match="needs BuildKit"):
        check_way(Way(None), INPUTS, text)
    check_way(Way(OLD.path), INPUTS, text)
    check_way(Way(None), INPUTS, "FROM a\nRUN echo mount")


def test_the_build_command_is_exactly_this() -> None:
    """G1, G2, G10: values are arguments of their own, secrets are paths, the context is last."""
    inputs = INPUTS.model_copy(
        update={"arguments": {"V": "$(reboot); --x\n"}, "target": "release", "secrets": ("token",)}
    )
    assert build_command(
        Path("/usr/bin/docker"),
        inputs,
        context=Path("/srv/app"),
        dockerfile=Path("/scratch/Dockerfile"),
        image_id_file=Path("/scratch/id"),
        secrets={"token": Path("/credentials/token")},
        label=("slipway.build.key", "sha256:1"),
        tag="r/app/web:key-1",
    ) == [
        *("/usr/bin/docker", "build", "--progress", "plain", "--file", "/scratch/Dockerfile"),
        *("--iidfile", "/scratch/id", "--tag", "r/app/web:key-1"),
        *("--label", "slipway.build.key=sha256:1", "--build-arg", "V=$(reboot); --x\n"),
        *("--secret", "id=token,src=/credentials/token", "--target", "release"),
        *("--", "/srv/app"),
    ]


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("debian", ImageName(None, "debian", "latest", None)),
        ("debian:12", ImageName(None, "debian", "12", None)),
        ("slipway/python:3.11", ImageName(None, "slipway/python", "3.11", None)),
        ("docker.io/library/debian:12", ImageName(None, "library/debian", "12", None)),
        ("localhost/a:1", ImageName("localhost", "a", "1", None)),
        ("127.0.0.1:5055/a/b", ImageName("127.0.0.1:5055", "a/b", "latest", None)),
        ("r.example/a:1@sha256:2", ImageName("r.example", "a", "1", "sha256:2")),
    ],
)
def test_names_of_base_images(text: str, name: ImageName) -> None:
    assert parse_image(text) == name


@pytest.mark.parametrize(
    ("events", "result"),
    [
        ([{"status": "x"}, {"aux": {"Tag": "t", "Digest": "sha256:1", "Size": 1}}], "sha256:1"),
        ([{"error": "unauthorized: authentication required"}], AccessDenied),
        ([{"error": "denied: requested access to the resource"}], AccessDenied),
        ([{"error": "received unexpected HTTP status: 503"}], Unreachable),
        ([{"aux": {"Digest": "sha256:1"}}, {"error": "unexpected EOF"}], Unreachable),
        ([{"status": "x"}], Unreachable),
        ([], Unreachable),
    ],
)
def test_the_digest_of_a_push(
    events: list[dict[str, Any]], result: str | type[SlipwayError]
) -> None:
    """F2: errors come as events, and a stream without a digest proves nothing."""
    if isinstance(result, str):
        assert pushed_digest(events, "r/app") == result
    else:
        with pytest.raises(result):
            pushed_digest(events, "r/app")
