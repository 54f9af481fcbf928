"""What a Dockerfile takes from elsewhere: its base images, and what may not be in it. Pure.

Source: the Dockerfile reference. Only what decides where bytes come from is read: directives, ARG
before the first stage, FROM, COPY --from and RUN --mount=from=.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from slipway.errors import BadInput, Refused

_DIRECTIVE = re.compile(r"\s*(?:#|//)\s*([a-zA-Z]+)\s*=\s*(.*?)\s*")
_COMMENT = re.compile(r"\s*(?:#|//)")
_HEREDOC = re.compile(r"<<-?\s*([\"']?)([A-Za-z_][A-Za-z0-9_]*)\1")
_VARIABLE = re.compile(r"\$(?:([A-Za-z_]\w*)|\{([A-Za-z_]\w*)(?:(:[-+])([^}]*))?\})")
_FROM = re.compile(
    r"(?P<head>\s*FROM\s+(?:--platform=\S+\s+)?)(?P<image>\S+)(?:\s+AS\s+(?P<name>\S+))?\s*",
    re.IGNORECASE,
)
_COPY_FROM = re.compile(r"(?P<head>--from=)(?P<image>\S+)")
_MOUNT_FROM = re.compile(r"(?P<head>--mount=(?:[^\s,]+,)*from=)(?P<image>[^\s,]+)")
_IMAGE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/:@\[\]-]{0,254}")
RESERVED_ARGUMENTS = ("BUILDKIT_",)


@dataclass(frozen=True, slots=True)
class _Instruction:
    first: int
    last: int
    word: str
    text: str


def base_images(text: str, arguments: Mapping[str, str]) -> list[str]:
    """The images that a build reads, each once, in order, with variables filled in.

    Args:
        arguments: build arguments, which win over the defaults of ARG.

    Raises:
        Refused: a `# syntax=` line, which would run a frontend from elsewhere.
        BadInput: a variable without a value, or what is no image reference.
    """
    return list(dict.fromkeys(image for _, _, image in _uses(text, arguments)))


def with_pinned_bases(text: str, arguments: Mapping[str, str], pinned: Mapping[str, str]) -> str:
    """The Dockerfile with each base image replaced by what it was resolved to."""
    lines = text.split("\n")
    for line, match, image in _uses(text, arguments):
        there = pinned.get(image, image)
        # Only the reference is replaced; the rest of the line stays what its author wrote.
        lines[line] = _replaced(lines[line], match, there)
    return "\n".join(lines)


def check_arguments(arguments: Mapping[str, str]) -> None:
    """Raises Refused for build arguments that steer the builder itself."""
    for name in arguments:
        if name.upper().startswith(RESERVED_ARGUMENTS):
            raise Refused(
                "a build argument would steer the builder",
                found=name,
                allowed="arguments of the app's own Dockerfile",
            )


def _replaced(line: str, match: re.Match[str], image: str) -> str:
    reference = re.escape(match["head"] + match["image"])
    return re.sub(reference, lambda _: match["head"] + image, line, count=1)


def _uses(text: str, arguments: Mapping[str, str]) -> Iterator[tuple[int, re.Match[str], str]]:
    """Each use of an image from outside: its line, the match, the image's name."""
    _refuse_frontend(text)
    values: dict[str, str] = {}
    stages: set[str] = set()
    count = 0
    for instruction in _instructions(text):
        if instruction.word == "ARG" and not count:
            values.update(_defaults(instruction.text, values, arguments))
            continue
        for line, match in _references(text, instruction):
            image = _expand(match["image"], values)
            if image.lower() not in stages and not _is_stage_number(image, instruction, count):
                yield line, match, _checked(image)
        if instruction.word == "FROM":
            count += 1
            stages.add((_stage_name(instruction.text) or "").lower())


