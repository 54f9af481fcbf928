"""SLW020: who deploys `latest` does not know what runs, nor what to go back to (S1-61)."""

import re
from collections.abc import Iterator

from slipway.lint.finding import Hit, Rule
from slipway.lint.manifest import Object, is_unknown, objects
from slipway.lint.shell import commands
from slipway.lint.source import Kind, Project, Source

_DEPLOYS = re.compile(
    r"\bkubectl\b.*\sset\s+image\s.*=\S+:latest\b|"
    r"\bhelm\b.*\s--set(?:-string)?[\s=](?:[\w.]+\.)?tag=latest\b|"
    r"\bdocker\s+service\s+(?:create|update)\b.*:latest\b"
)

# A release sets these by digest; see docs/manifests.md.
_OF_THE_APP = re.compile(r"slipway\.dev/[a-z][a-z0-9-]*")


def _check(source: Source, project: Project) -> Iterator[Hit]:
    if source.kind is Kind.YAML:
        replaced = _replaced(project)
        for item in objects(source):
            yield from _kubernetes(item, replaced)
            yield from _compose(item)
            yield from _values(item)
    for command in commands(source):
        if _DEPLOYS.search(command.text):
            yield Hit(command.line, "deploys latest")


def _kubernetes(item: Object, replaced: set[str]) -> Iterator[Hit]:
    for container in item.containers():
        image = item.at((*container, "image"))
        if image and image.text not in replaced and _is_loose(image.text):
            yield Hit(image.line, f"runs {image.text}, which may be another one tomorrow")


def _compose(item: Object) -> Iterator[Hit]:
    for service in item.items(("services",)):
        image = item.at((*service, "image"))
        if image and not item.below((*service, "build")) and _is_loose(image.text):
            yield Hit(image.line, f"runs {image.text}, which may be another one tomorrow")


def _values(item: Object) -> Iterator[Hit]:
    """A chart's values."""
    for value in item.values:
        if value.path[-2:] == ("image", "tag") and value.text == "latest" and not item.kind:
            yield Hit(value.line, "the chart deploys latest")


def _is_loose(image: str) -> bool:
    if "@" in image or (is_unknown(image) and not image.endswith(":latest")):
        return False
    if _OF_THE_APP.fullmatch(image):
        return False
    return image.rpartition("/")[2].partition(":")[2] in {"", "latest"}


def _replaced(project: Project) -> set[str]:
    """Images that a kustomization fills in, as it names them and with a tag."""
    names = {
        value.text
        for source in project.of(Kind.YAML)
        if source.path.rpartition("/")[2].startswith("kustomization.")
        for value in source.values
        if value.path[:1] == ("images",) and value.path[-1] == "name"
    }
    return names | {f"{name}:latest" for name in names}


RULE = Rule(
    id="SLW020",
    title="Nothing is deployed as latest",
    fix="deploy the digest: IMAGE@sha256:...",
    kinds=frozenset({Kind.YAML, Kind.SHELL, Kind.JENKINSFILE}),
    check=_check,
)
