"""What an operator needs of a red result: stage, cause, evidence, next command, whose issue."""

from slipway.errors import Cause, SlipwayError
from slipway.release import Frozen, Target

BUILD_STAGES = frozenset({"checkout", "test", "build", "scan", "push", "sign"})
EVIDENCE_LINES = 20


class Explanation(Frozen):
    """Why something is red. `side` is `build` or `runtime`."""

    stage: str
    cause: Cause
    summary: str
    side: str
    evidence: tuple[str, ...] = ()
    next_command: str

    def lines(self) -> list[str]:
        """For a terminal or a log, one fact a line."""
        return [
            f"stage:    {self.stage}",
            f"cause:    {self.cause} ({self.side} issue)",
            f"what:     {self.summary}",
            *(f"evidence: {line}" for line in self.evidence),
            f"next:     {self.next_command}",
        ]


def printable(text: str) -> str:
    """The text without control characters, so that it can forge neither lines nor colours."""
    return "".join(c if c.isprintable() else " " for c in text)


def explain(error: BaseException, stage: str, target: Target | None = None) -> Explanation:
    """The explanation of an error that ended a stage. Pure."""
    known = error if isinstance(error, SlipwayError) else None
    stage = (known.stage if known else None) or stage
    side = "build" if stage in BUILD_STAGES else "runtime"
    evidence = known.evidence if known else ()
    return Explanation(
        stage=stage,
        cause=known.cause if known else Cause.BUG,
        summary=printable(str(known) if known else f"unexpected {type(error).__name__}"),
        side=side,
        evidence=tuple(printable(line) for line in evidence[-EVIDENCE_LINES:]),
        next_command=(known.next_step if known else None) or _next_command(side, target),
    )


def _next_command(side: str, target: Target | None) -> str:
    if side == "build":
        return "mend the source and integrate again"
    return f"slipway status {target.app} {target.environment}" if target else "slipway status"
