"""Requests to the engine, and the fields read back from what it tells of them."""

from pathlib import Path

import pytest
import yaml

from blocks.platforms import docker_names as names
from blocks.platforms.docker_containers import (
    checked_user,
    container_fields,
    is_as_specified,
    memory_text,
    own_environment,
    running_digest,
    spec_fields,
)
from blocks.platforms.docker_observe import observation, revision
from blocks.platforms.docker_traffic import Routes
from slipway.errors import BadInput
from slipway.release import ReleaseSpec
from tests.fakes.docker_inspect import IMAGE, MIB, inspected, request_of, seen, spec, web

CASE = yaml.safe_load(Path("tests/cases/docker/container.yaml").read_text())


def filled(value, wanted: ReleaseSpec):
    """The case with the ids of the specification put in, keys too."""
    text = yaml.safe_dump(value)
    text = text.replace("{id}", wanted.id).replace("{secrets_id}", wanted.secrets_id)
    return yaml.safe_load(text)


def test_the_whole_request_is_as_written_down() -> None:
    """CIS 5.3 5.10 5.11 5.12 5.25: hardening and limits are in every request."""
    wanted = spec()
    assert request_of(wanted, 1) == filled(CASE["request"], wanted)
    assert names.container_name(wanted, "web", 1) == filled(CASE["name"], wanted)


def test_fields_of_a_specification_are_as_written_down() -> None:
    assert spec_fields(spec()) == CASE["fields"]


def test_what_was_asked_for_reads_back_without_difference() -> None:
    """E7: noop."""
    wanted = spec()
    found = observation(wanted.target, seen(wanted))
    assert dict(found.fields) == spec_fields(wanted)
    assert found.serving == wanted.id


def test_a_command_equal_to_the_image_s_is_still_the_declared_one() -> None:
    wanted = spec(web(command=("python3",)))
    found = container_fields(inspected(wanted), IMAGE)
    assert found["command"] == spec_fields(wanted)["web.command"]


def test_replicas_that_differ_show_each_value() -> None:
    wanted = spec()
    view = seen(wanted)
    view.services[1]["HostConfig"]["Memory"] = 96 * MIB
    fields = observation(wanted.target, view).fields
    assert fields["web.memory"] == "128MiB and 96MiB"


@pytest.mark.parametrize(
    ("change", "allowed"),
    [
        ({"Privileged": True}, "privileged"),
        ({"ReadonlyRootfs": False}, "writable root"),
        ({"CapDrop": None}, "capabilities"),
        ({"CapAdd": ["SYS_ADMIN"]}, "capabilities"),
        ({"SecurityOpt": []}, "new privileges"),
        ({"NetworkMode": "host"}, "the host's network"),
    ],
)
def test_a_protection_that_was_taken_away_is_told(change: dict, allowed: str) -> None:
    """N17, S3-08: a container made anew by hand with less; a deploy makes it anew."""
    found = inspected(spec())
    found["HostConfig"] |= change
    assert container_fields(found, IMAGE)["allowed"] == allowed
    assert not is_as_specified(web(), found, IMAGE)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda found: None, True),
        (lambda found: found["HostConfig"].update(Memory=1, PidsLimit=None), True),
        (lambda found: found["Config"].update(Env=["PATH=/usr/bin", "ZONE=us"]), False),
        (lambda found: found["Config"].update(User="0"), False),
        (lambda found: found["Config"].update(Cmd=["sh"]), False),
    ],
)
def test_only_limits_are_set_back_in_place(change, expected: bool) -> None:
    found = inspected(spec())
    change(found)
    assert is_as_specified(web(), found, IMAGE) is expected


def test_a_stopped_replica_is_not_counted() -> None:
    wanted = spec()
    view = seen(wanted)
    view.services[1]["State"]["Running"] = False
    assert observation(wanted.target, view).fields["web.replicas"] == "1"


def test_nothing_serves_where_no_route_leads_to_a_container() -> None:
    wanted = spec()
    for routes in (Routes(), Routes(7, 4, ("10.213.4.99:8000",))):
        found = observation(wanted.target, seen(wanted, routes=routes))
        assert found.serving is None
        assert found.fields == {}


@pytest.mark.parametrize(
    "change",
    [
        lambda view: view.services[0]["HostConfig"].update(Memory=1),
        lambda view: view.services[0]["HostConfig"].update(Privileged=True),
        lambda view: view.services[0]["Config"].update(Env=["MODE=other"]),
        lambda view: view.services[0].update(Image="sha256:other"),
        lambda view: view.services[0].update(Name="/renamed"),
        lambda view: view.services[0]["State"].update(Running=False),
        lambda view: view.services[0]["NetworkSettings"]["Networks"].update(bridge={}),
        lambda view: view.proxy["HostConfig"].update(PortBindings={}),
    ],
)
def test_every_change_by_hand_is_another_revision(change) -> None:
    """B8, N08: the plan is stale then."""
    wanted = spec()
    view = seen(wanted)
    before = revision(view)
    change(view)
    assert revision(view) != before


def test_time_alone_is_no_other_revision() -> None:
    """A fence, a restart and a health check change nothing that a plan depends on."""
    wanted = spec()
    view = seen(wanted)
    before = revision(view)
    view.services[0]["RestartCount"] = 3
    view.services[0]["State"]["Health"] = {"Status": "unhealthy"}
    fenced = seen(wanted, services=view.services, routes=Routes(9, 44, view.routes.serving))
    assert revision(fenced) == before
    moved = seen(wanted, services=view.services, routes=Routes(9, 44, ("10.213.4.17:8000",)))
    assert revision(moved) != before


@pytest.mark.parametrize("user", ["0", "root", "app", "", "65532:0", "-1"])
def test_a_user_that_is_or_may_be_root_is_refused(user: str) -> None:
    """S3-08: the field is named."""
    with pytest.raises(BadInput, match=r"numeric user other than root"):
        checked_user(web(user=user))


def test_the_digest_is_the_one_asked_for_where_the_image_is_known_by_several() -> None:
    image = {"RepoDigests": [f"a/b@sha256:{'2' * 64}", f"c/d@sha256:{'1' * 64}"]}
    assert running_digest(inspected(spec()), image) == f"sha256:{'1' * 64}"


def test_the_digest_is_the_real_one_where_the_container_runs_another_image() -> None:
    """C10: labels and names may lie."""
    image = {"RepoDigests": [f"a/b@sha256:{'2' * 64}"]}
    assert running_digest(inspected(spec()), image) == f"sha256:{'2' * 64}"
    assert running_digest(inspected(spec()), {"RepoDigests": []}) == "sha256:image"


@pytest.mark.parametrize(
    ("env", "image_env", "declared", "own"),
    [
        (["A=1", "PATH=/bin"], ["PATH=/bin"], ["A"], {"A": "1"}),
        (["A=1"], ["A=1"], ["A"], {"A": "1"}),
        (["A=1"], ["A=1"], [], {}),
        (["A=2"], ["A=1"], [], {"A": "2"}),
        (["A=x=y", "B="], None, ["A", "B"], {"A": "x=y", "B": ""}),
        (None, None, [""], {}),
    ],
)
def test_own_variables_are_those_the_release_set(env, image_env, declared, own) -> None:
    assert own_environment(env, image_env, declared) == own


def test_memory_is_shown_in_bytes_where_it_is_no_whole_unit() -> None:
    assert [memory_text(n) for n in (128 * MIB, 1536 * 1024, 1000001)] == [
        "128MiB",
        "1536KiB",
        "1000001B",
    ]
