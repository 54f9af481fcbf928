"""SLW016: what Groovy fills in is in the arguments of a process and in the log (S2-36)."""

from collections.abc import Iterator

from slipway.lint.finding import Hit, Rule
from slipway.lint.groovy import bound_secrets, holds_secret, line_at, name_of, steps
from slipway.lint.source import Kind, Project, Source


def _check(source: Source, project: Project) -> Iterator[Hit]:  # noqa: ARG001
    bound = bound_secrets(source.text)
    for step in steps(source.text):
        names = [name_of(filled) for filled in step.filled if holds_secret(filled, bound)]
        if names:
            line = line_at(source.text, step.start)
            yield Hit(line, f"Groovy fills the secret {names[0]} into {step.name}")


RULE = Rule(
    id="SLW016",
    title="Groovy fills in no secrets",
    fix="single quotes, so that the shell reads it from its environment: sh '... \"$TOKEN\"'",
    kinds=frozenset({Kind.JENKINSFILE}),
    check=_check,
)
