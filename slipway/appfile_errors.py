"""Problems of an app file, addressed by path and line, with what was found and what is allowed."""

import difflib
import re
import types
import typing
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from slipway.errors import BadInput
from slipway.strict_yaml import Document, Path, dotted

_PROBLEMS_SHOWN = 20
_TEXT_SHOWN = 200


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong; `hint` says what to do about it."""

    path: Path
    what: str
    found: str
    allowed: str
    hint: str | None = None


def closest(word: str, known: Sequence[str]) -> str | None:
    """A did-you-mean, where one of the known words is near."""
    by_lower = {item.lower(): item for item in known}
    near = difflib.get_close_matches(word.lower(), by_lower, n=1, cutoff=0.6)
    return f"did you mean {by_lower[near[0]]}?" if near else None


def bad_app_file(source: str, document: Document, problems: Sequence[Problem]) -> BadInput:
    """One error for all the problems of a file."""
    first = problems[0]
    count = f"{len(problems)} problems, first " if len(problems) > 1 else ""
    return BadInput(
        f"{source}: {count}{_where(document, first.path)}: {first.what}",
        found=first.found,
        allowed=first.allowed,
        next_step=first.hint or "`slipway schema` and docs/appfile.md describe every key",
        evidence=[_line(document, problem) for problem in problems[:_PROBLEMS_SHOWN]],
    )


def problems_of(
    error: ValidationError, model: type[BaseModel], document: Document
) -> list[Problem]:
    """What pydantic found, in the words and the order of the file."""
    found = [_problem(details, model, document) for details in error.errors(include_url=False)]
    return sorted(found, key=lambda problem: _line_of(document, problem.path))


def _line(document: Document, problem: Problem) -> str:
    text = f"{_where(document, problem.path)}: {problem.what}; found: {problem.found}"
    text += f"; allowed: {problem.allowed}"
    return f"{text}; {problem.hint}" if problem.hint else text


def _where(document: Document, path: Path) -> str:
    return f"{dotted(path)} (line {_line_of(document, path)})"


def _line_of(document: Document, path: Path) -> int:
    """The line of the value, or of what should hold it."""
    lengths = range(len(path), -1, -1)
    return next((document.lines[path[:n]] for n in lengths if path[:n] in document.lines), 1)


def _problem(details: ErrorDetails, model: type[BaseModel], document: Document) -> Problem:
    kind, path = details["type"], details["loc"]
    if kind == "value_error" and path[-1:] == ("[key]",):
        path = path[:-1]
    if kind == "extra_forbidden":
        return _unknown_key(path, model)
    if kind == "missing":
        return Problem(path, "missing", "nothing", _description(model, path))
    if kind == "value_error":
        return _from_ours(path, details)
    found = _found(path, details["input"], document)
    if kind == "string_type":
        return Problem(path, "text is needed", found, "text", _quote(path, document))
    allowed = details["msg"].removeprefix("Input should be ")
    return Problem(path, "not valid", found, allowed, _closest_choice(details))


def _closest_choice(details: ErrorDetails) -> str | None:
    choices = re.findall(r"'([^']+)'", str(details.get("ctx", {}).get("expected", "")))
    return closest(str(details["input"]), choices)


def _unknown_key(path: Path, model: type[BaseModel]) -> Problem:
    owner = _model_at(model, path[:-1])
    known = sorted(owner.model_fields) if owner else []
    key = str(path[-1])
    found = ascii(key[:60])[1:-1]
    return Problem(path, "unknown key", found, ", ".join(known), closest(key, known))


def _from_ours(path: Path, details: ErrorDetails) -> Problem:
    error = details.get("ctx", {}).get("error")
    if not isinstance(error, BadInput):
        return Problem(path, "not valid", "a wrong value", details["msg"])
    return Problem(path, error.message, error.found or "", error.allowed or "", error.next_step)


def _found(path: Path, value: Any, document: Document) -> str:
    if path in document.texts:
        return document.texts[path] or "nothing"
    if isinstance(value, str):
        return ascii(value[:60]) if len(value) <= _TEXT_SHOWN else f"{len(value)} characters"
    if isinstance(value, list):
        return f"a list of {len(value)}"
    return "keys with values" if isinstance(value, dict) else "nothing"


def _quote(path: Path, document: Document) -> str | None:
    text = document.texts.get(path)
    return f'write it in quotes: "{text}"' if text else None


def _description(model: type[BaseModel], path: Path) -> str:
    owner = _model_at(model, path[:-1])
    field = owner.model_fields.get(str(path[-1])) if owner else None
    return (field.description if field else None) or "this key is needed"


def _model_at(model: type[BaseModel], path: Path) -> type[BaseModel] | None:
    """The model that holds the keys at the path."""
    found: Any = model
    for part in path:
        found = _inner(_plain(found), part)
    found = _plain(found)
    return found if isinstance(found, type) and issubclass(found, BaseModel) else None


def _inner(annotation: Any, part: str | int) -> Any:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        field = annotation.model_fields.get(str(part))
        return field.annotation if field else None
    arguments = typing.get_args(annotation)
    is_map = typing.get_origin(annotation) in (dict, Mapping)
    return arguments[1 if is_map else 0] if arguments else None


def _plain(annotation: Any) -> Any:
    """The type without Annotated and without `| None`."""
    if typing.get_origin(annotation) is Annotated:
        return _plain(typing.get_args(annotation)[0])
    if typing.get_origin(annotation) in (types.UnionType, typing.Union):
        kept = [item for item in typing.get_args(annotation) if item is not type(None)]
        return _plain(kept[0])
    return annotation
