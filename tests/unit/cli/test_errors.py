"""Every error leaves the command line as facts and an exit code, without a traceback."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import typer
from pydantic import BaseModel, ValidationError
from typer.testing import CliRunner, Result

from slipway import errors
from slipway.cli.door import Door
from slipway.cli.options import Json
from slipway.errors import BadInput, Busy, ReleaseFailed
from slipway.terminal import error_lines

Slipway = Callable[..., Result]


def failing(error: BaseException) -> typer.Typer:
    app = typer.Typer(cls=Door, pretty_exceptions_enable=False)

    @app.callback()
    def root() -> None: ...

    @app.command()
    def fail(json: Json = False) -> None:
        raise error

    return app


def every_error() -> list[type[errors.SlipwayError]]:
    found = [errors.SlipwayError]
    for kind in found:
        found.extend(kind.__subclasses__())
    return [kind for kind in found if kind.__module__ == errors.__name__]


@pytest.mark.parametrize("kind", every_error(), ids=lambda kind: kind.__name__)
def test_each_error_ends_with_the_code_of_its_class(kind: type[errors.SlipwayError]) -> None:
    result = CliRunner().invoke(failing(kind("it is wrong")), ["fail"])
    assert result.exit_code == kind.exit_code
    assert result.stderr == "error: it is wrong\n"
    assert result.stdout == ""


def test_error_says_what_found_allowed_and_next() -> None:
    error = BadInput("name", found="'X'", allowed="lower case", next_step="slipway lint")
    lines = ["error: name", "  found:   'X'", "  allowed: lower case", "  next:    slipway lint"]
    assert error_lines(error) == lines


def test_error_shows_its_evidence() -> None:
    error = ReleaseFailed("it failed", evidence=["web: Traceback", "web: boom"])
    assert "  evidence: web: boom" in error_lines(error)


def test_json_error_is_one_object_on_stderr() -> None:
    """Programs read the same facts that people do."""
    result = CliRunner().invoke(failing(Busy("held", found="deploy 3")), ["fail", "--json"])
    assert result.exit_code == 9
    assert json.loads(result.stderr) == {
        "error": "Busy",
        "what": "held",
        "found": "deploy 3",
        "cause": "conflict",
        "retryable": True,
        "exit_code": 9,
    }


def test_bug_shows_its_type_and_no_text_of_its_own() -> None:
    """R10: the text of a foreign error may hold a secret."""
    result = CliRunner().invoke(failing(RuntimeError("canary-4711")), ["fail"])
    assert result.exit_code == 1
    assert "RuntimeError" in result.stderr
    assert "canary-4711" not in result.output + result.stderr
    assert "Traceback" not in result.stderr


def test_debug_shows_the_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLIPWAY_DEBUG", "1")
    result = CliRunner().invoke(failing(RuntimeError("boom")), ["fail"])
    assert "Traceback" in result.stderr


def test_debug_shows_no_text_of_foreign_errors(monkeypatch: pytest.MonkeyPatch) -> None:
    """G8: a library's error may repeat what it was given, also as the cause of ours."""
    monkeypatch.setenv("SLIPWAY_DEBUG", "1")
    error = BadInput("the store says no")
    error.__cause__ = ValueError("canary-in-a-cause")
    result = CliRunner().invoke(failing(error), ["fail"])
    assert "ValueError: (text not shown)" in result.stderr
    assert "BadInput: the store says no" in result.stderr
    assert "canary" not in result.stderr


def test_error_cannot_forge_lines_or_markup() -> None:
    error = BadInput("bad\nerror: forged", found="[red]x[/red]\x1b[2J")
    result = CliRunner().invoke(failing(error), ["fail"])
    assert result.stderr == "error: bad error: forged\n  found:   [red]x[/red] [2J\n"


def test_interrupt_names_recover() -> None:
    """A6: whatever was under way, the operator learns what settles it."""
    result = CliRunner().invoke(failing(KeyboardInterrupt()), ["fail"])
    assert result.exit_code == 130
    assert "slipway recover" in result.stderr


@pytest.mark.parametrize(
    ("argv", "says"),
    [
        (["history", "shop", "prod"], "the ledger holds nothing of shop/prod"),
        (["rollback", "shop", "prod"], "the ledger holds nothing of shop/prod"),
        (["rollback", "Shop", "prod"], "name is not valid"),
        (["rollback", "../x", "prod"], "name is not valid"),
        (["deploy", "127.0.0.1:1/shop:latest", "prod"], "reference has no digest"),
        (["deploy", "127.0.0.1:1/shop@sha256:12", "prod"], "digest is not valid"),
        (["plan", "no", "prod"], "reference has no digest"),
        (["deploy"], "Missing argument"),
        (["launch"], "No such command"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_bad_input_is_exit_2_and_changes_nothing(
    slipway: Slipway, tmp_path: Path, argv: list[str], says: str
) -> None:
    result = slipway(*argv)
    assert result.exit_code == 2
    assert says in result.stderr
    assert list(tmp_path.iterdir()) == []


def test_unreachable_registry_is_exit_8(slipway: Slipway, tmp_path: Path) -> None:
    reference = f"127.0.0.1:9/shop@sha256:{'a' * 64}"
    result = slipway("deploy", reference, "prod")
    assert result.exit_code == 8
    assert "127.0.0.1:9" in result.stderr


def test_wrong_setting_is_bad_input_by_its_variable(
    slipway: Slipway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLIPWAY_ACTOR", "two words")
    result = slipway("status")
    assert result.exit_code == 2
    assert "SLIPWAY_ACTOR" in result.stderr


def test_what_pydantic_refuses_is_not_repeated() -> None:
    """R10: only our own grammars may quote what was given."""

    class Form(BaseModel):
        secret: int

    with pytest.raises(ValidationError) as caught:
        Form.model_validate({"secret": "canary-4711"})
    assert error_lines(caught.value)[0] == "error: secret is not valid"
    assert "canary" not in " ".join(error_lines(caught.value))
