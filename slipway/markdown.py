"""Markdown that an operator reads in the Prefect UI. Nothing that came from outside is markup.

Whatever is put in is escaped for Markdown, HTML and terminals at once, and stays on its line.
"""

import html
import re
from collections.abc import Iterable, Sequence

from slipway.execution import Result
from slipway.explanations import Explanation, printable
from slipway.names import short_digest
from slipway.plan import Plan
from slipway.release import Target

_SPECIAL = re.compile(r"([\\`*_\[\]~|#!$(){}])")
_LINK = re.compile(r"(?i)\b(https?|ftp|javascript|data|mailto|www)([:.])")
LONGEST = 500


def text(value: object) -> str:
    """Any value as plain words on one line: no markup, no link, no control character."""
    words = printable(str(value))[:LONGEST]
    unlinked = _LINK.sub("\\1\u200b\\2", words)
    return _SPECIAL.sub(r"\\\1", html.escape(unlinked, quote=False))


def table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A table; the cells are escaped."""
    lines = [_row(columns), _row(["---"] * len(columns))]
    lines += [_row([text(cell) for cell in row]) for row in rows]
    return "\n".join(lines)


def artifact_key(kind: str, target: Target) -> str:
    """One key per kind, app and environment. Names hold no double dash, so no two keys meet."""
    return f"{kind}--{target.app}--{target.environment}"


def plan(plan: Plan) -> str:
    """The plan as a difference, field by field."""
    return (
        f"# Plan for {text(plan.spec.target)}\n\n{_changes(plan)}\n\n"
        f"Candidate:\n{_block(plan.candidate)}\n\nPlan:\n{_block(plan.hash)}\n"
    )


def gate(wanted: Plan, left: str) -> str:
    """What the form of a waiting gate says above its field.

    Args:
        left: how long it still waits, in words.
    """
    target = wanted.spec.target
    command = (
        f"slipway approve --app {target.app} --environment {target.environment} "
        f"{wanted.candidate} --plan {wanted.hash} --key KEY"
    )
    return (
        f"## Approve {text(target)} {text(_short(wanted.candidate))}\n\n"
        f"Sign exactly this plan {text(left)}, then paste the line that is printed. "
        "Who presses the button does not count; the key does.\n\n"
        f"{_block(command)}\n\n{_changes(wanted)}\n"
    )


def broken_glass(wanted: Plan, who: str, reason: str) -> str:
    """Who let a release past its gate, why, and what reconciles it."""
    target = wanted.spec.target
    command = (
        f"slipway approve --app {target.app} --environment {target.environment} "
        f"{wanted.candidate} --plan {wanted.hash} --key KEY"
    )
    rows = [("Broken by", who), ("Why", reason), ("Candidate", _short(wanted.candidate))]
    return (
        f"# The glass of {text(target)} was broken\n\n{table(['Fact', 'Value'], rows)}\n\n"
        f"It counts as drift until somebody else approves it:\n\n{_block(command)}\n\n"
        f"{_changes(wanted)}\n"
    )


def summary(result: Result, seconds: float, analysed: Sequence[str] = ()) -> str:
    """How a release ended.

    Args:
        analysed: what each check of its analysis said.
    """
    rows = [
        ("Candidate", _short(result.candidate)),
        ("Serving", result.serving or "nothing"),
        ("Claim", result.token or "none: nothing was changed"),
        ("Plan", _short(result.plan_hash or "")),
        ("Took", f"{seconds:.1f} s"),
        *(("Analysis", line) for line in analysed),
    ]
    title = f"{result.target} {_short(result.candidate)}: {result.outcome}"
    why = explanation(result.explanation) if result.explanation else ""
    body = table(["Fact", "Value"], rows)
    return f"# {text(title)}\n\n{body}\n{why}\n{_block(result.candidate)}\n"


def failure(target: Target, what: str, why: Explanation, seconds: float) -> str:
    """How a release ended that did not do what was asked.

    Args:
        what: what was asked, as in `deploy of 0123456789ab`.
    """
    return f"# {text(target)}: {text(what)} failed\n\n{explanation(why)}\n\nTook {seconds:.1f} s.\n"


def explanation(why: Explanation) -> str:
    """Why something is red: what, then stage, cause, evidence and next command as a table."""
    rows = [
        ("stage", why.stage),
        ("cause", f"{why.cause} ({why.side} issue)"),
        *(("evidence", line) for line in why.evidence),
        ("next", why.next_command),
    ]
    return f"{text(why.summary)}\n\n{table(['Fact', 'Value'], rows)}"


def drill_trend(target: Target, drills: Sequence[dict[str, object]]) -> str:
    """Measured times to restore, newest first. Times are milliseconds.

    Args:
        drills: bodies of drill records with their `time`, oldest first.
    """
    rows = [
        (
            str(drill["time"])[:16].replace("T", " "),
            drill["restore_millis"],
            drill["budget_millis"],
            "yes" if drill["within_budget"] else "NO",
            drill["from"],
            drill["to"],
        )
        for drill in reversed(drills)
    ]
    columns = ["When (UTC)", "Restore ms", "Budget ms", "Within", "From", "Back to"]
    return f"# Rollback drills of {text(target)}\n\n{table(columns, rows)}\n"


def _changes(plan: Plan) -> str:
    rows = [(c.field, c.before or "(absent)", c.after or "(absent)") for c in plan.changes]
    return table(["Field", "Now", "Planned"], rows) if rows else "Nothing changes."


def _short(digest: str) -> str:
    return short_digest(digest.rpartition("@")[2])


def _block(value: str) -> str:
    """One line to copy. Backquotes could end the block, so none is let in."""
    return f"```\n{printable(value).replace('`', '')}\n```"


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"
