"""A release that goes past its gate, on a real engine and registry, by the command line."""

import json
from pathlib import Path

import pytest

from slipway.ledger import Kind
from tests.rig.shells import Shell

pytestmark = [pytest.mark.engine, pytest.mark.timeout(300)]
REASON = "payments are down"


def test_broken_glass_is_loud_and_drifts_until_others_approve(shell: Shell, keys: Path) -> None:
    """I8: on standard error, in status, history and drift; then an approval reconciles it."""
    app, one = shell.app.name, shell.app.gated_candidate("one", "60s")
    hammer = ("--break-glass", REASON, "--glass-key", str(keys / "erin"), "--glass-name", "erin")
    said = shell.run("deploy", one, "prod", *hammer)
    assert "GLASS BROKEN" in said
    assert REASON in said
    assert shell.app.answer("prod") == "one"

    assert f"glass broken by erin: {REASON}" in shell.run("status", app)
    assert shell.read("history", app, "prod")[0]["glass"].endswith(REASON)  # type: ignore[index]
    told = shell.run("drift", app, "prod", code=3)
    assert "wanted approved, found glass broken by erin" in told

    claim = next(r for r in shell.app.ledger("prod").records() if r.kind is Kind.CLAIM)
    about = ["--app", app, "--environment", "prod", "--plan", claim.body["plan_hash"]]
    shell.run("approve", one, *about, "--key", str(keys / "alice"), "--approver", "alice")

    assert "as recorded" in shell.run("drift", app, "prod")
    assert json.loads(shell.run("status", app, "--json"))[0]["glass"] is None


def test_glass_is_broken_by_nobody_else_and_opens_no_other_gate(shell: Shell, keys: Path) -> None:
    """I8: not by an approver's key, and what has no evidence is refused before anybody is asked."""
    one = shell.app.gated_candidate("one", "60s")
    alice = ("--glass-key", str(keys / "alice"), "--glass-name", "alice")
    assert "lacks the role" in shell.run(
        "deploy", one, "prod", "--break-glass", REASON, *alice, code=3
    )
    shell.run("deploy", one, "prod", "--break-glass", REASON, code=2)

    (shell.rig.folder / "trusted-keys" / "build.pem").unlink()
    erin = ("--glass-key", str(keys / "erin"), "--glass-name", "erin")
    shell.run("deploy", one, "prod", "--break-glass", REASON, *erin, code=3)
    kinds = [record.kind for record in shell.app.ledger("prod").records()]
    assert Kind.CLAIM not in kinds
    assert Kind.APPROVAL not in kinds
