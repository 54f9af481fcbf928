"""YAML as a list of scalars with their paths and lines, for rules that look and never load."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

import yaml

from slipway.errors import BadInput

DEEPEST = 40
FILLED = "filled-in-later"
_ACTION = re.compile(r"\{\{.*?\}\}", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Value:
    """A scalar; an empty map or list counts as empty text.

    `path` holds keys and list positions; `line` is from 1; `document` counts the file's documents.
    """

    path: tuple[str | int, ...]
    text: str
    line: int
    document: int = 0

    @property
    def key(self) -> str:
        """The nearest key above."""
        return next((part for part in reversed(self.path) if isinstance(part, str)), "")


class _Loader(yaml.SafeLoader):
    """YAML lets an anchor be set again; PyYAML does not."""

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        event = self.peek_event()  # type: ignore[no-untyped-call]
        if not isinstance(event, yaml.AliasEvent):
            self.anchors.pop(event.anchor, None)
        node: yaml.Node | None = super().compose_node(parent, index)
        return node


def parse_tree(text: str) -> Iterator[Value]:
    """Every scalar of every document. Nothing is constructed and aliases are not followed.

    Raises:
        BadInput: the text is not YAML.
    """
    try:
        documents = list(yaml.compose_all(text, Loader=_Loader))
    except (yaml.YAMLError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        raise BadInput("not YAML", found=f"line {mark.line + 1 if mark else 1}") from error
    for number, document in enumerate(documents):
        for value in _walk(document, (), set()):
            yield replace(value, document=number)


def without_actions(text: str) -> str:
    """A template with each action blanked or named as filled in later; lines stay."""
    blanked = _ACTION.sub(lambda match: FILLED + "\n" * match[0].count("\n"), text)
    return "\n".join(
        "" if not line.replace(FILLED, "").strip() else line for line in blanked.split("\n")
    )


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
