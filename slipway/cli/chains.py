"""The chains of the ledger, as the reading commands need them; no server is asked."""

from slipway.directory_store import DirectoryStore
from slipway.errors import BadInput
from slipway.ledger import Ledger, LedgerStore
from slipway.names import check_name
from slipway.release import Target, parse_target
from slipway.settings import RuntimeSettings


def open_store(settings: RuntimeSettings) -> LedgerStore:
    """The ledger of this installation."""
    return DirectoryStore(settings.ledger_folder)


def open_ledger(settings: RuntimeSettings, target: Target) -> Ledger:
    """One target's chain; it may hold no record yet."""
    return Ledger(open_store(settings), target, settings.actor)


def known_target(settings: RuntimeSettings, app: str, environment: str) -> Target:
    """A target that has a chain.

    Raises:
        BadInput: there is none of that name.
    """
    target = parse_target(app, environment)
    if target not in chosen_targets(settings, None, None):
        raise unknown_target(settings, str(target))
    return target


def chosen_targets(
    settings: RuntimeSettings, app: str | None, environment: str | None
) -> list[Target]:
    """The targets that have a chain, of that app and environment where given.

    Raises:
        BadInput: names were given and nothing has them.
    """
    store = open_store(settings)
    for name in filter(None, (app, environment)):
        check_name(name)
    found = [
        target
        for target in store.targets()
        if app in (None, target.app) and environment in (None, target.environment)
    ]
    if not found and app:
        raise unknown_target(settings, "/".join(filter(None, (app, environment))))
    return found


def unknown_target(settings: RuntimeSettings, name: str) -> BadInput:
    """The error for a target without a chain."""
    known = ", ".join(str(target) for target in open_store(settings).targets())
    return BadInput(
        f"the ledger holds nothing of {name}",
        found=f"ledger {settings.ledger_folder}",
        allowed=known or "no target yet; the first deploy makes one",
        next_step="slipway status, or name another ledger in SLIPWAY_LEDGER",
    )
