"""SLW007: an image that serves says how its health is known (CIS Docker 4.6)."""

from collections.abc import Iterator

from slipway.lint.dockerfile import stages
from slipway.lint.finding import Hit, Rule
from slipway.lint.source import Kind, Project, Source


def _check(source: Source, project: Project) -> Iterator[Hit]:  # noqa: ARG001
    found = stages(source.instructions)
    exposed = found[-1].last("EXPOSE") if found else None
    if exposed is None:
        return
    health = found[-1].last("HEALTHCHECK")
    if health is None:
        yield Hit(exposed.line, "serves a port and has no HEALTHCHECK")
    elif health.rest.upper().startswith("NONE"):
        yield Hit(health.line, "serves a port and switches its HEALTHCHECK off")


RULE = Rule(
    id="SLW007",
    title="Images that serve have a HEALTHCHECK",
    fix="add HEALTHCHECK CMD with a command that fails while the app cannot serve",
    kinds=frozenset({Kind.DOCKERFILE}),
    check=_check,
)
