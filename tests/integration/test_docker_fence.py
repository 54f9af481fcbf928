"""B3: a holder that was replaced changes nothing any more; the proxy itself refuses it."""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from blocks.platforms import docker_names as names
from blocks.platforms import docker_session
from blocks.platforms.docker_engine import open_engine
from slipway.errors import Superseded
from slipway.platform import Stage
from tests.rig.docker_world import World

pytestmark = pytest.mark.engine

PAUSED_HOLDER = """
import json, os, signal, sys
from dataclasses import replace
from blocks.platforms import docker_session
from blocks.platforms.docker_engine import open_engine
from slipway.errors import SlipwayError

orders = json.loads(sys.argv[1])

def stop_and_change(found):
    os.kill(os.getpid(), signal.SIGSTOP)
    return replace(found, serving=tuple(orders["serving"]), previous=())

try:
    docker_session.commit_routes(
        open_engine(None), orders["proxy"], orders["token"], stop_and_change
    )
except SlipwayError as error:
    print(type(error).__name__)
else:
    print("committed")
"""


def step(world: World, name: str, spec, previous=None):
    return [s for s in world.platform.forward(spec, previous) if s.name == name]


def test_a_paused_holder_wakes_up_and_is_refused(world: World) -> None:
    """B3: SIGSTOP between reading and committing; meanwhile another claim takes over."""
    one, two = world.spec("one"), world.spec("two")
    world.deploy(one)
    world.take(world.platform.forward(two, one), "traffic switched")
    api = open_engine(None)
    proxy = names.proxy_name(world.target)
    serving = docker_session.read_routes(api, proxy).serving
    orders = {"proxy": proxy, "token": world.token, "serving": ["10.213.0.99:8000"]}
    argv = [sys.executable, "-c", PAUSED_HOLDER, json.dumps(orders)]
    root = Path(__file__).parents[2]
    with subprocess.Popen(argv, cwd=root, stdout=subprocess.PIPE, text=True) as paused:
        wait_until_stopped(paused.pid)
        world.platform.fence(world.target, world.token + 1)
        os.kill(paused.pid, signal.SIGCONT)
        output, _ = paused.communicate(timeout=30)
    assert output.strip() == "Superseded"
    assert docker_session.read_routes(api, proxy).serving == serving
    assert world.get() == "200 one"
    api.close()


def wait_until_stopped(pid: int) -> None:
    until = time.monotonic() + 30
    while time.monotonic() < until:
        if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "T":
            return
        time.sleep(0.05)
    raise TimeoutError("the holder did not stop itself")


def test_the_proxy_refuses_a_version_prepared_before_the_fence(world: World) -> None:
    """N11: HAProxy's own answer, without any check of ours."""
    world.deploy(world.spec("one"))
    proxy = names.proxy_name(world.target)
    api = open_engine(None)
    with docker_session.open_session(api, proxy) as stale:
        version = stale.prepare()
        routes = stale.read()
        world.platform.fence(world.target, world.token + 1)
        with pytest.raises(docker_session.CommitRefused, match="out of range"):
            stale.commit(version, replace(routes, serving=("10.213.0.99:8000",)))
    assert world.get() == "200 one"
    api.close()


def test_a_replaced_holder_can_take_no_step_that_acts(world: World) -> None:
    """B3, B5: also one that begins only after it was replaced."""
    one, two = world.spec("one"), world.spec("two", secrets={"key": "v1"})
    world.deploy(one)
    world.platform.fence(world.target, world.token + 1)
    before = world.platform.observe(world.target)
    steps = [*world.platform.forward(two, one), *world.platform.retire(world.target, [])]
    watching = ("images present", "release healthy", "release verified")
    for refused in steps:
        if refused.name not in watching:
            with pytest.raises(Superseded):
                refused.run(world.context)
    with pytest.raises(Superseded):
        world.platform.fence(world.target, world.token)
    assert world.platform.observe(world.target) == before


def test_looking_at_a_release_needs_no_claim_and_writes_nothing(world: World) -> None:
    """Steps of the stage verify only read, so `verify` can take them at any time."""
    one = world.spec("one")
    world.deploy(one)
    api = open_engine(None)
    proxy = names.proxy_name(world.target)
    before = docker_session.read_routes(api, proxy)
    looks = [s for s in world.platform.forward(one, None) if s.stage is Stage.VERIFY]
    assert [s.name for s in looks] == ["release verified"]
    world.holder(0).take(looks)
    assert docker_session.read_routes(api, proxy) == before
    api.close()


def test_a_restarted_proxy_serves_on_and_still_refuses_the_replaced_holder(world: World) -> None:
    """B3, B4: maps and holder outlive the proxy's process."""
    one, two = world.spec("one"), world.spec("two")
    world.deploy(one)
    world.deploy(two, one)
    newer = world.holder(world.token + 1)
    newer.platform.fence(world.target, newer.token)
    proxy = world.rig.engine.containers.get(names.proxy_name(world.target))
    proxy.kill("SIGKILL")
    proxy.start()
    answers = set()
    for _ in range(20):
        try:
            answers.add(world.get())
        except OSError:
            time.sleep(0.1)
        except Exception:  # noqa: BLE001 - the proxy may not listen yet
            time.sleep(0.1)
    assert answers == {"200 two"}
    with pytest.raises(Superseded):
        world.take(step(world, "traffic switched", one))
    newer.take(step(newer, "traffic switched", one))
    assert world.get() == "200 one"


def test_a_holder_whose_proxy_restarted_goes_on(world: World) -> None:
    """A9: versions start again at 1 after a restart; the holder is known by its claim."""
    one, two = world.spec("one"), world.spec("two")
    world.deploy(one)
    world.take(world.platform.forward(two, one), "traffic switched")
    world.rig.engine.containers.get(names.proxy_name(world.target)).restart(timeout=1)
    seen = world.deploy(two, one)
    assert seen["containers started"] == {"started": []}
    assert world.get() == "200 two"


def test_a_proxy_that_somebody_stopped_is_started_by_the_fence(world: World) -> None:
    """B8: the next holder finds a proxy that refuses the last one."""
    one = world.spec("one")
    world.deploy(one)
    world.rig.engine.containers.get(names.proxy_name(world.target)).stop(timeout=1)
    assert world.platform.observe(world.target).serving is None
    world.platform.fence(world.target, world.token + 1)
    assert world.platform.observe(world.target).serving == one.id
    assert world.get() == "200 one"


def test_a_holder_that_made_the_proxy_late_is_replaced(world: World) -> None:
    """B3 on a first release: there was no proxy when the newer holder fenced."""
    one = world.spec("one")
    newer = world.holder(world.token + 1)
    assert newer.platform.fence(world.target, newer.token)["proxy"] is None
    world.take(world.platform.forward(one, None), "containers started")
    newer.deploy(one)
    with pytest.raises(Superseded):
        world.take(step(world, "traffic switched", one))
