"""What a rule found, and what a rule is."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from slipway.lint.source import Kind, Project, Source
from slipway.release import Frozen


class Finding(Frozen):
    """One place that breaks one rule.

    Attributes:
        rule: id, as in `SLW001`.
        path: relative to the project, with slashes.
        line: from 1.
        message: what was found there; never a secret's value.
        fix: what to write instead.
    """

    path: str
    line: int
    rule: str
    message: str
    fix: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.rule} {self.message} ({self.fix})"


@dataclass(frozen=True, slots=True)
class Hit:
    """A line, from 1, and what was found on it."""

    line: int
    message: str


@dataclass(frozen=True, slots=True)
class Rule:
    """A numbered rule.

    Attributes:
        title: what must hold, in one line.
        fix: what to write instead.
        kinds: the kinds of source it looks at.
        check: every place in the source that breaks it. Pure.
    """

    id: str
    title: str
    fix: str
    kinds: frozenset[Kind]
    check: Callable[[Source, Project], Iterator[Hit]]

    def findings(self, source: Source, project: Project) -> Iterator[Finding]:
        """The findings in one source; none where the kind is another."""
        if source.kind not in self.kinds:
            return
        for hit in self.check(source, project):
            yield Finding(
                path=source.path, line=hit.line, rule=self.id, message=hit.message, fix=self.fix
            )
