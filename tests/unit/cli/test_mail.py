"""Reports by e-mail: `slipway ci mail` and a mail server that talk over a socket."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType

import pytest
from typer.testing import CliRunner

from slipway.cli import main
from tests.fakes.smtp import FakeSmtp, serving, variables
from tests.rig.canaries import Sweep, text_canary

DIGEST = "sha256:" + "d" * 64
BUILD = {
    "JOB_NAME": "release/shop",
    "BUILD_NUMBER": "17",
    "BUILD_URL": "https://ci.example.org/job/shop/17/",
    "MODE": "release",
}
FAILURE = {
    "stage": "test",
    "cause": "test",
    "tier": "build",
    "message": "2 tests failed",
    "evidence": ["no sums today"],
    "next_step": "pytest -q",
}
PASSWORD = text_canary("mail password")
USER = ("jenkins", PASSWORD.text)


@pytest.fixture
def smtp(tmp_path: Path) -> Iterator[FakeSmtp]:
    """A server that wants a login."""
    with serving(FakeSmtp(login=USER), tmp_path) as fake:
        yield fake


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """What a red build left."""
    folder = tmp_path / "slipway-out"
    folder.mkdir()
    (folder / "image-digest.env").write_text(f"CANDIDATE=r.example/shop@{DIGEST}\n")
    (folder / "failure.json").write_text(json.dumps(FAILURE))
    return folder


def mail(
    smtp: FakeSmtp,
    out: Path,
    *more: str,
    own: Mapping[str, str] = MappingProxyType({}),
    status: str = "FAILURE",
    code: int = 0,
) -> str:
    """What `slipway ci mail` says; it never says the password."""
    argv = ["ci", "mail", "--status", status, "--stage", "Integrate", "--output-dir", str(out)]
    login = {"SLIPWAY_MAIL_USERNAME": "jenkins", "SLIPWAY_MAIL_PASSWORD": PASSWORD.text}
    given = {**BUILD, **variables(smtp, out.parent), **login, **own}
    done = CliRunner().invoke(main.app, [*argv, *more], env=given)
    assert done.exit_code == code, done.output
    assert Sweep((PASSWORD,)).hits([("said", done.output.encode())]) == []
    return done.output


def test_a_red_build_is_reported_by_mail(smtp: FakeSmtp, out: Path) -> None:
    """S2-22, S2-21, S2-29: both boxes, to everybody, over TLS, with the login behind it."""
    assert "report mailed to team@example.org, ops@example.org" in mail(smtp, out)
    (message,) = smtp.messages
    assert message["Subject"] == "FAILURE: release/shop #17"
    assert message["From"] == "jenkins@ci.example.org"
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["Message-ID"].endswith("@ci.example.org>")
    text = message.get_content()
    for said in ("Deployment Summary", DIGEST, "BUILD FAILED", "Integrate (test)", "no sums today"):
        assert said in text
    assert smtp.to == [["team@example.org", "ops@example.org"]]
    assert [verb for verb, tls in smtp.verbs if not tls] == ["EHLO", "STARTTLS"]
    assert ("AUTH", True) in smtp.verbs


def test_a_green_build_is_reported_without_a_failure_box(smtp: FakeSmtp, out: Path) -> None:
    """S2-22."""
    mail(smtp, out, status="SUCCESS")
    (message,) = smtp.messages
    assert message["Subject"] == "SUCCESS: release/shop #17"
    assert "BUILD FAILED" not in message.get_content()


def test_green_builds_may_be_left_out(smtp: FakeSmtp, out: Path) -> None:
    """S2-22: who wants to read of trouble alone says so."""
    only = {"SLIPWAY_MAIL_ON": "unsuccessful"}
    assert "no mail: SLIPWAY_MAIL_ON" in mail(smtp, out, status="SUCCESS", own=only)
    assert smtp.verbs == []
    mail(smtp, out, status="ABORTED", own=only)
    assert len(smtp.raw) == 1


def test_nobody_named_is_no_mail(smtp: FakeSmtp, out: Path) -> None:
    """S2-22: it is optional."""
    assert "SLIPWAY_MAIL_TO names nobody" in mail(smtp, out, own={"SLIPWAY_MAIL_TO": " "})
    assert smtp.verbs == []


def test_a_mail_holds_no_credential_of_its_build(smtp: FakeSmtp, out: Path) -> None:
    """S2-22, S2-29, G8: Jenkins masks its console alone, so what failed may have said one."""
    names = ("GIT_TOKEN", "PREFECT_API_AUTH_STRING", "SLIPWAY_BUILD_REGISTRY_PASSWORD")
    canaries = tuple(text_canary(name) for name in names)
    told = [f"curl -H 'token: {canary.text}'" for canary in (*canaries, PASSWORD)]
    (out / "failure.json").write_text(json.dumps({**FAILURE, "evidence": told}))
    mail(smtp, out, own={canary.name: canary.text for canary in canaries})
    (message,) = smtp.messages
    assert message.get_content().count("'token: ****'") == 4
    assert Sweep((*canaries, PASSWORD)).hits([("mail", smtp.raw[0])]) == []


def test_evidence_forges_no_header(smtp: FakeSmtp, out: Path) -> None:
    """G5: nor a second recipient, nor the end of the message."""
    mail(
        smtp,
        out,
        own={"JOB_NAME": "shop\r\nBcc: eve@example.org\r\n\r\n.\r\nMAIL FROM:<x@y.example>"},
    )
    (message,) = smtp.messages
    assert message["Bcc"] is None
    assert smtp.to == [["team@example.org", "ops@example.org"]]


@pytest.mark.parametrize(
    ("replies", "said"),
    [
        ({"MAIL": "451 later"}, "code 451"),
        ({"RCPT": "550 who"}, "ops@example.org: code 550"),
        ({"DATA": "554 spam"}, "code 554"),
        ({"EHLO": ""}, "did not answer as one should"),
        ({"STARTTLS": "454 not now"}, "code 454"),
    ],
    ids=["later", "nobody", "spam", "hangs up", "no TLS now"],
)
def test_a_mail_that_is_not_taken_only_warns(
    smtp: FakeSmtp, out: Path, replies: dict[str, str], said: str
) -> None:
    """S2-22, F1: said with its reason; the build's result stays, the exit code is 0."""
    smtp.replies = replies
    told = mail(smtp, out)
    assert "warning: the report was not mailed" in told
    assert said in told
    assert smtp.raw == []


