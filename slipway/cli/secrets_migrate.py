"""`slipway secrets migrate`: out of one store in which both tiers lay side by side."""

from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from slipway.cli.options import Environment, Json
from slipway.cli.secrets_subject import Subject, Subjected, subject_of
from slipway.errors import BadInput, Refused
from slipway.secret_check import pins_of
from slipway.secret_journal import journal_path, load_journal, save_journal
from slipway.secret_migration import Found, Migration, Move, OldStore, plan_migration
from slipway.secret_tiers import Tier
from slipway.terminal import emit_json, err, out, table

if TYPE_CHECKING:
    from blocks.compose import Installation

FILES = "files:"
DECIDED = tuple(tier for tier in Tier if tier is not Tier.UNDECIDED)

migrate = typer.Typer(
    no_args_is_help=True,
    help="Move runtime secrets out of one old store; build credentials go to Jenkins by hand.",
)

From = Annotated[
    str,
    typer.Option(
        "--from",
        help="The old store: `prefect`, Secret blocks as they are named; or `files:FOLDER`.",
    ),
]
Tiers = Annotated[
    list[str] | None,
    typer.Option("--tier", metavar="NAME=TIER", help="Decide a name: runtime, build or config."),
]


@migrate.command()
def plan(
    app: Subjected,
    environment: Environment,
    source: From = "prefect",
    tier: Tiers = None,
    json: Json = False,
) -> None:
    """Tell where each name of the old store belongs. Changes nothing and reads no value."""
    told = _told(tier)
    subject, old, _ = _opened(app, environment, source)
    moves = plan_migration(old.names(), list(subject.schema), told)
    if json:
        emit_json([move.model_dump(mode="json") for move in moves])
        return
    rows = [(move.old, str(move.tier), move.to or "", move.how) for move in moves]
    columns = ["old name", "tier", "new name", "what happens"]
    out().print(table(f"{source} to {subject.target}", columns, rows))


@migrate.command()
def apply(
    app: Subjected,
    environment: Environment,
    source: From = "prefect",
    tier: Tiers = None,
    json: Json = False,
) -> None:
    """Copy runtime secrets to their new names. Run again after a kill, it goes on."""
    told = _told(tier)
    subject, old, migration = _opened(app, environment, source)
    moves = plan_migration(old.names(), list(subject.schema), told)
    journal = migration.apply(moves)
    if json:
        emit_json(journal.model_dump(mode="json"))
    else:
        rows = [(one.old, one.new, one.version or "", str(one.phase)) for one in journal.copies]
        out().print(table(str(subject.target), ["old name", "new name", "version", "how"], rows))
    _tell_undecided(moves)


def _tell_undecided(moves: Iterable[Move]) -> None:
    for move in moves:
        if move.tier is Tier.UNDECIDED:
            err().print(escape(f"{move.old} was left alone; {move.how}"))


@migrate.command()
def verify(
    app: Subjected,
    environment: Environment,
    source: From = "prefect",
    remove_old: Annotated[
        bool, typer.Option("--remove-old", help="Remove originals once every copy is equal.")
    ] = False,
    moved: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME", help="With --remove-old: this one is in Jenkins or the app file now."
        ),
    ] = None,
    json: Json = False,
) -> None:
    """Compare each copy with its original, in memory. Exit code 3 where one is not equal."""
    if moved and not remove_old:
        raise BadInput("--moved names what to remove", allowed="together with --remove-old")
    subject, _, migration = _opened(app, environment, source)
    checked = migration.verify()
    if json:
        emit_json([one.model_dump(mode="json") for one in checked])
    else:
        rows = [(one.old, one.new, str(one.found)) for one in checked]
        out().print(table(str(subject.target), ["old name", "new name", "values"], rows))
    if remove_old:
        migration.remove_old(moved or [])
    elif any(one.found not in (Found.EQUAL, Found.OLD_GONE) for one in checked):
        raise typer.Exit(Refused.exit_code)


@migrate.command()
def undo(
    app: Subjected, environment: Environment, source: From = "prefect", json: Json = False
) -> None:
    """Remove the copies that apply wrote, and nothing else."""
    subject, _, migration = _opened(app, environment, source)
    removed = migration.undo(pins_of(subject.records))
    if json:
        emit_json(removed)
    elif not removed:
        out().print("nothing to undo: apply wrote nothing")


def _opened(app: str, environment: str, source: str) -> tuple[Subject, OldStore, Migration]:
    from blocks.compose import Installation

    installation = Installation()
    old = _old_store(source)
    subject = subject_of(installation, app, environment)
    return subject, old, _migration(installation, subject, old)


def _migration(installation: "Installation", subject: Subject, old: OldStore) -> Migration:
    path = journal_path(installation.settings.state, subject.target)
    return Migration(
        old=old,
        new=subject.store,
        journal=load_journal(path),
        save=partial(save_journal, path),
        note=lambda line: err().print(escape(line)),
    )


def _old_store(source: str) -> OldStore:
    from blocks.secrets.former import FormerBlocks, FormerFolder

    if source == "prefect":
        return FormerBlocks()
    if source.startswith(FILES):
        return FormerFolder(Path(source.removeprefix(FILES)))
    raise BadInput("--from", found=ascii(source[:80]), allowed="prefect, files:FOLDER")


def _told(texts: list[str] | None) -> dict[str, Tier]:
    told = {}
    for text in texts or []:
        name, _, tier = text.rpartition("=")
        if not name or tier not in DECIDED:
            raise BadInput(
                "--tier", found=ascii(text[:120]), allowed=f"NAME={' or NAME='.join(DECIDED)}"
            )
        told[name] = Tier(tier)
    return told
