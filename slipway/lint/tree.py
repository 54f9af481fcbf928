"""YAML as a list of scalars with their paths and lines, for rules that look and never load."""

from collections.abc import Iterator
from dataclasses import dataclass

import yaml

from slipway.errors import BadInput

DEEPEST = 40


@dataclass(frozen=True, slots=True)
class Value:
    """A scalar; an empty map or list counts as empty text.

    `path` holds keys and list positions; `line` is from 1.
    """

    path: tuple[str | int, ...]
    text: str
    line: int

    @property
    def key(self) -> str:
        """The nearest key above."""
        return next((part for part in reversed(self.path) if isinstance(part, str)), "")


def parse_tree(text: str) -> Iterator[Value]:
    """Every scalar of every document. Nothing is constructed and aliases are not followed.

    Raises:
        BadInput: the text is not YAML.
    """
    try:
        documents = list(yaml.compose_all(text, Loader=yaml.SafeLoader))
    except (yaml.YAMLError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        raise BadInput("not YAML", found=f"line {mark.line + 1 if mark else 1}") from error
    for document in documents:
        yield from _walk(document, (), set())


def _walk(node: yaml.Node | None, path: tuple[str | int, ...], seen: set[int]) -> Iterator[Value]:
    if node is None or len(path) > DEEPEST or id(node) in seen:
        return
    seen.add(id(node))
    if not node.value:
        yield Value(path, "", node.start_mark.line + 1)
    elif isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            yield from _walk(value, (*path, str(key.value)), seen)
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            yield from _walk(value, (*path, index), seen)
    else:
        yield Value(path, str(node.value), node.start_mark.line + 1)
