"""A Dockerfile as instructions, with continuation lines joined and comments left out.

Format: https://docs.docker.com/reference/dockerfile/. Here-documents belong to their instruction.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

_HEREDOC = re.compile(r"<<-?\s*[\"']?([A-Za-z_][A-Za-z0-9_]*)[\"']?")


@dataclass(frozen=True, slots=True)
class Instruction:
    """One instruction: keyword in capitals, the rest as written, its first line from 1."""

    keyword: str
    rest: str
    line: int

    @property
    def words(self) -> list[str]:
        """The rest without flags such as `--platform=...`."""
        return [word for word in self.rest.split() if not word.startswith("--")]


@dataclass(frozen=True, slots=True)
class Stage:
    """A FROM and what follows it, with the stages that it builds on, itself first."""

    base: Instruction
    name: str | None
    chain: tuple["Stage", ...]
    own: tuple[Instruction, ...]

    def last(self, keyword: str) -> Instruction | None:
        """The instruction of that keyword in force at the end of the stage."""
        for stage in (self, *self.chain):
            found = [item for item in stage.own if item.keyword == keyword]
            if found:
                return found[-1]
        return None


def parse_dockerfile(text: str) -> list[Instruction]:
    """Every instruction in order; malformed text gives instructions that no rule knows."""
    return list(_instructions(text.splitlines()))


def preamble(text: str) -> Iterator[tuple[int, str]]:
    """The lines before the first instruction, where builders look for directives."""
    for number, line in enumerate(text.removeprefix("\ufeff").splitlines(), start=1):
        if line.strip() and not line.lstrip().startswith(("#", "//", "{", '"', "}")):
            return
        yield number, line


def _instructions(lines: list[str]) -> Iterator[Instruction]:
    number = 0
    while number < len(lines):
        first = number
        joined, number = _join(lines, number)
        keyword, _, rest = joined.strip().partition(" ")
        for mark in _HEREDOC.findall(rest) if keyword.upper() in {"RUN", "COPY", "ADD"} else []:
            number = _skip_heredoc(lines, number, mark)
        if keyword and not keyword.startswith("#"):
            yield Instruction(keyword.upper(), rest.strip(), first + 1)


def _join(lines: list[str], number: int) -> tuple[str, int]:
    """The instruction that begins here, and the line after it."""
    joined = ""
    while number < len(lines):
        line = lines[number]
        number += 1
        if joined and line.lstrip().startswith("#"):
            continue
        if not joined and line.lstrip().startswith("#"):
            return line, number
        stripped = line.rstrip()
        if not stripped.endswith("\\"):
            return joined + stripped, number
        joined += stripped[:-1] + " "
    return joined, number


def _skip_heredoc(lines: list[str], number: int, mark: str) -> int:
    while number < len(lines) and lines[number].strip() != mark:
        number += 1
    return number + 1


def stages(instructions: list[Instruction]) -> list[Stage]:
    """The stages in order; the last one is the image."""
    found: list[Stage] = []
    defaults = arguments(instructions)
    starts = [index for index, item in enumerate(instructions) if item.keyword == "FROM"]
    for start, end in zip(starts, [*starts, len(instructions)][1:], strict=True):
        base = instructions[start]
        words = base.words
        name = words[2] if [word.lower() for word in words[1:2]] == ["as"] else None
        image = resolve(words[0], defaults) if words else None
        parent = next((stage for stage in found if image and _names(stage, image, found)), None)
        chain = (parent, *parent.chain) if parent else ()
        own = tuple(instructions[start + 1 : end])
        found.append(Stage(base, name, chain, own))
    return found


def _names(stage: Stage, word: str, found: list[Stage]) -> bool:
    by_name = stage.name is not None and stage.name.lower() == word.lower()
    return by_name or word == str(found.index(stage))


def arguments(instructions: list[Instruction]) -> dict[str, str]:
    """Defaults of the ARGs before the first FROM, which a FROM may use."""
    defaults: dict[str, str] = {}
    for item in instructions:
        if item.keyword == "FROM":
            break
        if item.keyword == "ARG":
            name, _, value = item.rest.partition("=")
            defaults[name.strip()] = value.strip().strip("\"'")
    return defaults


def resolve(text: str, defaults: dict[str, str]) -> str | None:
    """The text with `$NAME`, `${NAME}` and `${NAME:-word}` filled in; None where one is unknown."""
    unknown = False

    def fill(match: re.Match[str]) -> str:
        nonlocal unknown
        value = defaults.get(match["plain"] or match["name"]) or match["word"]
        unknown = unknown or not value
        return value or ""

    pattern = r"\$(?:(?P<plain>\w+)|\{(?P<name>\w+)(?::?-(?P<word>[^}]*))?\})"
    filled = re.sub(pattern, fill, text)
    return None if unknown else filled
