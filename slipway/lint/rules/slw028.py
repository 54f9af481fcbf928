"""SLW028: a file that was copied into a layer stays there, whatever removes it later (G9)."""

import re
from collections.abc import Iterator

from slipway.lint.dockerfile import stages
from slipway.lint.finding import Hit, Rule
from slipway.lint.source import Kind, Project, Source

_SECRET_FILE = re.compile(
    r"(?:^|/)(?:id_(?:rsa|dsa|ecdsa|ed25519)|\.netrc|\.pypirc|\.git-credentials|\.pgpass|"
    r"\.docker/config\.json|\.aws(?:/.*)?|\.ssh(?:/.*)?|\.kube(?:/.*)?|kubeconfig|"
    r"credentials\.json|[\w.-]+\.p12)$"
)


def _check(source: Source, project: Project) -> Iterator[Hit]:  # noqa: ARG001
    found = stages(source.instructions)
    for stage in (found[-1], *found[-1].chain) if found else ():
        for item in stage.own:
            if item.keyword in {"COPY", "ADD"} and "--from=" not in item.rest:
                names = [word.strip("[],\"'") for word in item.words[:-1]]
                if secret := next((name for name in names if _SECRET_FILE.search(name)), None):
                    yield Hit(item.line, f"{secret} becomes part of the image")


RULE = Rule(
    id="SLW028",
    title="No secret files in images",
    fix="RUN --mount=type=secret or --mount=type=ssh, and a line in .dockerignore",
    kinds=frozenset({Kind.DOCKERFILE}),
    check=_check,
)
