"""The proxy's map, and the compare-and-set that fences stale holders."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blocks.platforms import docker_session
from blocks.platforms.docker_traffic import (
    Routes,
    add_commands,
    map_file,
    outdated,
    parse_show_map,
    routes_of,
)
from slipway.errors import Superseded
from tests.fakes.haproxy import FakeProxy

ADDRESSES = st.lists(st.sampled_from(["10.0.0.1:80", "10.0.0.2:8000", "10.9.9.9:1"]), max_size=4)
ROUTES = st.builds(
    Routes,
    holder=st.integers(0, 10**9),
    sequence=st.integers(0, 10**9),
    serving=ADDRESSES.map(tuple),
    previous=ADDRESSES.map(tuple),
)


@given(ROUTES)
def test_routes_survive_the_map(routes: Routes) -> None:
    shown = "".join(f"0x55ed {key} {value}\n" for key, value in routes.entries().items())
    assert parse_show_map(shown + "\n") == routes
    assert routes_of(routes.entries()) == routes


@given(ROUTES, ROUTES)
def test_the_last_file_by_name_is_the_newest_holder_s(one: Routes, two: Routes) -> None:
    """B3: what a replaced holder leaves behind never wins after a restart."""
    older, newer = sorted([one, two], key=lambda routes: (routes.holder, routes.sequence))
    assert map_file(older)[0] <= map_file(newer)[0]


def test_map_and_commands_are_as_haproxy_reads_them() -> None:
    routes = Routes(7, 12, ("10.0.0.1:80",), ("10.0.0.2:80", "10.0.0.3:80"))
    name, text = map_file(routes)
    assert name == "000000000007-000000000012.map"
    assert text.decode().splitlines() == [
        "holder 7",
        "sequence 12",
        "serving/n 1",
        "serving/0 10.0.0.1:80",
        "previous/n 2",
        "previous/0 10.0.0.2:80",
        "previous/1 10.0.0.3:80",
        "# complete",
    ]
    assert add_commands(3, Routes(7, 12))[0] == "add map @3 /run/slipway/traffic.map holder 7"


def test_only_the_newest_map_files_are_kept() -> None:
    files = [map_file(Routes(2, number))[0] for number in range(20)]
    assert outdated([*reversed(files), "lost+found"], keep=16) == files[:4]
    assert outdated(files[:3]) == []


@pytest.fixture
def proxy(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeProxy]:
    made = FakeProxy(Routes(4, 9, ("10.0.0.1:80",)).entries(), current=9, newest=9)
    monkeypatch.setattr(docker_session.docker_exec, "conversation", made.conversation)
    return made


def to(address: str):
    return lambda found: replace(found, serving=(address,))


def take_over(proxy: FakeProxy, token: int):
    """Another holder prepares and commits its copy, as `fence` does."""

    def act() -> None:
        proxy.newest += 1
        copy = replace(routes_of(proxy.entries), holder=token)
        proxy.prepared[proxy.newest] = {**copy.entries(), "sequence": "99"}
        proxy.swap(proxy.newest)

    return act


def test_a_commit_moves_traffic_and_says_who_did_it(proxy: FakeProxy) -> None:
    docker_session.commit_routes(proxy, "p", 5, to("10.0.0.2:80"))
    assert routes_of(proxy.entries) == Routes(5, 10, ("10.0.0.2:80",))
    assert proxy.kept, "the map is kept for the proxy's next start"


def test_an_older_holder_is_refused(proxy: FakeProxy) -> None:
    """B3: at its next write, whatever it does first."""
    with pytest.raises(Superseded, match="newer holder"):
        docker_session.commit_routes(proxy, "p", 3, to("10.0.0.2:80"))
    with pytest.raises(Superseded):
        docker_session.fence(proxy, "p", 3)
    assert routes_of(proxy.entries).holder == 4


def test_a_holder_replaced_between_reading_and_committing_is_refused(proxy: FakeProxy) -> None:
    """B3: by the proxy's version; it reads again then and sees who took over."""
    proxy.before_commit.append(take_over(proxy, 6))
    with pytest.raises(Superseded, match="newer holder"):
        docker_session.commit_routes(proxy, "p", 5, to("10.0.0.2:80"))
    assert routes_of(proxy.entries).serving == ("10.0.0.1:80",)


def test_a_holder_disturbed_by_an_older_one_tries_again(proxy: FakeProxy) -> None:
    proxy.before_commit.append(take_over(proxy, 4))
    docker_session.commit_routes(proxy, "p", 5, to("10.0.0.2:80"))
    assert routes_of(proxy.entries).serving == ("10.0.0.2:80",)


def test_a_fence_goes_above_a_version_that_was_prepared_meanwhile(proxy: FakeProxy) -> None:
    """B3: else a replaced holder could still commit what it prepared during the fence."""
    stale = proxy.newest + 2
    proxy.after_commit.append(lambda: proxy.answer("prepare map m"))
    fenced = docker_session.fence(proxy, "p", 5)
    assert stale in proxy.prepared
    assert proxy.commit(stale) == "Version number out of range."
    assert fenced.holder == 5


def test_a_fence_keeps_what_serves(proxy: FakeProxy) -> None:
    fenced = docker_session.fence(proxy, "p", 5)
    again = docker_session.fence(proxy, "p", 5)
    assert fenced.serving == again.serving == ("10.0.0.1:80",)


def test_writers_without_end_are_given_up_on(proxy: FakeProxy) -> None:
    proxy.before_commit.extend([take_over(proxy, 4)] * 20)
    with pytest.raises(Superseded, match="kept changing"):
        docker_session.commit_routes(proxy, "p", 5, to("10.0.0.2:80"))
