"""SLW027: a change whose output is thrown away fails without a word (S2-37)."""

import re
from collections.abc import Iterator

from slipway.lint.finding import Hit, Rule
from slipway.lint.shell import commands
from slipway.lint.source import Kind, Project, Source

_CHANGES = re.compile(
    r"^(?:sudo\s+)?(?:docker\s+(?:image\s+)?(?:push|build|login)|docker\s+buildx\s+build|"
    r"kubectl\s(?:.*\s)?(?:apply|set\s+image|rollout)|helm\s(?:.*\s)?(?:upgrade|install|rollback)|"
    r"prefect\s+deploy|prefect\s+deployment\s+run|terraform\s+apply|trivy)\b"
)
_THROWN = re.compile(r"(?:&>\s*/dev/null|>\s*/dev/null\s+2>\s*&1|2>\s*&1\s+>\s*/dev/null)")


def _check(source: Source, project: Project) -> Iterator[Hit]:  # noqa: ARG001
    for command in commands(source):
        checked = command.after in {"&&", "||"} or command.text.startswith(("if ", "! "))
        if not checked and _CHANGES.search(command.text) and _THROWN.search(command.text):
            yield Hit(command.line, "throws away why it failed")


RULE = Rule(
    id="SLW027",
    title="Failures are told",
    fix="keep its output; >/dev/null 2>&1 is for asking whether something exists",
    kinds=frozenset({Kind.SHELL, Kind.JENKINSFILE}),
    check=_check,
)
