"""Small pure parts: networks, what may go, evidence, secrets files, the engine's stream format."""

import io
import socket
import struct
import tarfile
from collections.abc import Iterator

import pytest

from blocks.platforms import docker_names as names
from blocks.platforms.docker_evidence import environment_lines, event_line, redact
from blocks.platforms.docker_exec import Conversation
from blocks.platforms.docker_networks import (
    address_in,
    candidate_subnets,
    free_address,
    refuse_foreign,
)
from blocks.platforms.docker_proxy import ProxySettings, proxy_request, refuse_other_port
from blocks.platforms.docker_retire import refuse_serving, surplus
from blocks.platforms.docker_secrets import secrets_archive
from blocks.platforms.docker_traffic import Routes
from blocks.platforms.docker_verify import Hits
from slipway.errors import BadInput, StepFailed
from slipway.release import Target
from tests.fakes.docker_inspect import inspected, spec, web

TARGET = Target(app="shop", environment="prod")


def test_names_of_two_targets_never_meet() -> None:
    """S2-25: an app `a-b` in `c` is not an app `a` in `b-c`."""
    one = names.stem(Target(app="a-b", environment="c"))
    two = names.stem(Target(app="a", environment="b-c"))
    assert one != two


def test_all_subnets_of_the_pool_are_tried_once() -> None:
    found = list(candidate_subnets("slipway.shop.prod.edge", "10.213.0.0/22"))
    assert sorted(found) == [f"10.213.{number}.0/24" for number in range(4)]
    assert found == list(candidate_subnets("slipway.shop.prod.edge", "10.213.0.0/22"))


def test_the_lowest_free_address_is_taken_and_a_full_network_is_told() -> None:
    subnet = "10.213.4.0/24"
    assert free_address(subnet, []) == "10.213.4.16"
    assert free_address(subnet, ["10.213.4.16", "10.213.4.18"]) == "10.213.4.17"
    with pytest.raises(BadInput, match="full"):
        free_address(subnet, [address_in(subnet, number) for number in range(256)])


@pytest.mark.parametrize("labels", [None, {}, {names.APP: "shop"}, {names.APP: "other"}])
def test_things_that_slipway_did_not_make_are_refused(labels) -> None:
    with pytest.raises(BadInput, match="did not make"):
        refuse_foreign("container x", labels, TARGET)
    refuse_foreign("container x", names.target_labels(TARGET), TARGET)


def test_the_proxy_binds_one_address_and_holds_no_right() -> None:
    settings = ProxySettings("slipway/proxy:2.6", "127.0.0.1")
    request = proxy_request(TARGET, 8080, settings, "10.213.4.0/24")
    host = request["HostConfig"]
    assert host["PortBindings"] == {"8080/tcp": [{"HostIp": "127.0.0.1", "HostPort": "8080"}]}
    assert host["CapDrop"] == ["ALL"]
    assert host["ReadonlyRootfs"]
    assert request["User"] == "65532:65532"
    with pytest.raises(BadInput, match="cannot be changed"):
        refuse_other_port(TARGET, 8080, 8081)


def test_only_what_no_kept_release_needs_is_surplus() -> None:
    """N04: the running release and its way back stay."""
    kept, old = spec(), spec(web(config={"A": "old"}), secrets={"database-url": "v1"})
    networks = [
        names.edge_name(TARGET),
        names.release_network(kept),
        names.release_network(old),
    ]
    volumes = [
        names.traffic_volume(TARGET),
        *names.secrets_volumes(kept),
        *names.secrets_volumes(old),
    ]
    containers = [inspected(kept), inspected(old)]
    found = surplus(containers, networks, volumes, TARGET, [kept])
    assert [c["Name"] for c in found.containers] == [inspected(old)["Name"]]
    assert found.networks == (names.release_network(old),)
    assert list(found.volumes) == names.secrets_volumes(old)
    everything = surplus(containers, networks, volumes, TARGET, [])
    assert len(everything.containers) == 2
    assert set(everything.networks) == set(networks)
    assert set(everything.volumes) == set(volumes)


@pytest.mark.parametrize(
    "routes", [Routes(1, 1, ("10.213.4.16:8000",)), Routes(1, 1, (), ("10.213.4.16:8000",))]
)
def test_a_container_under_traffic_is_never_removed(routes: Routes) -> None:
    with pytest.raises(StepFailed, match="still receives traffic"):
        refuse_serving(TARGET, routes, [inspected(spec())])
    refuse_serving(TARGET, Routes(1, 1, ("10.213.4.99:8000",)), [inspected(spec())])


def test_secrets_and_control_characters_are_taken_out_of_lines() -> None:
    """G5, G8: the longest value first, so that no rest of it stays."""
    lines = ["\x1b[31mtoken=abcdef-long\x07", "abcdef", "no\tsecret"]
    assert redact(lines, ["abcdef", "abcdef-long", "no"]) == [
        "token=(masked)",
        "(masked)",
        "no\tsecret",
    ]


def test_variables_that_are_not_declared_config_are_masked() -> None:
    config = {"Env": ["A=1", "PATH=/bin"], "Labels": {names.CONFIG_KEYS: "A"}}
    assert environment_lines(config) == ["env A=1", "env PATH=(masked)"]


def test_an_event_is_one_line() -> None:
    event = {
        "time": 17,
        "Action": "die",
        "Actor": {"Attributes": {"exitCode": "3", names.SERVICE: "web"}},
    }
    assert event_line(event) == "17 web die exit code 3"


def test_secret_files_are_readable_by_their_user_alone_and_marked_complete_last() -> None:
    """G10: mode 0400."""
    data = secrets_archive({"key": b"value"}, 65532)
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        files = [(m.name, m.mode, m.uid) for m in tar.getmembers()]
    assert files == [("key", 0o400, 65532), (".complete", 0o400, 65532)]


def test_hits_must_come_in_a_row() -> None:
    hits = Hits(wanted=2)
    for is_good in (True, False, True):
        hits.count(is_good)
    assert not hits.is_enough
    hits.count(True)
    assert hits.is_enough
    assert not hits.is_failing


@pytest.fixture
def ends() -> Iterator[tuple[socket.socket, Conversation]]:
    ours, theirs = socket.socketpair()
    yield theirs, Conversation(ours)
    ours.close()
    theirs.close()


def frame(stream: int, data: bytes) -> bytes:
    return struct.pack(">BxxxL", stream, len(data)) + data


def test_standard_output_is_read_out_of_the_frames(ends) -> None:
    theirs, conversation = ends
    theirs.sendall(frame(1, b"he") + frame(2, b"warning") + frame(1, b"llo"))
    theirs.shutdown(socket.SHUT_WR)
    assert conversation.read() == b"hello"


def test_a_cut_frame_is_an_end_not_a_hang(ends) -> None:
    theirs, conversation = ends
    theirs.sendall(frame(1, b"hello")[:-2])
    theirs.shutdown(socket.SHUT_WR)
    assert conversation.read() == b""
