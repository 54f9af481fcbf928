"""What a CI build says of itself at its end: the audit summary, and the box of a failure. Pure.

Whatever is not known is shown as `unknown`, never guessed and never left out.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from slipway.ci_failure import Failure
from slipway.explanations import printable
from slipway.names import parse_reference

UNKNOWN = "unknown"
WIDTH = 72
LIGHT, HEAVY = "-" * WIDTH, "━" * WIDTH
LONGEST_VALUE = 300
_IMAGE = "IMAGE_"

Row = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Build:
    """One build as Jenkins names it in a build's environment; what it does not name is empty."""

    number: str = ""
    url: str = ""
    tag: str = ""
    commit: str = ""
    repository: str = ""
    job: str = ""

    @property
    def console(self) -> str:
        """Address of the console's text."""
        return f"{self.url.rstrip('/')}/console" if self.url else ""

    @property
    def run_tag(self) -> str:
        """The tag of the flow runs that this build started; empty where the build has no name."""
        return f"build-{self.tag}" if self.tag else ""


def build_of(environment: Mapping[str, str]) -> Build:
    """The build that an environment describes."""
    return Build(
        number=environment.get("BUILD_NUMBER", ""),
        url=environment.get("BUILD_URL", ""),
        tag=environment.get("BUILD_TAG", ""),
        commit=environment.get("GIT_COMMIT", ""),
        repository=environment.get("GIT_URL", ""),
        job=environment.get("JOB_NAME", ""),
    )


def changed_environment(environment: Mapping[str, str], digests: Mapping[str, str]) -> str:
    """Which environment a build of the Jenkinsfile goes to, out of its parameters MODE and TO."""
    mode = environment.get("MODE", "")
    if mode in {"promote", "rollback"}:
        return environment.get("TO", "")
    return "each of the app file, in its order" if mode and "CANDIDATE" in digests else ""


def parse_digests(text: str) -> dict[str, str]:
    """NAME=value lines of image-digest.env; other lines are left out."""
    pairs = (line.partition("=") for line in text.splitlines())
    return {name.strip(): value.strip() for name, equals, value in pairs if equals and value}


def summary_box(
    build: Build, digests: Mapping[str, str], status: str, environment: str = "", app: str = ""
) -> list[str]:
    """The audit summary, line by line.

    Args:
        digests: what `parse_digests` read; empty where no candidate came about.
        status: as Jenkins says it, for instance SUCCESS.
        app: wins over the candidate's own name.
    """
    path, digest = _candidate(digests.get("CANDIDATE", ""))
    rows = [
        ("Env", environment),
        ("Namespace/app", app or path),
        ("Image Tag", digests.get("REVISION") or build.commit),
        ("Digest", digest),
        *((name, value) for name, value in _images(digests)),
        ("Build #", build.number),
        ("Status", status),
    ]
    return [LIGHT, "Deployment Summary", LIGHT, *_lines(rows), LIGHT]


def _candidate(text: str) -> Row:
    try:
        reference = parse_reference(text)
    except ValueError:
        return "", ""
    return reference.path.rpartition("/")[2], reference.digest


def _images(digests: Mapping[str, str]) -> Iterable[Row]:
    for name, value in digests.items():
        if name.startswith(_IMAGE):
            short = name.removeprefix(_IMAGE).lower().replace("_", "-")
            yield f"Image {short}", value


def failure_box(build: Build, stage: str, failure: Failure | None, why_unknown: str) -> list[str]:
    """The box of a failed build, line by line.

    Args:
        stage: the stage that Jenkins says failed.
        why_unknown: said instead of the error where nothing was recorded.
    """
    head = [("Stage", _stage(stage, failure))]
    told = _told(failure) if failure else [("Cause", ""), ("Issue", ""), ("Error", why_unknown)]
    tail = [
        ("Build", f"#{build.number or UNKNOWN}"),
        ("Console", build.console),
        ("Next", (failure.next_step if failure else "") or "read the console above this box"),
    ]
    return [HEAVY, "BUILD FAILED", HEAVY, *_lines([*head, *told, *tail]), HEAVY]


def _stage(stage: str, failure: Failure | None) -> str:
    inner = failure.stage if failure else ""
    return f"{stage} ({inner})" if inner and inner.lower() != stage.lower() else stage


def _told(failure: Failure) -> list[Row]:
    return [
        ("Cause", failure.cause),
        ("Issue", f"{failure.tier} issue"),
        ("Error", failure.message),
        *(("Evidence", line) for line in failure.evidence),
    ]


def _lines(rows: Iterable[Row]) -> list[str]:
    return [f"{label + ':':15}{harmless(value) or UNKNOWN}" for label, value in rows]


def harmless(text: str) -> str:
    """Text from elsewhere as one line that forges no other: no control characters, bounded."""
    line = printable(text).strip()
    return line if len(line) <= LONGEST_VALUE else f"{line[:LONGEST_VALUE]} [cut]"
