"""`slipway ci`: what the Jenkinsfile prints and mails at its end, and tells GitHub on its way.

None of these turns a build red: they tell how it went and do not judge it.
"""

import os
import sys
from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from slipway.ci import (
    HEAVY,
    build_of,
    changed_environment,
    failure_box,
    parse_digests,
    summary_box,
)
from slipway.ci_failure import LONGEST_FILE, Failure, failure_of_run, parse_failure
from slipway.ci_mail import GREEN, SECRET_VARIABLES, mail_settings, masked, report
from slipway.ci_status import StatusContext, StatusState
from slipway.cli.commit_status import report_status
from slipway.cli.mail import deliver
from slipway.cli.prefect_api import PrefectApi
from slipway.errors import SlipwayError
from slipway.names import check_name
from slipway.quantities import parse_duration
from slipway.terminal import err

ci = typer.Typer(no_args_is_help=True, help="Tell how a CI build went.")

NOTHING = "nothing was recorded; the console says what the failed step printed"
OutputDir = Annotated[Path, typer.Option(help="The folder that integrate wrote to.")]


@ci.command()
def summary(
    status: Annotated[str, typer.Option(help="The build's result, as SUCCESS or FAILURE.")],
    output_dir: OutputDir = Path("slipway-out"),
    environment: Annotated[
        str, typer.Option(help="Where the release goes to; by default what MODE and TO say.")
    ] = "",
    app: Annotated[
        str, typer.Option(envvar="APP", help="The app; by default the candidate's name.")
    ] = "",
    candidate: Annotated[str, typer.Option(help="The candidate, where none was built.")] = "",
) -> None:
    """Print the audit summary; what is not known is shown as unknown."""
    _print(_summary(output_dir, status, environment, app, candidate))


@ci.command()
def failure(
    stage: Annotated[str, typer.Option(help="The stage that failed.")],
    output_dir: OutputDir = Path("slipway-out"),
) -> None:
    """Print what failed, whose issue it is, the evidence and the next command."""
    _print(_failure(output_dir, stage))


@ci.command()
def status(
    context: Annotated[StatusContext, typer.Option(help="Which part of the build.")],
    state: Annotated[StatusState, typer.Option(help="How it stands.")],
    description: Annotated[str, typer.Option(help="One line for people.")] = "",
    token_file: Annotated[
        Path | None, typer.Option(help="File with the token; else GIT_TOKEN.")
    ] = None,
    api: Annotated[
        str, typer.Option(envvar="GITHUB_API_URL", help="Address of the API of an own GitHub.")
    ] = "",
    strict: Annotated[bool, typer.Option("--strict", help="Fail where it is not taken.")] = False,
) -> None:
    """Report a status of the commit to GitHub. A report that fails only warns."""
    try:
        said = report_status(context, state, description, token_file, api)
    except SlipwayError as error:
        if strict:
            raise
        err().print(escape(f"warning: {context} not reported: {error}"))
        err().print(escape(f"  next: {error.next_step or 'none'}"))
    else:
        err().print(escape(said))


@ci.command()
def mail(
    status: Annotated[str, typer.Option(help="The build's result, as SUCCESS or FAILURE.")],
    stage: Annotated[str, typer.Option(help="The stage that failed, if one did.")] = "",
    output_dir: OutputDir = Path("slipway-out"),
    strict: Annotated[bool, typer.Option("--strict", help="Fail where it is not sent.")] = False,
) -> None:
    """Send the boxes of a build to SLIPWAY_MAIL_TO. A mail that cannot be sent only warns."""
    try:
        said = _mail(status, stage, output_dir)
    except SlipwayError as error:
        if strict:
            raise
        err().print(escape(f"warning: the report was not mailed: {error}"))
        err().print(escape(f"  next: {error.next_step or 'none'}"))
    else:
        err().print(escape(said))


@ci.command()
def clean(
    older_than: Annotated[
        str, typer.Option(help="Time since a build tagged them, as in 24h; younger are cache.")
    ] = "24h",
    app: Annotated[str | None, typer.Option(help="Only images of this app.")] = None,
) -> None:
    """Remove images of builds from this agent's engine, but those in use. Failing only warns."""
    try:
        removed = _clean(parse_duration(older_than), check_name(app) if app else None)
    except SlipwayError as error:
        err().print(escape(f"warning: images not removed: {error}"))
    else:
        err().print(f"{len(removed)} images of builds removed from the engine")


def _clean(age: timedelta, app: str | None) -> list[str]:
    from blocks.builders.local_images import remove_built
    from blocks.engines import connect_engine

    with closing(connect_engine()) as engine:
        return remove_built(engine, datetime.now(UTC) - age, app)


def _mail(status: str, stage: str, output_dir: Path) -> str:
    """What came of it, as one line."""
    settings = mail_settings()
    if settings is None:
        return "no mail: SLIPWAY_MAIL_TO names nobody"
    if not settings.wants(status):
        return f"no mail: SLIPWAY_MAIL_ON={settings.on}"
    boxes = _summary(output_dir, status, app=os.environ.get("APP", ""))
    boxes += _failure(output_dir, stage) if status != GREEN else []
    lines = masked(boxes, (os.environ.get(name, "") for name in SECRET_VARIABLES))
    deliver(report(settings, build_of(os.environ), status, lines, datetime.now(UTC)), settings)
    return f"report mailed to {settings.to}"


def _summary(
    output_dir: Path, status: str, environment: str = "", app: str = "", candidate: str = ""
) -> list[str]:
    digests = parse_digests(_text(output_dir / "image-digest.env"))
    digests.update({"CANDIDATE": candidate} if candidate else {})
    where = environment or changed_environment(os.environ, digests)
    return summary_box(build_of(os.environ), digests, status, where, app)


def _failure(output_dir: Path, stage: str) -> list[str]:
    build = build_of(os.environ)
    found, why = _find_failure(output_dir / "failure.json", build.run_tag)
    return failure_box(build, stage, found, why)


def _find_failure(path: Path, run_tag: str) -> tuple[Failure | None, str]:
    """What was recorded, or why nothing is known."""
    try:
        text = _text(path)
        if text:
            return parse_failure(text), ""
        return _failure_in_prefect(run_tag), NOTHING
    except SlipwayError as error:
        return None, str(error)


def _failure_in_prefect(run_tag: str) -> Failure | None:
    api = PrefectApi.from_environment()
    if api is None or not run_tag:
        return None
    try:
        run = api.newest_run(run_tag)
    finally:
        api.close()
    return failure_of_run(run) if run else None


def _text(path: Path) -> str:
    """A small file of the build's own; empty where there is none, or a link to elsewhere."""
    try:
        if path.is_symlink() or path.stat().st_size > LONGEST_FILE:
            return ""
        return path.read_text(errors="replace")
    except OSError:
        return ""


def _print(lines: Sequence[str]) -> None:
    """As they are, whatever the console can show."""
    encoding = sys.stdout.encoding or "ascii"
    for line in lines:
        shown = line.encode(encoding, errors="replace").decode(encoding)
        sys.stdout.write(("=" * len(line) if line == HEAVY != shown else shown) + "\n")
