"""What the Jenkinsfile hands to each program: words, and which credentials are beside them.

The programs write down what they were given; what they do for real is in test_jenkinsfile.py.
"""

import json
import shlex
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from slipway.cli.demo.sources import WorkingCopy
from tests.rig.canaries import Canary, Sweep, text_canary
from tests.rig.jenkins.controller import Built, Controller, login, secret_file, text

pytestmark = pytest.mark.jenkins

CANDIDATE = "registry.example/shop@sha256:" + "0" * 64
RECORDER = """#!{python} -IS
import json, os, sys
given = {{"argv": [os.path.basename(sys.argv[0]), *sys.argv[1:]], "env": dict(os.environ)}}
with open({book!r}, "a") as book:
    book.write(json.dumps(given) + "\\n")
if "flows.integrate" in sys.argv:
    os.makedirs("slipway-out", exist_ok=True)
    with open("slipway-out/image-digest.env", "w") as digests:
        digests.write("CANDIDATE={candidate}\\nREVISION=abc\\n")
sys.exit(os.environ.get("BREAKS", "nothing") in sys.argv)
"""
SECRET_VARIABLES = {
    *("PREFECT_API_URL", "PREFECT_API_KEY", "PREFECT_API_AUTH_STRING", "GIT_TOKEN"),
    *("SLIPWAY_BUILD_REGISTRY_PASSWORD", "SLIPWAY_BUILD_SIGNING_KEY", "SLIPWAY_MAIL_PASSWORD"),
}


@dataclass(frozen=True)
class Call:
    """One program that was started."""

    argv: list[str]
    env: dict[str, str]

    @property
    def secrets(self) -> set[str]:
        return SECRET_VARIABLES & self.env.keys()


@dataclass
class Desk:
    """A job whose programs only write down what they were given."""

    jenkins: Controller
    book: Path
    commit: str

    def calls(self, variables: dict[str, str] | None = None, **params: str) -> list[Call]:
        """The programs of one build, in their order."""
        self.book.write_text("")
        self.jenkins.build(self.commit, variables=variables, **params)
        lines = self.book.read_text().splitlines()
        return [Call(**json.loads(line)) for line in lines]

    @property
    def last(self) -> Built:
        return self.jenkins.builds[-1]


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    """Everything that Jenkins can give: both logins of Prefect, statuses, all credentials."""
    programs, book = tmp_path / "home" / ".venv" / "bin", tmp_path / "book"
    programs.mkdir(parents=True)
    recorder = RECORDER.format(python=sys.executable, book=str(book), candidate=CANDIDATE)
    for name in ("slipway", "prefect", "python"):
        (programs / name).write_text(recorder)
        (programs / name).chmod(0o700)
    source = WorkingCopy(tmp_path / "app")
    source.folder.mkdir()
    source.git("init", "--quiet", "--initial-branch=main")
    (source.folder / "slipway.yaml").write_text("app: shop\n")
    source.commit("One")
    ids = ("prefect-api-url", "prefect-api-auth", "prefect-api-key")
    jenkins = Controller(
        folder=tmp_path / "jenkins",
        agent={
            "PATH": "/usr/bin:/bin",
            "SLIPWAY_HOME": str(tmp_path / "home"),
            "SLIPWAY_COMMIT_STATUS": "true",
            "SLIPWAY_MAIL_TO": "team@example.org",
            "SLIPWAY_MAIL_LOGIN": "true",
        },
        credentials={
            **{name: text(text_canary(name).text) for name in ids},
            "docker-registry-credentials": login("pusher", text_canary("registry").text),
            "git-credentials": login("ci", text_canary("git").text),
            "build-mail-credentials": login("ci", text_canary("mail").text),
            "build-signing-key": secret_file("key.pem", text_canary("key").text),
        },
        repository=str(source.folder),
    )
    return Desk(jenkins, book, source.git("rev-parse", "HEAD").strip())


