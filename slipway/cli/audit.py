"""`slipway audit verify` and `slipway receipt verify`: is it what was written?"""

from pathlib import Path
from typing import Annotated

import typer

from slipway.approval import Decision
from slipway.audit import Audit, audit_ledger, require_sound
from slipway.cli.chains import open_store, unknown_target
from slipway.cli.options import Json, OneApp, OneEnvironment
from slipway.directory_store import DirectoryStore
from slipway.dsse import deployer_keys, public_keys
from slipway.errors import BadInput
from slipway.ledger import LedgerStore
from slipway.receipt import SignedApproval, verify_receipt
from slipway.release import Target
from slipway.settings import RuntimeSettings
from slipway.terminal import emit_json, out, table

audit = typer.Typer(no_args_is_help=True, help="Check the ledger.")
receipt = typer.Typer(no_args_is_help=True, help="Check a receipt of a deployment.")


@audit.command()
def verify(
    app: OneApp = None,
    environment: OneEnvironment = None,
    json: Json = False,
) -> None:
    """Verify every record and checkpoint; name the first bad record. Exit code 7 where one is."""
    settings = RuntimeSettings()
    elsewhere = DirectoryStore(settings.checkpoint_folder)
    keys = deployer_keys(settings.receipt_key, settings.state)
    found = [
        audit_ledger(open_store(settings), target, elsewhere, keys)
        for target in _targets(settings, elsewhere, app, environment)
    ]
    if json:
        emit_json([{**one.model_dump(mode="json"), "is_sound": one.is_sound} for one in found])
    else:
        columns = ["target", "records", "vouched for", "verdict"]
        out().print(table("", columns, [_cells(one) for one in found]))
    for one in found:
        require_sound(one)


def _targets(
    settings: RuntimeSettings, elsewhere: LedgerStore, app: str | None, environment: str | None
) -> list[Target]:
    """A chain that was removed whole still has its checkpoints."""
    every = {*open_store(settings).targets(), *elsewhere.targets()}
    found = [
        target
        for target in sorted(every, key=str)
        if app in (None, target.app) and environment in (None, target.environment)
    ]
    if not found and app:
        raise unknown_target(settings, "/".join(filter(None, (app, environment))))
    return found


def _cells(found: Audit) -> list[str]:
    verdict = "sound" if found.is_sound else f"NOT SOUND: {(*found.bad, *found.bad_checkpoints)[0]}"
    vouched = f"1 to {found.checkpoint}" if found.checkpoint else "by no checkpoint"
    return [str(found.target), str(found.records), vouched, verdict]


@receipt.command("verify")
def verify_one(
    file: Annotated[Path, typer.Argument(help="The receipt: a DSSE envelope.")],
    key: Annotated[Path, typer.Option(help="PEM file or folder of the deployers' public keys.")],
    json: Json = False,
) -> None:
    """Verify a receipt offline: no ledger, no server, only the deployer's public key."""
    try:
        data = file.read_bytes()
    except OSError as error:
        raise BadInput(f"receipt {file} cannot be read", found=error.strerror) from error
    said = verify_receipt(data, public_keys(key))
    if json:
        emit_json(said.model_dump(mode="json"))
        return
    approvers = ", ".join(map(_who, said.approvals)) or "nobody, the gate needs none"
    rows = [
        ("target", str(said.target)),
        ("candidate", said.candidate),
        ("released", f"{said.time} by {said.actor}, asked by {said.requested_by}"),
        ("approved by", approvers),
        ("record", f"{said.record}, {said.record_digest}"),
    ]
    out().print(table("", ["the receipt verifies", ""], rows))


def _who(one: SignedApproval) -> str:
    broke = one.decision == Decision.BREAK_GLASS
    return f"nobody; {one.approver} broke the glass" if broke else one.approver
