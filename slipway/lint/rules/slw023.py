"""SLW023: who can read the repository has every secret in it, for as long as it exists (S0-19)."""

import re
from collections.abc import Iterator

from slipway.lint.finding import Hit, Rule
from slipway.lint.groovy import without_comments
from slipway.lint.manifest import Object, objects
from slipway.lint.source import Kind, Project, Source
from slipway.lint.words import is_stand_in, looks_secret

_GROOVY = re.compile(r"(?:^|\bdef\s+|[{\s])(?:env\.)?([A-Za-z_]\w*)\s*=\s*(['\"])([^'\"\n]+)\2")
_SHELL = re.compile(r"^\s*(?:export\s+|readonly\s+)?([A-Za-z_]\w*)=([\"']?)([^\"'\s;&|]+)\2")
_WORDS = re.compile(r"[A-Za-z]+(?:[-_ .:/][A-Za-z]+)*")
_EMPTY = {"e30=", "Cg==", ""}


def _check(source: Source, project: Project) -> Iterator[Hit]:  # noqa: ARG001
    if source.kind is Kind.YAML:
        for item in objects(source):
            yield from _secret(item) if item.kind == "Secret" else _environment(item)
        return
    form = _GROOVY if source.kind is Kind.JENKINSFILE else _SHELL
    text = without_comments(source.text) if source.kind is Kind.JENKINSFILE else source.text
    for number, line in enumerate(text.splitlines(), start=1):
        for name, _, value in form.findall(line):
            if looks_secret(name) and "cred" not in name.lower() and _is_real(value):
                yield Hit(number, f"the value of {name} is in the repository")


def _is_real(value: str) -> bool:
    """A value of letters alone may be a name, such as the id of a credential in Jenkins."""
    return not is_stand_in(value) and not _WORDS.fullmatch(value) and "$" not in value


def _secret(item: Object) -> Iterator[Hit]:
    for value in item.values:
        held = value.path[0] in {"data", "stringData"} and value.path[1:]
        if held and value.text not in _EMPTY and not is_stand_in(value.text):
            yield Hit(value.line, f"the value of {value.key} is in the repository")
            return


def _environment(item: Object) -> Iterator[Hit]:
    for container in item.containers():
        for variable in item.items((*container, "env")):
            name, value = (item.at((*variable, key)) for key in ("name", "value"))
            if name and value and looks_secret(name.text) and not is_stand_in(value.text):
                yield Hit(value.line, f"the value of {name.text} is in the repository")


RULE = Rule(
    id="SLW023",
    title="No values of secrets in manifests and scripts",
    fix="revoke it; name a Secret that the target holds, or a credential of Jenkins",
    kinds=frozenset({Kind.YAML, Kind.JENKINSFILE, Kind.SHELL}),
    check=_check,
)