def words(calls: list[Call]) -> list[str]:
    return [shlex.join(call.argv) for call in calls if call.argv[:3] != ["slipway", "ci", "status"]]


CLEANED = "slipway ci clean"  # the last command of every build


def mailed(status: str, stage: str) -> str:
    """The command of a trusted build before it cleans up."""
    return f"slipway ci mail --status {status} --stage {stage} --output-dir slipway-out"


RUN = "--param requested_by=jenkins --tag build-jenkins-jenkins-1 --watch"


def test_a_release_hands_over_one_digest(desk: Desk) -> None:
    """S0-05, S1-04, S2-06, S2-10, DC-00, DC-07: two commands of Prefect, and one digest."""
    assert words(desk.calls()) == [
        "slipway --version",
        "slipway doctor --agent",
        "python -m flows.integrate --app-dir examples/fastapi --output-dir slipway-out",
        "prefect --no-prompt deploy --all",
        f"prefect deployment run release/release --param candidate={CANDIDATE} {RUN}",
        "slipway ci summary --status SUCCESS --output-dir slipway-out",
        mailed("SUCCESS", "Release"),
        CLEANED,
    ]


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        (
            {"MODE": "promote", "APP": "shop", "FROM": "dev", "TO": "prod"},
            "promote/promote --param app=shop --param from_environment=dev --param to=prod",
        ),
        (
            {"MODE": "rollback", "APP": "shop", "TO": "stage"},
            "rollback/rollback --param app=shop --param environment=stage",
        ),
        (
            {"MODE": "rollback", "APP": "shop", "TO": "prod", "SLIPWAY_TO": "stage"},
            "rollback/rollback --param app=shop --param environment=stage",
        ),
        (
            {"MODE": "rollback", "APP": "x; id $(id) `id` \" '", "TO": "-x\n--all"},
            "rollback/rollback --param "
            + shlex.join(["app=x; id $(id) `id` \" '", "--param", "environment=-x\n--all"]),
        ),
    ],
)
def test_a_mode_is_one_run_and_no_build(desk: Desk, params: dict[str, str], expected: str) -> None:
    """S2-26, S2-27, S2-41, G1, G2: what somebody types stays one argument."""
    assert words(desk.calls(**params)) == [
        "slipway --version",
        f"prefect deployment run {expected} {RUN}",
        "slipway ci summary --status SUCCESS --output-dir slipway-out",
        mailed("SUCCESS", "Release"),
        CLEANED,
    ]


@pytest.mark.parametrize("mode", ["release", "promote", "rollback"])
@pytest.mark.parametrize(
    "variables", [{"CHANGE_ID": "7", "BRANCH_NAME": "main"}, {"BRANCH_NAME": "main2"}]
)
def test_a_change_is_built_and_nothing_else(
    desk: Desk, variables: dict[str, str], mode: str
) -> None:
    """S2-30: a pull request cannot ask for another mode, nor be called like the main branch."""
    calls = desk.calls(variables, MODE=mode)
    assert words(calls)[1] == "slipway doctor --agent"
    assert words(calls)[2].startswith("python -m flows.preview")
    assert not [call for call in calls if call.argv[0] == "prefect" or call.secrets]
    assert desk.last.credentials == {}


def test_each_program_sees_the_credentials_of_its_stage_alone(desk: Desk) -> None:
    """S0-23, S2-23, N21: and no login of Prefect that is not this server's."""
    seen = {" ".join(call.argv[:3]): call.secrets for call in desk.calls()}
    prefect = {"PREFECT_API_URL", "PREFECT_API_AUTH_STRING"}
    registry = {"SLIPWAY_BUILD_REGISTRY_PASSWORD", "SLIPWAY_BUILD_SIGNING_KEY"}
    assert seen == {
        "slipway --version": set(),
        "slipway doctor --agent": set(),
        "slipway ci status": {"GIT_TOKEN"},
        "python -m flows.integrate": prefect | registry,
        "prefect --no-prompt deploy": prefect,
        "prefect deployment run": prefect,
        "slipway ci summary": set(),
        "slipway ci mail": prefect | {"SLIPWAY_MAIL_PASSWORD"},
        CLEANED: set(),
    }


