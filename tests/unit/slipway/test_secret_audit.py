"""The audit of runtime secrets: what is red, what is told, what is shown (S0-12, S0-17, S0-19)."""

import pytest

from slipway.access import access_body
from slipway.errors import Refused
from slipway.ledger import Kind
from slipway.release import Target
from slipway.secret_audit import (
    TargetAudit,
    Use,
    by_app,
    findings_of,
    key,
    last_uses,
    page,
    refuse_red,
)
from slipway.secret_check import Fault, SecretRow
from tests.fakes.world import World, order, spec

PROD = Target(app="shop", environment="prod")
USE = Use(record=7, time="2026-06-01T10:00:00.000Z", requested_by="ci", why="deploy")


def audit(*faults, name="database-url", target=PROD, **changes):
    row = SecretRow(name=name, owner="data", version="2", age_days=3, faults=faults)
    return TargetAudit(target=target, rows=(row,), **changes)


@pytest.mark.parametrize("fault", list(Fault))
def test_only_crossings_and_expired_secrets_are_red(fault):
    findings = findings_of([audit(fault)])
    assert [one.names for one in findings] == [("database-url",)]
    if fault in (Fault.CROSSING, Fault.EXPIRED):
        with pytest.raises(Refused, match=f"shop/prod: {fault}: database-url"):
            refuse_red(findings)
    else:
        refuse_red(findings)


def test_a_build_credential_beside_the_targets_is_red():
    with pytest.raises(Refused, match="beside the targets: of the build tier: docker-registry"):
        refuse_red([], ["docker-registry-password"])


def test_events_have_a_name_for_each_class():
    names = [findings_of([audit(fault)])[0].event for fault in Fault]
    assert len(set(names)) == len(Fault)
    assert findings_of([audit(Fault.EXPIRED)])[0].event == "slipway.secrets.over-age"


async def test_last_use_is_the_newest_release_that_had_the_secret(tmp_path):
    """S0-12: who asked, for what, when."""
    world = World(tmp_path)
    await world.engine().deploy(order("a", spec=spec("a", secrets={"x": "1", "y": "1"})))
    await world.engine().deploy(order("b", spec=spec("b", secrets={"x": "2"})))
    uses = last_uses(world.records())
    first, second = [r.number for r in world.records() if r.kind is Kind.CLAIM]
    assert first <= uses["y"].record < second <= uses["x"].record
    assert uses["x"].requested_by == "ci"
    assert uses["x"].why.endswith("deploy")


async def test_a_read_is_a_use(tmp_path):
    """S0-12: a value that was read for a release which never came about counts as well."""
    world = World(tmp_path)
    await world.engine().deploy(order("a", spec=spec("a", secrets={"x": "1"})))
    body = access_body("format checked", "admit", "candidate", "olga", {"x": "2"})
    read = world.ledger().append(Kind.ACCESS, body)
    found = last_uses(world.records())["x"]
    assert (found.record, found.requested_by) == (read.number, "olga")
    assert found.why == "read for format checked"


def test_the_page_shows_each_environment():
    other = Target(app="shop", environment="dev")
    text = page("shop", [audit(uses={"database-url": USE}), audit(Fault.UNUSED, target=other)])
    assert "## prod" in text
    assert "| database-url | data | 2 | 3 |  | 2026-06-01 10:00 | ci, deploy 7 | well |" in text
    assert "| never |  | unused |" in text
    assert "No secrets." in page("shop", [TargetAudit(target=PROD)])


def test_names_from_outside_are_no_markup():
    """G6: a block's name, an owner or an error may hold anything."""
    evil = "<b>x</b>](http://evil) | `y`\n# z"
    text = page("shop", [audit(name=evil), TargetAudit(target=PROD, unread=evil)], [evil])
    assert "<b>" not in text
    assert "http://" not in text
    assert "\n# z" not in text
    assert "](" not in text.replace("\\](", "").replace("]\\(", "")


def test_one_page_for_each_app():
    other = Target(app="toys", environment="prod")
    pages = by_app([audit(), audit(target=other), audit(Fault.UNUSED)])
    assert {app: len(audits) for app, audits in pages.items()} == {"shop": 2, "toys": 1}
    assert key("shop") == "secrets--shop"
