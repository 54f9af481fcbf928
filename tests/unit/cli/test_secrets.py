"""`slipway secrets` on a site in memory: check, rotate, diff, migrate (S0-09, S0-10, S0-15)."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from pydantic import SecretStr
from typer.testing import CliRunner, Result

from blocks import compose
from slipway.cli import main, secrets_input
from slipway.errors import BadInput, CrashLoop, Unreachable
from tests.fakes.secret_site import APPFILE, SecretSite, make_secret_site
from tests.fakes.site import make_candidate

Slipway = Callable[..., Result]
URL, OTHER = "postgres://canary-one", "postgres://canary-two"


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SecretSite:
    """Both environments are well and serve the same candidate."""
    made = make_secret_site(tmp_path)
    monkeypatch.setattr(compose, "Installation", lambda: made)
    for where in ("dev", "prod"):
        made.put(where, database_url=URL, api_keys="canary-a,canary-b")
        asyncio.run(made.deploy(where))
    return made


@pytest.fixture
def slipway(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Slipway:
    runner = CliRunner()
    return lambda *argv, given="": runner.invoke(main.app, ["secrets", *argv], input=given)


def faults(result: Result) -> dict[str, list[str]]:
    return {row["name"]: row["faults"] for row in json.loads(result.stdout)}


def test_check_of_what_is_well(slipway: Slipway, site: SecretSite) -> None:
    result = slipway("check", "shop", "prod")
    assert result.exit_code == 0, result.stderr
    assert "team-data" in result.stdout
    assert "canary" not in result.output


@pytest.mark.parametrize("what", ["candidate", "file"])
def test_check_takes_a_candidate_or_a_file_before_the_first_release(
    slipway: Slipway, site: SecretSite, tmp_path: Path, what: str
) -> None:
    text = APPFILE.replace("api-keys:", "new-key:")
    path = tmp_path / "slipway.yaml"
    path.write_text(text)
    operand = str(path) if what == "file" else site.push("b", text)
    result = slipway("check", operand, "prod", "--json")
    assert faults(result) == {
        "api-keys": ["without owner"],
        "database-url": [],
        "new-key": ["missing"],
    }
    assert result.exit_code == 4


def test_check_tells_the_next_step(slipway: Slipway, site: SecretSite) -> None:
    site.put("prod", database_url="canary-no-url", docker_registry_password="canary-push")
    result = slipway("check", "shop", "prod")
    assert result.exit_code == 4
    assert "next: slipway secrets rotate shop prod database-url" in result.stdout
    assert "docker-registry-password: of the build tier" in result.stdout
    assert "canary" not in result.output


@pytest.mark.parametrize(
    ("argv", "code", "word"),
    [
        (("check", "other", "prod"), 2, "the ledger holds nothing of other/prod"),
        (("check", "no/such.yaml", "prod"), 2, "the app file cannot be read"),
        (("check", "shop", "moon"), 2, "the ledger holds nothing of shop/moon"),
        (("diff", "other", "dev", "prod"), 2, "the ledger holds nothing of other"),
        (("rotate", "shop", "prod", "other"), 2, "database-url"),
        (("rotate", "shop", "prod", "api-keys"), 2, "nothing on standard input"),
        (("set", "shop", "prod", "other"), 2, "database-url"),
        (("rotate", "shop", "prod", "api-keys", "--generate", "8"), 2, "16"),
        (("rotate", "shop", "prod", "api-keys", "--generate", "16", "--resume"), 2, "one of them"),
        (("rotate", "shop", "prod", "database-url", "--generate", "16"), 2, "format url"),
        (("migrate", "plan", "shop", "prod", "--from", "paper"), 2, "prefect, files:FOLDER"),
        (("migrate", "plan", "shop", "prod", "--from", "files:/no/such"), 8, "old store"),
        (("migrate", "verify", "shop", "prod", "--from", "files:/tmp"), 3, "nothing was copied"),
        (("migrate", "verify", "shop", "prod", "--moved", "x"), 2, "--remove-old"),
        (("migrate", "plan", "shop", "prod", "--tier", "x=wonderful"), 2, "runtime"),
    ],
)
def test_bad_input_is_told(
    slipway: Slipway, site: SecretSite, argv: tuple[str, ...], code: int, word: str
) -> None:
    result = slipway(*argv)
    assert (result.exit_code, word in result.stderr) == (code, True), result.stderr
    assert site.serving("prod") == {"database-url": "1", "api-keys": "2"}


def test_first_value_of_a_new_secret_is_set(slipway: Slipway, site: SecretSite) -> None:
    """S0-10: a new secret needs the app file and the store, and no pipeline."""
    newer = site.push("b", APPFILE.replace("api-keys:", "new-key:"))
    result = slipway("set", newer, "prod", "new-key", given="canary-1,canary-2\n")
    assert result.stdout == "shop/prod new-key: version 3 is stored\n"
    assert slipway("check", newer, "prod", "--json").exit_code == 3
    again = slipway("set", newer, "prod", "database-url", given=OTHER)
    assert (again.exit_code, "slipway secrets rotate shop prod" in again.stderr) == (3, True)
    assert site.vault("prod").writes == 3


def test_rotate_takes_the_value_from_standard_input(slipway: Slipway, site: SecretSite) -> None:
    """S0-10: the same candidate, the new version, no image built."""
    result = slipway("rotate", "shop", "prod", "database-url", given=f"{OTHER}\n")
    assert result.exit_code == 0, result.stderr
    assert site.serving("prod") == {"database-url": "3", "api-keys": "2"}
    assert site.vault("prod").read("database-url", "3") == SecretStr(OTHER)
    assert "before: 1, kept for a rollback" in result.stdout
    assert "canary" not in result.output


def test_rotate_makes_a_random_value(slipway: Slipway, site: SecretSite) -> None:
    result = slipway("rotate", "shop", "prod", "api-keys", "--generate", "32", "--json")
    made = site.vault("prod").read("api-keys", "3").get_secret_value()
    assert (result.exit_code, json.loads(result.stdout)["version"]) == (0, "3")
    assert len(made) == 43
    assert made not in result.output


def test_rotate_waits_for_nobody_where_nothing_changes(slipway: Slipway, site: SecretSite) -> None:
    result = slipway("rotate", "shop", "prod", "database-url", given=URL)
    assert result.stdout == "shop/prod database-url: version 1 serves already\n"


def test_failing_rotation_says_that_the_old_version_serves(
    slipway: Slipway, site: SecretSite
) -> None:
    def crash(context: object) -> None:
        raise CrashLoop("web exited with 1")

    faulty = make_candidate("a", APPFILE)
    spec = site.release(faulty, "prod", "ci").order().spec
    wanted = spec.model_copy(update={"secrets": {**spec.secrets, "database-url": "3"}})
    site.place("prod").faults["containers healthy", wanted.id] = crash
    result = slipway("rotate", "shop", "prod", "database-url", given=OTHER)
    assert result.exit_code == 4
    assert "the old version of database-url serves" in result.stderr
    assert site.serving("prod")["database-url"] == "1"
    assert "canary" not in result.output


def test_resume_rolls_out_what_is_stored(slipway: Slipway, site: SecretSite) -> None:
    site.put("prod", database_url=OTHER)
    assert faults(slipway("check", "shop", "prod", "--json"))["database-url"] == ["not rolled out"]
    assert slipway("rotate", "shop", "prod", "database-url", "--resume").exit_code == 0
    assert slipway("check", "shop", "prod").exit_code == 0


def test_a_store_that_does_not_answer_is_code_8(slipway: Slipway, site: SecretSite) -> None:
    site.vault("prod").fault = Unreachable("the store is away")
    for argv in (("check", "shop", "prod"), ("rotate", "shop", "prod", "database-url")):
        assert slipway(*argv, given=OTHER).exit_code == 8
    assert slipway("diff", "shop", "dev", "prod").exit_code == 8


def test_diff_shows_names_and_versions(slipway: Slipway, site: SecretSite) -> None:
    """S0-09: environments have secrets of their own; whether values are equal is not told."""
    site.put("dev", only_dev="canary-x")
    before = list(site.vault("dev").reads)
    rows = json.loads(slipway("diff", "shop", "dev", "prod", "--json").stdout)
    assert rows[-1] == {
        "name": "only-dev",
        "format": None,
        "owner": None,
        "versions": [
            {"environment": "dev", "version": "3"},
            {"environment": "prod", "version": None},
        ],
    }
    assert "canary" not in slipway("diff", "shop", "dev", "prod").output
    assert site.vault("dev").reads == before


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """The one store from before, as files."""
    folder = tmp_path / "old"
    folder.mkdir()
    for name, value in (
        ("SMTP_PASSWORD", "canary-smtp"),
        ("docker-registry-password", "canary-registry"),
        ("k8s-namespace", "shop"),
        ("mystery", "canary-mystery"),
    ):
        (folder / name).write_text(f"{value}\n")
    return folder


def test_migration_from_files(slipway: Slipway, site: SecretSite, old: Path) -> None:
    """S0-15: plan, apply, verify, remove, each told apart by tier."""
    where = ("shop", "prod", "--from", f"files:{old}")
    plan = json.loads(slipway("migrate", "plan", *where, "--json").stdout)
    assert [(move["old"], move["tier"]) for move in plan] == [
        ("SMTP_PASSWORD", "runtime"),
        ("docker-registry-password", "build"),
        ("k8s-namespace", "config"),
        ("mystery", "undecided"),
    ]
    applied = slipway("migrate", "apply", *where)
    assert "mystery was left alone" in applied.stderr
    assert site.vault("prod").read("smtp-password", "3") == SecretStr("canary-smtp")
    assert slipway("migrate", "verify", *where).exit_code == 0
    done = slipway(
        *("migrate", "verify", *where, "--remove-old", "--moved", "docker-registry-password")
    )
    assert done.exit_code == 0, done.stderr
    assert sorted(path.name for path in old.iterdir()) == ["k8s-namespace", "mystery"]
    assert "canary" not in plan.__str__() + applied.output + done.output


def test_migration_is_undone(slipway: Slipway, site: SecretSite, old: Path) -> None:
    where = ("shop", "prod", "--from", f"files:{old}")
    slipway("migrate", "apply", *where, "--tier", "mystery=runtime")
    assert {"mystery", "smtp-password"} <= set(site.vault("prod").names())
    result = slipway("migrate", "undo", *where, "--json")
    assert json.loads(result.stdout) == ["smtp-password", "mystery"]
    assert site.vault("prod").names() == ["api-keys", "database-url"]
    assert len(list(old.iterdir())) == 4


def test_a_copy_that_differs_is_code_3(slipway: Slipway, site: SecretSite, old: Path) -> None:
    where = ("shop", "prod", "--from", f"files:{old}")
    slipway("migrate", "apply", *where)
    site.put("prod", smtp_password="canary-wrong")
    result = slipway("migrate", "verify", *where)
    assert (result.exit_code, "DIFFERENT" in result.stdout) == (3, True)
    assert slipway("migrate", "verify", *where, "--remove-old").exit_code == 3
    assert len(list(old.iterdir())) == 4


@pytest.mark.parametrize("data", [b"\xff\xfecanary", b"canary" * 100_000])
def test_what_is_no_value_is_refused_unseen(data: bytes) -> None:
    with pytest.raises(BadInput) as no:
        secrets_input._text("database-url", data)
    assert "canary" not in f"{no.value!r}{no.value.__cause__}"


def test_a_typed_value_is_asked_for_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = iter(["canary-1", "canary-1", "canary-1", "canary-2"])
    monkeypatch.setattr(secrets_input, "getpass", lambda prompt: next(answers))
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    assert secrets_input.new_value("x", None) == SecretStr("canary-1")
    with pytest.raises(BadInput, match="two different values"):
        secrets_input.new_value("x", None)
