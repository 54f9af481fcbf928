"""No secrets command shows a value, however it ends and however loud it is (G8)."""

import asyncio
import json
import logging
from collections.abc import Callable
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from blocks import compose
from slipway.cli import main
from slipway.errors import CrashLoop, SlipwayError, Unreachable
from slipway.platform import StepContext
from tests.fakes.secret_site import APPFILE, make_secret_site
from tests.rig.canaries import Canary, Sweep, text_canary

LOUD = logging.DEBUG
WORDS = ("reveal", "show-value", "value", "values", "plain", "unmask", "print", "cleartext")


class Stage:
    """A site in which every value is a canary; `run` keeps what each command says."""

    def __init__(self, folder: Path) -> None:
        self.site = make_secret_site(folder / "state")
        self.old = folder / "old"
        self.old.mkdir()
        self.canaries: list[Canary] = []
        self.said: list[tuple[str, bytes]] = []
        self.ran: set[str] = set()
        for where in ("dev", "prod"):
            self.site.put(where, database_url=self.url(), api_keys=self.word())
            asyncio.run(self.site.deploy(where))
        for name in ("SMTP_PASSWORD", "docker-registry-password", "mystery"):
            (self.old / name).write_text(self.word())

    def word(self) -> str:
        self.canaries.append(text_canary(f"canary {len(self.canaries)}"))
        return self.canaries[-1].text

    def url(self) -> str:
        return f"postgres://shop:{self.word()}@db/shop"

    def run(self, *argv: str, given: str = "", code: int | None = 0) -> str:
        words = tuple(word for word in argv if not word.startswith("-"))
        self.ran.add(words[1] if words[0] == "migrate" else words[0])
        result = CliRunner().invoke(main.app, ["secrets", *argv], input=given)
        assert code is None or result.exit_code == code, result.output
        self.said.append((f"{argv} {len(self.said)}", result.output.encode()))
        if result.exception:
            self.said.append((f"{argv} exception", repr(result.exception).encode()))
        return result.output

    @property
    def newer(self) -> str:
        """The app file of the next version, which has one secret more."""
        path = self.old.parent / "slipway.yaml"
        path.write_text(
            APPFILE.replace("secrets:", "secrets:\n  new-key: {format: list, owner: t}")
        )
        return str(path)

    @property
    def source(self) -> tuple[str, str]:
        return ("--from", f"files:{self.old}")


@pytest.fixture
def stage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> Stage:
    monkeypatch.setenv("SLIPWAY_DEBUG", "1")
    caplog.set_level(LOUD)
    made = Stage(tmp_path)
    monkeypatch.setattr(compose, "Installation", lambda: made.site)
    return made