def _references(text: str, instruction: _Instruction) -> Iterator[tuple[int, re.Match[str]]]:
    patterns = {"FROM": [_FROM], "COPY": [_COPY_FROM], "ADD": [], "RUN": [_MOUNT_FROM]}
    lines = text.split("\n")
    for pattern in patterns.get(instruction.word, []):
        for number in range(instruction.first, instruction.last + 1):
            for match in pattern.finditer(lines[number]):
                if match["image"].lower() != "scratch":
                    yield number, match
    if instruction.word == "FROM" and not _FROM.match(lines[instruction.first]):
        raise BadInput(
            f"Dockerfile line {instruction.first + 1}: FROM must be written on one line",
            found=ascii(lines[instruction.first][:120]),
        )


def _stage_name(text: str) -> str | None:
    match = _FROM.fullmatch(text)
    return match["name"] if match else None


def _is_stage_number(image: str, instruction: _Instruction, count: int) -> bool:
    return instruction.word != "FROM" and image.isdecimal() and int(image) < count


def _checked(image: str) -> str:
    if not _IMAGE.fullmatch(image):
        raise BadInput(
            "Dockerfile: not an image reference",
            found=ascii(image[:120]),
            allowed="NAME:TAG or NAME@sha256:...",
        )
    return image


def _defaults(text: str, values: Mapping[str, str], arguments: Mapping[str, str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for word in text.split()[1:]:
        name, given, default = word.partition("=")
        if name in arguments:
            found[name] = arguments[name]
        elif given:
            found[name] = _expand(default.strip("\"'"), {**values, **found})
    return found


def _expand(text: str, values: Mapping[str, str]) -> str:
    def value(match: re.Match[str]) -> str:
        name = match[1] or match[2]
        known = values.get(name)
        if match[3] == ":-":
            return known or str(match[4])
        if match[3] == ":+":
            return str(match[4]) if known else ""
        if known is None:
            raise BadInput(
                f"Dockerfile: ARG {name} names an image and has no value",
                allowed=f"a default before the first FROM, or build_args.{name}",
            )
        return known

    return _VARIABLE.sub(value, text.strip("\"'"))


def _refuse_frontend(text: str) -> None:
    """BuildKit reads directives from the lines before the first instruction."""
    for line in text.removeprefix("\ufeff").split("\n"):
        if line.strip() and not _COMMENT.match(line) and not line.startswith("{"):
            return
        directive = _DIRECTIVE.fullmatch(line)
        if (directive and directive[1].lower() == "syntax") or '"syntax"' in line:
            raise Refused(
                "the Dockerfile asks for a frontend of its own, which would run unchecked code",
                found=ascii(line.strip()[:120]),
                allowed="no `# syntax=` line: the engine's own frontend builds",
                next_step="remove the line",
                stage="build",
            )


def _instructions(text: str) -> Iterator[_Instruction]:
    """Instructions with their lines, joined over continuations; here-documents are skipped."""
    lines = text.removeprefix("\ufeff").split("\n")
    escape = _escape(lines)
    number = 0
    while number < len(lines):
        if not lines[number].strip() or _COMMENT.match(lines[number]):
            number += 1
            continue
        first, joined = number, ""
        while number < len(lines):
            line = lines[number].rstrip()
            if not (joined and _COMMENT.match(line)):
                joined += line.removesuffix(escape) + " "
            if joined and not line.endswith(escape) and not _COMMENT.match(line):
                break
            number += 1
        last = min(number, len(lines) - 1)
        word = joined.split(maxsplit=1)[0].upper()
        number = _after_heredocs(lines, last, word, joined) + 1
        yield _Instruction(first, last, word, joined.strip())


def _after_heredocs(lines: list[str], last: int, word: str, joined: str) -> int:
    if word not in {"RUN", "COPY", "ADD"}:
        return last
    for _, terminator in _HEREDOC.findall(joined):
        end = last + 1
        while end < len(lines) and lines[end].strip() != terminator:
            end += 1
        last = end
    return last


def _escape(lines: list[str]) -> str:
    for line in lines:
        directive = _DIRECTIVE.fullmatch(line)
        if not directive:
            break
        if directive[1].lower() == "escape":
            return directive[2]
    return "\\"
