"""A project's files, read once and parsed once, as rules see them."""

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from pathlib import PurePosixPath

from slipway.errors import BadInput
from slipway.lint.dockerfile import Instruction, parse_dockerfile
from slipway.lint.tree import Value, parse_tree, without_actions


class Kind(StrEnum):
    """What a file is, told by its name."""

    DOCKERFILE = "Dockerfile"
    APPFILE = "app file"
    JENKINSFILE = "Jenkinsfile"
    PREFECT = "prefect.yaml"
    PYTHON = "Python"
    SHELL = "shell script"
    YAML = "YAML"
    TEXT = "text"


ALL = frozenset(Kind)
_BY_NAME = {
    "slipway.yaml": Kind.APPFILE,
    "prefect.yaml": Kind.PREFECT,
    "dockerfile": Kind.DOCKERFILE,
    "containerfile": Kind.DOCKERFILE,
    "jenkinsfile": Kind.JENKINSFILE,
}
_WITH_ANY_SUFFIX = {"dockerfile", "containerfile", "jenkinsfile"}
_BY_SUFFIX = {
    ".py": Kind.PYTHON,
    ".sh": Kind.SHELL,
    ".bash": Kind.SHELL,
    ".dockerfile": Kind.DOCKERFILE,
    ".groovy": Kind.JENKINSFILE,
    ".yaml": Kind.YAML,
    ".yml": Kind.YAML,
    ".json": Kind.TEXT,
    ".md": Kind.TEXT,
    ".tf": Kind.TEXT,
    ".tpl": Kind.TEXT,
    ".toml": Kind.TEXT,
    ".env": Kind.TEXT,
    ".cfg": Kind.TEXT,
    ".ini": Kind.TEXT,
}


def kind_of(path: str) -> Kind | None:
    """The kind of a file, None for what no rule looks at."""
    name = PurePosixPath(path).name.lower()
    stem = name.split(".")[0]
    return (
        _BY_NAME.get(name)
        or _BY_SUFFIX.get(PurePosixPath(name).suffix)
        or (_BY_NAME.get(stem) if stem in _WITH_ANY_SUFFIX else None)
        or (Kind.TEXT if name.startswith(".env") else None)
    )


@dataclass(frozen=True)
class Source:
    """One file: its path in the project, its kind and its text.

    The parsed forms raise BadInput, with the line, where the text is not of its kind.
    """

    path: str
    kind: Kind
    text: str
    is_filled_in: bool = False  # becomes YAML only once its actions are

    @property
    def is_template(self) -> bool:
        """Whether it becomes YAML only once a tool such as Helm has filled it in."""
        return self.kind is Kind.YAML and "{{" in self.text

    @cached_property
    def lines(self) -> list[tuple[int, str]]:
        """Every line with its number, from 1."""
        return list(enumerate(self.text.splitlines(), start=1))

    @cached_property
    def instructions(self) -> list[Instruction]:
        """A Dockerfile's instructions."""
        return parse_dockerfile(self.text)

    @cached_property
    def values(self) -> list[Value]:
        """Every scalar of a YAML file, with its path of keys."""
        return list(parse_tree(without_actions(self.text) if self.is_filled_in else self.text))

    @cached_property
    def module(self) -> ast.Module:
        """A Python file's syntax tree."""
        try:
            return ast.parse(self.text)
        except (SyntaxError, ValueError, RecursionError) as error:
            line = getattr(error, "lineno", None) or 1
            raise BadInput("not Python", found=f"line {line}") from error

    @cached_property
    def nodes(self) -> tuple[ast.AST, ...]:
        """Every node of that tree, walked once."""
        return tuple(ast.walk(self.module))

    def parse(self) -> None:
        """Parse once; raises BadInput where the text is not of its kind."""
        match self.kind:
            case Kind.DOCKERFILE:
                _ = self.instructions
            case Kind.APPFILE | Kind.PREFECT | Kind.YAML:
                _ = self.values
            case Kind.PYTHON:
                _ = self.module
            case _:
                pass


@dataclass(frozen=True)
class Project:
    """Every source that is looked at together."""

    sources: Sequence[Source]

    def of(self, kind: Kind) -> Iterator[Source]:
        """The sources of one kind."""
        return (source for source in self.sources if source.kind is kind)

    @cached_property
    def runtime_secrets(self) -> frozenset[str]:
        """Names of the runtime secrets that the app files declare."""
        return frozenset(
            str(value.path[1])
            for source in self.of(Kind.APPFILE)
            for value in source.values
            if value.path[:1] == ("secrets",) and value.path[1:]
        )
