"""`slipway secrets` with real Secret blocks and a real engine: under load, gated, migrated."""

import asyncio
import json
import os
import subprocess
import sys
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from slipway.access import accesses
from slipway.canonical import JsonObject
from slipway.cli.stack.prefect import base_environment
from slipway.ledger import Kind, Record
from tests.rig.canaries import Canary, Place, Sweep, text_canary
from tests.rig.places import files, prefect_api, sqlite
from tests.rig.prefect_rig import App, PrefectRig
from tests.rig.traffic import Load, Tally, drive

pytestmark = [pytest.mark.engine, pytest.mark.prefect, pytest.mark.timeout(300)]
NAME = "database-url"
APPFILE = """
app: {app}
images: {{web: {{port: 8000}}}}
secrets:
  database-url: {{format: url, owner: team-data, maximum_age_days: 90}}
environments:
  dev: {{port: {ports[0]}, gate: {{approvals: 0}}, health: {{bake: 500ms}}}}
  prod:
    port: {ports[2]}
    after: null
    gate: {{approvals: 1, timeout: 90s}}
    health: {{bake: 500ms}}
"""


class Operator:
    """Runs commands as a shell does; keeps the values that it gave and all that was said."""

    def __init__(self, rig: PrefectRig, app: App) -> None:
        self.rig, self.app = rig, app
        self.canaries: list[Canary] = []
        self.said: list[Place] = []
        self.started: list[subprocess.Popen[str]] = []
        self.candidate = rig.push(APPFILE.format(app=app.name, ports=app.ports))

    def value(self, filling: int = 0) -> str:
        """A new URL; a longer one for a larger `filling`, since the app tells lengths alone."""
        self.canaries.append(text_canary(f"value {len(self.canaries)}"))
        return f"postgres://{self.canaries[-1].text}@db/{'x' * filling}"

    def start(self, *argv: str, given: str = "") -> "subprocess.Popen[str]":
        process = subprocess.Popen(
            [str(Path(sys.executable).with_name("slipway")), *argv],
            env={
                **base_environment(os.environ),
                **self.rig.environment,
                "PREFECT_LOGGING_LEVEL": "DEBUG",
                "SLIPWAY_DEBUG": "1",
            },
            cwd=self.rig.folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.started.append(process)
        assert process.stdin
        process.stdin.write(given)
        process.stdin.close()
        process.stdin = None
        return process

    def end(self, process: "subprocess.Popen[str]", code: int = 0) -> str:
        out, err = process.communicate(timeout=120)
        self.started.remove(process)
        self.said.append((f"output: {len(self.said)}", f"{out}{err}".encode()))
        assert process.returncode == code, f"{out}\n{err}"
        return out

    def run(self, *argv: str, given: str = "", code: int = 0) -> str:
        return self.end(self.start(*argv, given=given), code)

    def secrets(self, verb: str, *argv: str, given: str = "", code: int = 0) -> str:
        return self.run("secrets", verb, self.app.name, *argv, given=given, code=code)

    def save(self, environment: str, value: str) -> None:
        """The first value, as an operator saves it."""
        self.rig.save_secret(f"{self.app.name}--{environment}--{NAME}", value)

    def claims(self, environment: str) -> list[JsonObject]:
        records = self.app.ledger(environment).records()
        return [record.body for record in records if record.kind is Kind.CLAIM]

    def seen_by_app(self, environment: str) -> int:
        """How long the app says that its secret is."""
        port = self.app.ports[0 if environment == "dev" else 2]
        return int(httpx.get(f"http://127.0.0.1:{port}/secret/{NAME}").text)

    def newest(self, environment: str) -> str:
        """The value that the next release would take."""
        block = f"{self.app.name}--{environment}--{NAME}"
        path = f"/block_types/slug/secret/block_documents/name/{block}"
        with self.rig.api as api:
            found = api.get(path, params={"include_secrets": True}).raise_for_status()
        return str(found.json()["data"]["value"])

    def asked(self, after: int) -> Record:
        """The request for approval that came after that record."""

        def is_asked(record: Record) -> bool:
            return record.kind is Kind.REQUESTED and record.number > after

        return self.app.await_record("prod", is_asked)

    def approve(self, keys: Path, after: int, *more: str) -> None:
        """Open the gate that waits since record `after`, as somebody else than the requester."""
        plan = str(self.asked(after).body["plan_hash"])
        self.run(
            *("approve", "--app", self.app.name, "--environment", "prod", self.candidate),
            *("--plan", plan, "--key", str(keys / "alice")),
            *("--approver", "alice@example.org", *more),
        )

    def close(self) -> None:
        """End what a failed test left running."""
        for process in self.started:
            process.kill()
            process.communicate()

    def places(self) -> Iterator[Place]:
        """All that was said and all that is left, but for the server's encrypted blocks."""
        yield from self.said
        yield from files("file", self.rig.folder)
        yield from sqlite(self.rig.folder / "prefect" / "server" / "prefect.db")
        yield from prefect_api(self.rig.settings.prefect_api)


@pytest.fixture
def operator(prefect_rig: PrefectRig, app: App) -> Iterator[Operator]:
    made = Operator(prefect_rig, app)
    try:
        yield made
    finally:
        made.close()


@contextmanager
def traffic(port: int) -> Iterator[list[Tally]]:
    """Clients ask the app until the block is left, and a second more; what they saw."""
    seen: list[Tally] = []
    ended = threading.Event()

    def ask() -> None:
        while not ended.is_set():
            seen.append(asyncio.run(drive(Load(port, seconds=1.5, keep_alive=4, anew=2))))

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        yield seen
    finally:
        ended.set()
        thread.join()


def images_of(claim: JsonObject) -> list[str]:
    return [service["image"] for service in claim["spec"]["services"]]


def test_rotation_builds_nothing_and_loses_no_request(operator: Operator) -> None:
    """S0-10, N12: a new value reaches the app without an image or a pipeline, and comes back."""
    old, new = operator.value(), operator.value(filling=9)
    operator.save("dev", old)
    operator.run("deploy", operator.candidate, "dev")
    with traffic(operator.app.ports[0]) as seen:
        said = json.loads(operator.secrets("rotate", "dev", NAME, "--json", given=f"{new}\n"))
        assert operator.seen_by_app("dev") == len(new)
        operator.run("rollback", operator.app.name, "dev", "--reason", "the old one still works")
        assert operator.seen_by_app("dev") == len(old)

    assert said["move"].startswith("write the value")
    first, second, third = operator.claims("dev")
    assert [change["field"] for change in second["changes"]] == [f"secrets.{NAME}"]
    assert {claim["candidate"] for claim in (first, second, third)} == {operator.candidate}
    images = [
        [service["image"] for service in claim["spec"]["services"]] for claim in (first, second)
    ]
    assert images[0] == images[1]
    assert first["spec"]["secrets"] == third["spec"]["secrets"]
    assert sum(tally.sent for tally in seen) > 100
    assert [failure for tally in seen for failure in tally.failures] == []
    assert Sweep(tuple(operator.canaries)).hits(operator.places()) == []


def test_gate_holds_a_rotation_and_a_killed_one_is_finished(operator: Operator, keys: Path) -> None:
    """I1, A2: nothing passes the gate by a new secret; killed at it, the old version serves."""
    old, new = operator.value(), operator.value(filling=9)
    operator.save("prod", old)
    first = operator.start("deploy", operator.candidate, "prod")
    operator.approve(keys, after=0)
    operator.end(first)

    before = len(operator.app.ledger("prod").records())
    killed = operator.start("secrets", "rotate", operator.app.name, "prod", NAME, given=new)
    operator.asked(after=before)
    killed.kill()
    operator.end(killed, code=-9)
    assert operator.seen_by_app("prod") == len(old)
    rows = json.loads(operator.secrets("check", "prod", "--json", code=3))
    assert rows[0]["faults"] == ["not rolled out"]

    again = operator.start("secrets", "rotate", operator.app.name, "prod", NAME, "--resume")
    operator.approve(keys, after=before)  # the same plan, so the request still stands
    operator.end(again)
    assert operator.seen_by_app("prod") == len(new)
    operator.secrets("check", "prod")
    assert operator.claims("prod")[-1]["approvals"]
    assert Sweep(tuple(operator.canaries)).hits(operator.places()) == []


def test_denied_rotation_makes_the_old_value_the_newest_again(
    operator: Operator, keys: Path
) -> None:
    """I1: whoever says no is heard, and no other release takes the value along."""
    old, new = operator.value(), operator.value(filling=9)
    operator.save("prod", old)
    first = operator.start("deploy", operator.candidate, "prod")
    operator.approve(keys, after=0)
    operator.end(first)

    before = len(operator.app.ledger("prod").records())
    denied = operator.start("secrets", "rotate", operator.app.name, "prod", NAME, given=new)
    operator.approve(keys, before, "--deny")
    operator.end(denied, code=3)
    assert f"the old version of {NAME} serves" in operator.said[-1][1].decode()
    assert operator.seen_by_app("prod") == len(old)
    assert operator.newest("prod") == old
    assert Sweep(tuple(operator.canaries)).hits(operator.places()) == []


@pytest.fixture
def former(prefect_rig: PrefectRig) -> dict[str, str]:
    """Secret blocks as a team had them before: old name to the canary in it."""
    mark = f"m{uuid.uuid4().hex[:6]}"
    values = {
        f"{mark}-database-url": "postgres://canary-of-the-old-store/db",
        f"docker-registry-password-{mark}": "canary-of-the-registry",
        f"{mark}-k8s-namespace": "shop",
    }
    for name, value in values.items():
        prefect_rig.save_secret(name, value)
    return values


def test_migration_of_secret_blocks(operator: Operator, former: dict[str, str]) -> None:
    """S0-15, S0-20: planned, applied, verified and removed with Secret blocks, by tier."""
    runtime, build, config = former
    where = (operator.app.name, "dev")
    operator.save("dev", operator.value())
    operator.run("deploy", operator.candidate, "dev")
    said = operator.run("secrets", "migrate", "plan", *where, "--json")
    plan = {move["old"]: move["tier"] for move in json.loads(said)}
    assert [plan[name] for name in former] == ["runtime", "build", "config"]

    operator.run("secrets", "migrate", "apply", *where)
    operator.run("secrets", "migrate", "apply", *where)
    assert "equal" in operator.run("secrets", "migrate", "verify", *where)
    operator.run("secrets", "migrate", "undo", *where)
    operator.run("secrets", "migrate", "apply", *where)
    moved = ("--moved", build, "--moved", config)
    operator.run("secrets", "migrate", "verify", *where, "--remove-old", *moved)
    assert json.loads(operator.run("secrets", "migrate", "plan", *where, "--json")) == []
    rows = json.loads(operator.secrets("check", "dev", "--json", code=3))
    assert {row["name"]: row["faults"] for row in rows}[runtime] == ["unused"]
    text = b"".join(data for _, data in operator.said).decode()
    assert "canary-of" not in text


def test_audit_runs_daily_and_is_red_for_a_crossing(operator: Operator) -> None:
    """S0-12, S0-19: on the worker, without a value read; the state names what is wrong."""
    with operator.rig.api as api:
        found = api.get("/deployments/name/audit_secrets/audit_secrets").json()
    assert [one["schedule"]["cron"] for one in found["schedules"]] == ["30 4 * * *"]
    operator.save("dev", operator.value())
    operator.run("deploy", operator.candidate, "dev")
    reads = len(accesses(operator.app.ledger("dev").records()))

    run = operator.rig.start_run("audit_secrets/audit_secrets", app=operator.app.name)
    assert operator.rig.final_state(run)["type"] == "COMPLETED"
    block = f"{operator.app.name}--dev--docker-registry-password"
    operator.rig.save_secret(block, operator.value())
    run = operator.rig.start_run("audit_secrets/audit_secrets", app=operator.app.name)
    state = operator.rig.final_state(run)

    assert state["type"] == "FAILED"
    assert "of the build tier: docker-registry-password" in state["message"]
    assert len(accesses(operator.app.ledger("dev").records())) == reads
    assert Sweep(tuple(operator.canaries)).hits(operator.places()) == []
