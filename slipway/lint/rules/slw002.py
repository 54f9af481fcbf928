"""SLW002: the image runs as another user than root (CIS Docker 4.1)."""

from collections.abc import Iterator

from slipway.lint.dockerfile import arguments, resolve, stages
from slipway.lint.finding import Hit, Rule
from slipway.lint.source import Kind, Project, Source


def _check(source: Source, project: Project) -> Iterator[Hit]:  # noqa: ARG001
    found = stages(source.instructions)
    if not found:
        return
    last = found[-1]
    user = last.last("USER")
    if user is None:
        base = (last.chain or (last,))[-1].base
        image = resolve(" ".join(base.words[:1]), arguments(source.instructions)) or ""
        if not image.partition("@")[0].endswith((":nonroot", "-nonroot", "-unprivileged")):
            yield Hit(last.base.line, "no USER: the container runs as root")
    elif user.rest.partition(":")[0].strip("\"'") in {"root", "0"}:
        yield Hit(user.line, f"USER {user.rest}: the container runs as root")


RULE = Rule(
    id="SLW002",
    title="Containers do not run as root",
    fix="end the last stage with USER and a numeric id, as in USER 65532:65532",
    kinds=frozenset({Kind.DOCKERFILE}),
    check=_check,
)