@pytest.fixture
def nothing_shown(
    stage: Stage, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> Callable[[], None]:
    """Search all that was said, logged and written: ledger, checkpoints, journal."""

    def search() -> None:
        files = [path for path in (tmp_path / "state").rglob("*") if path.is_file()]
        logged = "\n".join(record.getMessage() + repr(record.args) for record in caplog.records)
        places = [
            *stage.said,
            ("log", logged.encode()),
            *((str(path), path.read_bytes()) for path in files),
        ]
        assert Sweep(tuple(stage.canaries)).hits(places) == []
        assert len(files) > 20

    return search


def every_command() -> set[str]:
    """Names of all secrets commands, those of `migrate` among them."""
    group = typer.main.get_command(main.app).commands["secrets"]  # type: ignore[attr-defined]
    return set(group.commands) - {"migrate"} | set(group.commands["migrate"].commands)


def test_success_failure_and_json(stage: Stage, nothing_shown: Callable[[], None]) -> None:
    """G8: each command, as text and as JSON, when it goes well and when it does not."""
    for more in ((), ("--json",)):
        stage.run("check", "shop", "prod", *more)
        stage.run("set", "shop", "prod", "api-keys", *more, given=stage.word(), code=3)
        stage.run("set", stage.newer, "prod", "new-key", *more, given=stage.word())
        stage.run("set", stage.newer, "prod", "new-key", *more, given=f",{stage.word()}", code=2)
        stage.site.vault("prod").delete("new-key")
        stage.run("diff", "shop", "dev", "prod", *more)
        stage.run("rotate", "shop", "prod", "database-url", *more, given=stage.url())
        stage.run("rotate", "shop", "prod", "database-url", *more, given=stage.word(), code=2)
        stage.run("rotate", "shop", "prod", "api-keys", *more, given=f"{stage.word()},,", code=2)
        stage.run("migrate", "plan", "shop", "prod", *stage.source, *more)
        stage.run("migrate", "apply", "shop", "prod", *stage.source, *more)
        stage.run("migrate", "verify", "shop", "prod", *stage.source, *more)
        stage.site.put("prod", smtp_password=stage.word())
        stage.run("migrate", "verify", "shop", "prod", *stage.source, *more, code=3)
        stage.run("migrate", "undo", "shop", "prod", *stage.source, *more, code=3)
        stage.site.put("prod", database_url=stage.word())
        stage.run("check", "shop", "prod", *more, code=4)
        stage.run("rotate", "shop", "prod", "database-url", *more, given=stage.url())
        stage.site.vault("prod").delete("smtp-password")
        stage.run("migrate", "undo", "shop", "prod", *stage.source, *more)
    assert stage.ran == every_command()
    nothing_shown()


def test_failing_release(stage: Stage, nothing_shown: Callable[[], None]) -> None:
    def crash(context: StepContext) -> None:
        raise CrashLoop("web exited with 1")

    place = stage.site.place("prod")
    place.forward = broken(place.forward, crash)  # type: ignore[method-assign]
    for more in ((), ("--json",)):
        stage.run("rotate", "shop", "prod", "database-url", *more, given=stage.url(), code=4)
    nothing_shown()


def broken(forward, crash):
    """Steps to any version but the first crash."""

    def steps(spec, previous):
        for step in forward(spec, previous):
            faulty = spec.secrets["database-url"] != "1" and step.name == "containers healthy"
            yield type(step)(step.name, step.stage, crash) if faulty else step

    return steps


class Bug(Exception):
    """An error of a library, which repeats what it was given."""


@pytest.mark.parametrize("error", [Bug, Unreachable], ids=["crash", "store away"])
def test_a_store_that_breaks(
    stage: Stage, nothing_shown: Callable[[], None], error: type[Exception]
) -> None:
    """Crashes of a library whose error text is the value itself, told at SLIPWAY_DEBUG=1."""
    text = "the store is away" if issubclass(error, SlipwayError) else stage.word()
    for where in ("prod", "dev"):
        stage.site.vault(where).fault = error(text)  # type: ignore[assignment]
    expected = 8 if issubclass(error, SlipwayError) else 1
    for argv in (
        ("check", "shop", "prod"),
        ("diff", "shop", "dev", "prod"),
        ("rotate", "shop", "prod", "database-url"),
        ("rotate", "shop", "prod", "api-keys", "--generate", "16"),
        ("migrate", "apply", "shop", "prod", *stage.source),
    ):
        for more in ((), ("--json",)):
            said = stage.run(*argv, *more, given=stage.url(), code=expected)
            assert "Traceback" in said
    nothing_shown()


def test_generated_value(stage: Stage, nothing_shown: Callable[[], None]) -> None:
    stage.run("rotate", "shop", "prod", "api-keys", "--generate", "24")
    newest = stage.site.vault("prod").state("api-keys").version
    made = stage.site.vault("prod").read("api-keys", newest).get_secret_value()
    stage.canaries.append(Canary("generated", made.encode()))
    nothing_shown()


def test_no_option_asks_for_a_value_or_takes_one() -> None:
    group = typer.main.get_command(main.app).commands["secrets"]  # type: ignore[attr-defined]
    options = [
        option
        for command in [*group.commands.values(), *group.commands["migrate"].commands.values()]
        for parameter in command.params
        for option in parameter.opts
    ]
    assert len(options) > 15
    assert [one for one in options if one.lstrip("-") in WORDS] == []


def test_the_search_is_able_to_fail(stage: Stage, nothing_shown: Callable[[], None]) -> None:
    stage.said.append(("bait", json.dumps({"value": stage.word()}).encode()))
    with pytest.raises(AssertionError, match="bait"):
        nothing_shown()