def test_a_wrong_login_is_told_without_it(smtp: FakeSmtp, out: Path) -> None:
    """G8: the server's words repeat the login, so they go no further. With --strict it fails."""
    wrong = text_canary("wrong password")
    said = mail(smtp, out, "--strict", code=3, own={"SLIPWAY_MAIL_PASSWORD": wrong.text})
    assert "code 535" in said
    assert "build-mail-credentials" in said
    assert Sweep((wrong,)).hits([("said", said.encode())]) == []


def test_a_login_never_goes_without_tls(smtp: FakeSmtp, out: Path) -> None:
    """G7: a server from which somebody took STARTTLS away, and a setting that leaves it out."""
    smtp.features = ("AUTH",)
    assert "offers no TLS" in mail(smtp, out)
    assert "a login goes over TLS alone" in mail(smtp, out, own={"SLIPWAY_MAIL_SECURITY": "none"})
    assert not [verb for verb, _ in smtp.verbs if verb in {"AUTH", "MAIL"}]


def test_a_server_that_nobody_vouches_for_gets_nothing(smtp: FakeSmtp, out: Path) -> None:
    """G7: another authority, or another name."""
    assert "SSLCertVerificationError" in mail(smtp, out, own={"SLIPWAY_MAIL_CA_FILE": ""})
    assert "SSLCertVerificationError" in mail(smtp, out, own={"SLIPWAY_MAIL_HOST": "127.0.0.1"})
    assert not [verb for verb, _ in smtp.verbs if verb in {"AUTH", "MAIL"}]


def test_a_server_with_tls_from_the_first_byte(smtp: FakeSmtp, out: Path) -> None:
    smtp.implicit_tls = True
    mail(smtp, out, own={"SLIPWAY_MAIL_SECURITY": "tls"})
    assert len(smtp.raw) == 1
    assert all(tls for _, tls in smtp.verbs)


def test_a_relay_may_want_neither(smtp: FakeSmtp, out: Path) -> None:
    smtp.login, smtp.features = None, ()
    mail(smtp, out, own={"SLIPWAY_MAIL_SECURITY": "none", "SLIPWAY_MAIL_USERNAME": ""})
    assert len(smtp.raw) == 1
    assert "AUTH" not in [verb for verb, _ in smtp.verbs]


def test_the_password_may_come_from_a_file(smtp: FakeSmtp, out: Path) -> None:
    file = out.parent / "password"
    file.write_text(f"{PASSWORD.text}\n")
    mail(smtp, out, own={"SLIPWAY_MAIL_PASSWORD": "", "SLIPWAY_MAIL_PASSWORD_FILE": str(file)})
    assert len(smtp.raw) == 1


def test_a_server_that_is_silent_is_left_within_bounds(smtp: FakeSmtp, out: Path) -> None:
    """F1: nobody listens there any more."""
    assert "did not answer" in mail(smtp, out, own={"SLIPWAY_MAIL_PORT": "9"})


@pytest.mark.parametrize(
    ("own", "said"),
    [
        ({"SLIPWAY_MAIL_TO": "team@example.org\nBcc: eve@example.org"}, "SLIPWAY_MAIL_TO"),
        ({"SLIPWAY_MAIL_SENDER": "Jenkins"}, "SLIPWAY_MAIL_SENDER"),
        ({"SLIPWAY_MAIL_HOST": ""}, "SLIPWAY_MAIL_HOST"),
        ({"SLIPWAY_MAIL_PORT": "high"}, "SLIPWAY_MAIL_PORT"),
        ({"SLIPWAY_MAIL_ON": "sundays"}, "SLIPWAY_MAIL_ON"),
        ({"SLIPWAY_MAIL_PASSWORD": ""}, "has no password"),
        ({"SLIPWAY_MAIL_PASSWORD_FILE": "/nowhere"}, "password's file cannot be read"),
        ({"SLIPWAY_MAIL_CA_FILE": "/nowhere"}, "SLIPWAY_MAIL_CA_FILE cannot be read"),
    ],
    ids=["to", "sender", "host", "port", "on", "password", "password file", "ca file"],
)
def test_wrong_settings_are_named(
    smtp: FakeSmtp, out: Path, own: dict[str, str], said: str
) -> None:
    """G1, S2-22: by the name of the variable; nothing is sent."""
    assert said in mail(smtp, out, "--strict", code=2, own=own)
    assert smtp.raw == []
