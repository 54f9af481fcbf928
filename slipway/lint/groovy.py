"""A Jenkinsfile's strings, the steps that take them, and the variables that hold credentials.

Groovy fills `${...}` into double-quoted strings; in single-quoted ones the shell does.
Format: https://www.jenkins.io/doc/book/pipeline/jenkinsfile/#string-interpolation.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from slipway.lint.words import looks_secret

_TOKEN = re.compile(
    r"(?P<comment>//[^\n]*|/\*.*?\*/)|(?P<quote>'''|\"\"\"|'|\")|(?P<regex>(?<=[~(,=] )/(?![/*]))",
    re.DOTALL,
)
_TAKES = re.compile(r"\s*\(?\s*(?:[^(){};]*?\b(?:script|message)\s*:\s*)?")
_WRAPPER = re.compile(  # a function of the file that hands its argument to a shell
    r"\b(?:def|void|\w+)\s+(\w+)\s*\(\s*(?:\w+\s+)?(\w+)\s*\)\s*\{[^{}]*?\b(?:sh|bat)\b[^{}]*?\b\2\b"
)
_FILLED = re.compile(r"(?<!\\)\$(?:\{(?P<long>[^}]*)\}|(?P<short>[A-Za-z_][\w.]*))")
_ADDED = re.compile(r"\s*\+\s*(?P<name>[A-Za-z_][\w.]*)?")
_FILE_BINDING = re.compile(
    r"\b(?:file|configFile|dockerCert|zip)\s*\([^)]*\)|\[\s*\$class\s*:\s*['\"]\w*FileBinding['\"][^\]]*\]"
)
_BOUND = re.compile(
    r"\b(?:variable|passwordVariable|secretKeyVariable|passphraseVariable|tokenVariable)"
    r"\s*:\s*['\"](\w+)['\"]"
)
_HELPER = re.compile(r"\b(\w+)\s*=\s*credentials\s*\(\s*['\"]([^'\"]*)['\"]")
_PASSWORD_PARAMETER = re.compile(r"\bpassword\s*\(?\s*[^)]*?\bname\s*:\s*['\"](\w+)['\"]")
_FILE_ID = re.compile(r"kubeconfig|file|(ssh|private)[_-]?key", re.IGNORECASE)
_SHELLS = {"sh", "bat", "powershell", "pwsh"}
_PRINTS = {"echo", "print", "println", "error"}


@dataclass(frozen=True, slots=True)
class Step:
    """A step and the string that it takes: the text as written, its place, what is filled in."""

    name: str
    text: str
    start: int
    filled: tuple[str, ...]
    is_shell: bool


@dataclass(frozen=True, slots=True)
class _Literal:
    quote: str
    text: str
    start: int
    end: int  # behind the closing quote

    @property
    def filled(self) -> list[str]:
        found = _FILLED.finditer(self.text) if self.quote[0] == '"' else ()
        return [(match["long"] or match["short"] or "").strip() for match in found]


def without_comments(text: str) -> str:
    """The text with each comment blanked, so that every place stays where it was."""
    out = list(text)
    for start, end in _walk(text)[1]:
        out[start:end] = [char if char == "\n" else " " for char in out[start:end]]
    return "".join(out)


def steps(text: str) -> list[Step]:
    """Every step that runs or prints a string, in order."""
    code, literals = without_comments(text), _walk(text)[0]
    shells = _SHELLS | {name for name, _ in _WRAPPER.findall(code)}
    found = []
    for literal in literals:
        name = _taker(code, literal, shells | _PRINTS)
        if name:
            filled = (*literal.filled, *_added(code, literal, literals))
            found.append(Step(name, literal.text, literal.start, filled, name in shells))
    return found


def _taker(code: str, literal: _Literal, names: set[str]) -> str | None:
    """The step among `names` that takes the string."""
    before = code[max(0, literal.start - 300) : literal.start - len(literal.quote)]
    for match in re.finditer(r"(?<![\w.$\"'-])[A-Za-z_]\w*", before):
        if match[0] in names and _TAKES.fullmatch(before, match.end()):
            return match[0]
    return None


def _added(code: str, literal: _Literal, literals: list[_Literal]) -> Iterator[str]:
    """What `'text' + NAME + "text"` adds to the first string."""
    place = literal.end
    while match := _ADDED.match(code, place):
        place = match.end()
        if match["name"]:
            yield match["name"]
            continue
        following = [other for other in literals if other.start - len(other.quote) == place]
        if not following:
            return
        yield from following[0].filled
        place = following[0].end


def _walk(text: str) -> tuple[list[_Literal], list[tuple[int, int]]]:
    """The strings, and where comments begin and end."""
    literals: list[_Literal] = []
    comments: list[tuple[int, int]] = []
    place = 0
    while match := _TOKEN.search(text, place):
        place = match.end()
        if match["comment"]:
            comments.append(match.span())
        elif match["regex"]:
            end = text.find("/", place)
            place = end + 1 if 0 <= end < (text.find("\n", place) + 1 or len(text)) else place
        else:
            start, end, quote = place, _end(text, place, match["quote"]), match["quote"]
            place = end + len(quote)
            literals.append(_Literal(quote, text[start:end], start, place))
    return literals, comments


def _end(text: str, place: int, quote: str) -> int:
    """Where the string ends; a plain one at the end of its line at the latest."""
    depth, ends = 0, "\n" if len(quote) == 1 else None
    while place < len(text):
        if text[place] == "\\":
            place += 2
            continue
        if quote[0] == '"' and text.startswith("${", place):
            depth += 1
            place += 1
        elif depth and text[place] == "}":
            depth -= 1
        elif (not depth and text.startswith(quote, place)) or text[place] == ends:
            return place
        place += 1
    return len(text)


def name_of(expression: str) -> str:
    """The last name of an expression: `env.TOKEN` and `params['TOKEN']` are TOKEN."""
    found = re.findall(r"[A-Za-z_]\w*", expression.partition("(")[0])
    return found[-1] if found else ""


def holds_secret(expression: str, bound: frozenset[str]) -> bool:
    """Whether the expression is a variable that a credential was bound to, or is named like one."""
    name = name_of(expression)
    return name in bound or looks_secret(name)


def bound_secrets(text: str) -> frozenset[str]:
    """The variables that hold a credential's secret; files' paths and user names are none."""
    code = _FILE_BINDING.sub("", without_comments(text))
    found = {*_BOUND.findall(code), *_PASSWORD_PARAMETER.findall(code)}
    for name, identity in _HELPER.findall(code):
        if not _FILE_ID.search(f"{name} {identity}"):
            found |= {name, f"{name}_PSW"}
    return frozenset(found)


def line_at(text: str, place: int) -> int:
    """The number, from 1, of the line that holds a place."""
    return text.count("\n", 0, place) + 1
