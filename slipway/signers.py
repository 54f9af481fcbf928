"""The allowed-signers file: who may open which environment's gate.

One enrolled key a line, as in ssh-keygen(1); the namespaces are the role:

    alice@example.org,alice namespaces="prod.approval.slipway" ssh-ed25519 AAAA...
    carol@example.org namespaces="prod.break-glass.slipway" ssh-ed25519 AAAA...
    bob@example.org namespaces="*.approval.slipway",valid-before="20270101Z" ssh-ed25519 AAAA...

Stricter than SSH itself: an entry without namespaces would be a role for everything, and a pattern
as principal would let one key speak for anybody, so both are refused.
"""

import re
from dataclasses import dataclass
from pathlib import Path

from slipway.errors import BadInput, SignatureRefused, Unreachable

NAMESPACE_SUFFIX = ".approval.slipway"
BREAK_GLASS_SUFFIX = ".break-glass.slipway"
LONGEST_FILE = 1_000_000
_KEY_TYPE = re.compile(r"(?:ssh|ecdsa|sk-ssh|sk-ecdsa)-[a-z0-9@.-]+")
_PRINCIPAL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@+-]{0,127}")
_OPTION = re.compile(r'([a-z-]+)(?:="([^"]*)")?(?:,|(?= )|$)')
_WORLD_WRITABLE = 0o002


@dataclass(frozen=True, slots=True)
class Signer:
    """One enrolled key.

    Attributes:
        options: option name to value, as in `valid-before`; values without quotes.
        line: where it stands, counted from 1.
    """

    principals: tuple[str, ...]
    namespaces: tuple[str, ...]
    options: dict[str, str]
    key_type: str
    key: str
    line: int


def namespace(environment: str, *, breaks_glass: bool = False) -> str:
    """What a key must be enrolled for to open that environment's gate, or to break its glass."""
    return environment + (BREAK_GLASS_SUFFIX if breaks_glass else NAMESPACE_SUFFIX)


def read_signers(path: Path) -> tuple[Signer, ...]:
    """Every enrolled key of the file.

    Raises:
        Unreachable: the file cannot be read.
        SignatureRefused: everybody on the machine may write it.
        BadInput: an entry is malformed, has no namespaces or names its principal by a pattern.
    """
    try:
        mode, data = path.stat().st_mode, path.read_bytes()
    except OSError as error:
        raise Unreachable(
            f"allowed-signers file {str(path)!r} cannot be read",
            found=error.strerror or type(error).__name__,
            next_step="enrol a key in it and name it in SLIPWAY_ALLOWED_SIGNERS",
        ) from error
    if mode & _WORLD_WRITABLE:
        raise SignatureRefused(
            f"allowed-signers file {str(path)!r} may be written by everybody",
            found=f"mode {mode & 0o777:04o}",
            next_step=f"chmod o-w {path}",
        )
    return parse_signers(data)


def parse_signers(data: bytes) -> tuple[Signer, ...]:
    """Every enrolled key of the file's bytes. Pure; raises BadInput as `read_signers` does."""
    try:
        text = data[: LONGEST_FILE + 1].decode()
    except UnicodeDecodeError as error:
        raise BadInput("allowed-signers file is not text") from error
    if len(data) > LONGEST_FILE:
        raise BadInput("allowed-signers file is too long", allowed=f"{LONGEST_FILE} bytes")
    numbered = enumerate(text.splitlines(), start=1)
    lines = ((number, line.strip()) for number, line in numbered)
    return tuple(_parse(line, number) for number, line in lines if line and line[0] != "#")


def _parse(line: str, number: int) -> Signer:
    names, _, rest = line.replace("\t", " ").partition(" ")
    options: dict[str, str] = {}
    if not _KEY_TYPE.match(rest.lstrip()):
        options, rest = _options(rest.lstrip(), number)
    words = rest.split()
    if len(words) < len(("type", "key")) or not _KEY_TYPE.fullmatch(words[0]):
        raise _malformed(number, "no PRINCIPALS [OPTIONS] KEY-TYPE KEY")
    signer = Signer(
        principals=tuple(names.split(",")),
        namespaces=tuple(filter(None, options.get("namespaces", "").split(","))),
        options=options,
        key_type=words[0],
        key=words[1],
        line=number,
    )
    return _strict(signer)


def _options(text: str, number: int) -> tuple[dict[str, str], str]:
    found: dict[str, str] = {}
    position = 0
    while position < len(text) and text[position] != " ":
        match = _OPTION.match(text, position)
        if not match:
            raise _malformed(number, 'options that are not NAME or NAME="VALUE", with commas')
        found[match[1]] = match[2] or ""
        position = match.end()
    return found, text[position:]


def _strict(signer: Signer) -> Signer:
    for principal in signer.principals:
        if not _PRINCIPAL.fullmatch(principal):
            raise _malformed(signer.line, f"principal {principal[:80]!a}", "no patterns")
    if not signer.namespaces:
        raise _malformed(
            signer.line,
            "no namespaces, which would be a role for everything",
            f'namespaces="<environment>{NAMESPACE_SUFFIX}"',
        )
    return signer


def _malformed(line: int, found: str, allowed: str | None = None) -> BadInput:
    return BadInput(
        f"allowed-signers file, line {line}, is not an enrolled key",
        found=found,
        allowed=allowed,
        next_step="see docs/approvals.md",
    )