@pytest.mark.parametrize(
    ("variables", "breaks", "stage", "bound"),
    [
        ({"BRANCH_NAME": "topic"}, "flows.preview", "Preview", set()),
        ({"BRANCH_NAME": "topic"}, "doctor", "Preview", set()),
        ({}, "doctor", "Integrate", {"PREFECT_API_URL", "PREFECT_API_AUTH_STRING"}),
        ({}, "flows.integrate", "Integrate", {"PREFECT_API_URL", "PREFECT_API_AUTH_STRING"}),
        ({}, "deploy", "Register", {"PREFECT_API_URL", "PREFECT_API_AUTH_STRING"}),
    ],
)
def test_a_failure_is_told_with_no_more_credentials(
    desk: Desk, variables: dict[str, str], breaks: str, stage: str, bound: set[str]
) -> None:
    """S2-22, S2-28, S2-29, S2-30: the stage is named; what comes after it does not run."""
    calls = desk.calls({**variables, "BREAKS": breaks})
    assert words([calls.pop()]) == [CLEANED]
    if bound:
        assert words(calls)[-1] == mailed("FAILURE", stage)
        calls.pop()
    box = calls[-1]
    assert box.argv == ["slipway", *f"ci failure --stage {stage} --output-dir slipway-out".split()]
    assert box.secrets == bound
    assert words(calls)[-2] == "slipway ci summary --status FAILURE --output-dir slipway-out"
    assert desk.last.ran[-1] == stage


@pytest.mark.parametrize("broken", ["program", "credential"])
def test_a_mail_that_fails_changes_nothing(desk: Desk, broken: str) -> None:
    """S2-22: not even where the credential is missing; it is said, and the workspace is emptied."""
    if broken == "credential":
        del desk.jenkins.credentials["build-mail-credentials"]
    calls = desk.calls({"BREAKS": "mail"})
    assert (mailed("SUCCESS", "Release") in words(calls)) is (broken == "program")
    assert desk.last.result == "SUCCESS"
    assert "ERROR: The report was not mailed" in desk.last.console
    assert "[WS-CLEANUP] done" in desk.last.console


def test_mail_is_sent_where_somebody_is_named(desk: Desk) -> None:
    """S2-22: optional; a server without a login needs no credential."""
    desk.jenkins.agent["SLIPWAY_MAIL_LOGIN"] = "false"
    assert desk.calls()[-2].secrets == {"PREFECT_API_URL", "PREFECT_API_AUTH_STRING"}
    del desk.jenkins.agent["SLIPWAY_MAIL_TO"]
    assert words(desk.calls())[-2].startswith("slipway ci summary")
    assert "build-mail-credentials" not in set().union(*desk.last.credentials.values())


def test_no_secret_is_an_argument_or_on_the_console(desk: Desk) -> None:
    """S2-35, S2-36, G8."""
    calls = desk.calls()
    stored = desk.jenkins.credentials.values()
    values = {c.get("secret") or c.get("password") or c["content"] for c in stored}
    canaries = tuple(Canary(f"number {n}", value.encode()) for n, value in enumerate(values))
    told = [("console", desk.last.raw), *(("argument", w) for call in calls for w in call.argv)]
    assert len(canaries) == len(desk.jenkins.credentials)
    assert Sweep(canaries).hits((place, said.encode()) for place, said in told) == []


def test_who_starts_a_build_asks_for_the_release(desk: Desk) -> None:
    """I2: so they cannot approve it."""
    desk.book.write_text("")
    cause = {"_class": "hudson.model.Cause$UserIdCause", "userId": "dora@example.org"}
    desk.jenkins.build(desk.commit, causes=[cause])
    assert "requested_by=dora@example.org" in desk.book.read_text()
