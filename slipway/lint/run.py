"""Reading a project and applying every rule to it."""

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import date
from functools import cache
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules

from slipway.errors import BadInput, Unreachable
from slipway.ledger import utc_now
from slipway.lint import rules as package
from slipway.lint.config import CONFIG, LintConfig, parse_config
from slipway.lint.finding import Finding, Rule
from slipway.lint.source import Kind, Project, Source, kind_of

LONGEST = 1_000_000
UNREADABLE = "SLW000"
_SKIPPED = {"node_modules", "__pycache__", "build", "dist", "site-packages", "venv"}
_HIDDEN_TAKEN = {".ci", ".github", ".jenkins"}


@cache
def rules() -> tuple[Rule, ...]:
    """Every rule, by its number."""
    names = sorted(module.name for module in iter_modules(package.__path__))
    return tuple(import_module(f"{package.__name__}.{name}").RULE for name in names)


def lint(
    paths: Sequence[Path], root: Path | None = None, today: date | None = None
) -> list[Finding]:
    """Findings in files and folders that no valid suppression covers, by path and line.

    Args:
        root: the project; paths are told relative to it, and its `.slipway-lint.yaml` counts. The
            current folder by default.
        today: the day that expiry is judged by.

    Raises:
        BadInput: a path does not exist, or the configuration is not valid.
        Unreachable: a file cannot be read.
    """
    root = (root or Path.cwd()).resolve()
    config = _config(root)
    files = [file for path in paths for file in _files(path.resolve())]
    named = {_name(file, root): file for file in files}
    kept = {name: file for name, file in named.items() if not config.excludes(name)}
    sources = [source for name, file in kept.items() for source in _read(name, file)]
    return judge(sources, config, today or utc_now().date())


def judge(sources: Iterable[Source], config: LintConfig, today: date) -> list[Finding]:
    """The findings in sources that were read. Pure."""
    readable, found = [], []
    for source in sources:
        try:
            readable.append(_parsed(source))
        except BadInput as error:
            found.append(_unreadable(source, error))
    project = Project(readable)
    for source in readable:
        for rule in rules():
            found += rule.findings(source, project)
    return sorted(
        [*_unsuppressed(found, config, today), *_expired(found, config, today)],
        key=lambda finding: (finding.path, finding.line, finding.rule),
    )


def _parsed(source: Source) -> Source:
    """The source, read at least as text where it is a template; raises BadInput for others."""
    if source.is_template:
        for form in (source, replace(source, is_filled_in=True)):
            with suppress(BadInput):
                form.parse()
                return form
        source = replace(source, kind=Kind.TEXT)
    source.parse()
    return source


def _unsuppressed(found: list[Finding], config: LintConfig, today: date) -> list[Finding]:
    valid = [item for item in config.suppressions if item.expires >= today]
    return [finding for finding in found if not any(item.covers(finding) for item in valid)]


def _expired(found: list[Finding], config: LintConfig, today: date) -> Iterator[Finding]:
    """A suppression that ran out is a finding of its own while what it covers is there."""
    for item in config.suppressions:
        if item.expires < today and any(item.covers(finding) for finding in found):
            yield Finding(
                path=CONFIG,
                line=1,
                rule=UNREADABLE,
                message=f"suppression of {item.rule} in {item.path} ran out {item.expires}",
                fix=f"{item.owner} mends it, or says anew why and until when",
            )


def _unreadable(source: Source, error: BadInput) -> Finding:
    line = (error.found or "").removeprefix("line ")
    return Finding(
        path=source.path,
        line=int(line) if line.isdecimal() else 1,
        rule=UNREADABLE,
        message=f"cannot be read: {error.message}",
        fix="mend its syntax; rules do not guess",
    )


def _config(root: Path) -> LintConfig:
    path = root / CONFIG
    try:
        return parse_config(path.read_bytes()) if path.exists() else LintConfig()
    except OSError as error:
        raise _unreachable(path, error) from error


def _files(path: Path) -> Iterator[Path]:
    if path.is_file():
        yield path
        return
    if not path.is_dir():
        raise BadInput(
            "nothing to lint there", found=f"no file or folder {str(path)!a}", allowed="a project"
        )
    for folder, folders, names in os.walk(path):
        folders[:] = sorted(name for name in folders if _is_taken(name))
        for name in sorted(names):
            if (file := Path(folder, name)).is_file() and not file.is_symlink():
                yield file


def _is_taken(folder: str) -> bool:
    return folder not in _SKIPPED and (not folder.startswith(".") or folder in _HIDDEN_TAKEN)


def _name(file: Path, root: Path) -> str:
    return (file.relative_to(root) if file.is_relative_to(root) else file).as_posix()


def _read(name: str, file: Path) -> Iterator[Source]:
    kind = kind_of(name)
    if kind is None:
        return
    try:
        if file.stat().st_size <= LONGEST:
            yield Source(name, kind, file.read_text("utf-8", errors="replace"))
    except OSError as error:
        raise _unreachable(file, error) from error


def _unreachable(path: Path, error: OSError) -> Unreachable:
    return Unreachable(
        f"{path} cannot be read",
        found=error.strerror or type(error).__name__,
        next_step="mend access to it, then run the command again",
    )
