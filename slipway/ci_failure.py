"""Why a build failed, as the build left it: in a file, or as the state of a flow run. Pure.

The file is `failure.json` in the output folder: `stage`, `cause`, `tier` (build or runtime),
`message`, `evidence` (a list of lines) and `next_step`.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError

from slipway.errors import BadInput
from slipway.explanations import EVIDENCE_LINES, Explanation
from slipway.release import Frozen

LONGEST_FILE = 1024 * 1024
BAD_ENDS = frozenset({"FAILED", "CRASHED", "CANCELLED", "CANCELLING"})
GOOD_ENDS = frozenset({"COMPLETED"})
_BETWEEN = " | "
_LABELS = ("stage", "cause", "what", "evidence", "next")

Tier = Literal["build", "runtime"]


class Failure(Frozen):
    """Why a build is red. `tier` says whose issue it is: of the build, or of what runs."""

    stage: str
    cause: str
    tier: Tier
    message: str
    evidence: Annotated[tuple[str, ...], Field(max_length=1000)] = ()
    next_step: str = ""


def failure_of(explanation: Explanation) -> Failure:
    """What is written to failure.json of an explained error."""
    return Failure(
        stage=explanation.stage,
        cause=str(explanation.cause),
        tier="build" if explanation.side == "build" else "runtime",
        message=explanation.summary,
        evidence=explanation.evidence,
        next_step=explanation.next_command,
    )


def parse_failure(text: str) -> Failure:
    """Read failure.json; of the evidence the newest lines are kept.

    Raises:
        BadInput: it is not of that form; its text is not repeated.
    """
    try:
        found = Failure.model_validate_json(text)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        raise BadInput(
            "failure.json is not what was agreed",
            found=f"{'.'.join(map(str, first['loc'])) or 'document'}: {first['type']}",
            allowed="an object with stage, cause, tier, message, evidence and next_step",
        ) from None
    return found.model_copy(update={"evidence": found.evidence[-EVIDENCE_LINES:]})


def failure_of_run(run: Mapping[str, Any]) -> Failure | None:
    """Why a flow run is not green, None where it is.

    Args:
        run: as the Prefect API shows it: `name`, `state` with `type` and `message`.
    """
    state = run.get("state") or {}
    kind, name = str(state.get("type", "")), str(run.get("name", ""))
    if kind in GOOD_ENDS:
        return None
    told = str(state.get("message") or "")
    return _explained(told) or Failure(
        stage="",
        cause="unknown",
        tier="runtime",
        message=_plain(kind, name, told),
        next_step=f"prefect flow-run inspect {run.get('id', '')}".strip(),
    )


def _plain(kind: str, name: str, told: str) -> str:
    if kind in BAD_ENDS:
        return f"flow run {name} ended as {kind.lower()}: {told or 'no message'}"
    return f"flow run {name} has not ended, it is {kind.lower() or 'in an unknown state'}"


def _explained(message: str) -> Failure | None:
    """The explanation that a flow leaves as the message of its state."""
    facts = _facts(message)
    cause, bracket, rest = facts.get("cause", [""])[0].partition(" (")
    side = rest.removesuffix(" issue)")
    if not bracket or side not in {"build", "runtime"} or "stage" not in facts:
        return None
    return Failure(
        stage=facts["stage"][0],
        cause=cause,
        tier="build" if side == "build" else "runtime",
        message=facts.get("what", [""])[0],
        evidence=tuple(facts.get("evidence", ())),
        next_step=facts.get("next", [""])[-1],
    )


def _facts(message: str) -> dict[str, list[str]]:
    """Labelled parts in the order of the labels; a part without one belongs to the one before."""
    facts: dict[str, list[str]] = {}
    reached = 0
    for part in message.split(_BETWEEN):
        label, colon, value = part.partition(":")
        known = colon and label in _LABELS[reached:]
        if known:
            reached = _LABELS.index(label)
            facts.setdefault(label, []).append(value.strip())
        elif facts:
            facts[_LABELS[reached]][-1] += _BETWEEN + part
    return facts
