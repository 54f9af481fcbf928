"""Where a rollback goes, on a real engine, with no Prefect server."""

import threading
import time

import pytest

from slipway.ledger import Kind
from tests.rig.docker_rig import remove_target
from tests.rig.shells import Shell

pytestmark = [pytest.mark.engine, pytest.mark.timeout(300)]

EXPIRES_AFTER = 60


def test_rollbacks_never_return_to_what_was_left(shell: Shell) -> None:
    """D4: back, and back again, to ever older verified releases; then a refusal, not ping-pong."""
    app = shell.app
    for version in ("one", "two", "three"):
        shell.run("deploy", app.candidate(version), "dev")
    shell.run("rollback", app.name, "dev")
    assert app.answer("dev") == "two"
    shell.run("rollback", app.name, "dev")
    assert app.answer("dev") == "one"
    said = shell.run("rollback", app.name, "dev", code=3)
    assert "no verified release to roll back to" in said
    assert app.answer("dev") == "one"


def test_what_was_rolled_back_comes_again_only_when_asked_for(shell: Shell) -> None:
    """D10, N14: the same trigger is refused with the reason; `--again` brings it in, on record."""
    app = shell.app
    one, two = app.candidate("one"), app.candidate("two")
    shell.run("deploy", one, "dev")
    shell.run("deploy", two, "dev")
    shell.run("rollback", app.name, "dev", "--reason", "slow checkout")
    said = shell.run("deploy", two, "dev", code=3)
    assert "rolled back: slow checkout" in said
    assert "--again" in said
    assert app.answer("dev") == "one"
    shell.run("deploy", two, "dev", "--again")
    assert app.answer("dev") == "two"
    assert any(record.kind is Kind.PARDON for record in app.ledger("dev").records())


def test_a_trigger_that_comes_late_does_not_take_users_back(shell: Shell) -> None:
    """E3: both the build that was skipped and the one that served before are refused as stale."""
    app = shell.app
    one, skipped = app.candidate("one"), app.candidate("skipped")
    shell.run("deploy", one, "dev")
    app.wait_for_later_build()
    two = app.candidate("two")
    shell.run("deploy", two, "dev")
    for older, why in ((one, "was released here by claim"), (skipped, "its build began at")):
        said = shell.run("deploy", older, "dev", code=3)
        assert why in said
        assert "--allow-downgrade" in said
        assert app.answer("dev") == "two"
    assert "unchanged" in shell.run("deploy", two, "dev")
    shell.run("deploy", one, "dev", "--allow-downgrade")
    assert app.answer("dev") == "one"
    facts = [r.body["facts"] for r in app.ledger("dev").records() if r.kind is Kind.CLAIM][-1]
    assert any("downgrade allowed by robot" in fact for fact in facts)


def test_a_target_that_went_bad_falls_to_the_release_before(shell: Shell) -> None:
    """D3: the last good release is never ready by now; the one before it serves."""
    app, end = shell.app, int(time.time()) + EXPIRES_AFTER
    shell.run("deploy", app.candidate("one"), "dev")
    shell.run("deploy", app.candidate("two", f"expires:{end}", deadline="5s"), "dev")
    shell.run("deploy", app.candidate("three"), "dev")
    threading.Event().wait(max(0, end - time.time()))
    said = shell.run("rollback", app.name, "dev", code=4)
    assert "not ready" in said
    assert app.answer("dev") == "one"
    rows = shell.read("history", app.name, "dev")
    assert isinstance(rows, list)
    assert rows[-1]["outcome"] == "restored"


def test_an_environment_that_was_cleared_by_hand_takes_the_next_release(shell: Shell) -> None:
    """N03, N12: containers and secrets are gone; the next release serves, and goes back."""
    app = shell.app
    shell.run("deploy", app.candidate("one"), "dev")
    remove_target(app.rig.docker.engine, app.target("dev"))
    shell.run("deploy", app.candidate("two"), "dev")
    assert app.answer("dev") == "two"
    shell.run("rollback", app.name, "dev")
    assert app.answer("dev") == "one"


def test_no_way_back_leads_over_a_forward_only_release_unnoticed(shell: Shell) -> None:
    """D8: refused upfront with what to do; accepted it goes back; a failed one tells what stays."""
    app = shell.app
    shell.run("deploy", app.candidate("one"), "dev")
    shell.run("deploy", app.candidate("two", migration="forward-only"), "dev")
    said = shell.run("rollback", app.name, "dev", code=3)
    assert "which is forward only" in said
    assert "--accept-forward-only" in said
    assert app.answer("dev") == "two"
    broken = app.candidate("three", "never-ready", deadline="3s", migration="forward-only")
    said = shell.run("deploy", broken, "dev", code=4)
    assert "what its migration changed in the data stays" in said
    assert app.answer("dev") == "two"
    shell.run("rollback", app.name, "dev", "--accept-forward-only")
    assert app.answer("dev") == "one"
