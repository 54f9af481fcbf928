"""SLW017: everybody on a machine reads the arguments of its processes (S2-35, G10)."""

import re
from collections.abc import Iterator

from slipway.lint.finding import Hit, Rule
from slipway.lint.shell import RUNNING, Command, commands
from slipway.lint.source import Project, Source
from slipway.lint.words import is_stand_in, looks_secret

_VALUE = r"(?:\s+|=)(?P<value>\"[^\"]*\"|'[^']*'|[^\s-]\S*)"
_LONG = re.compile(
    r"(?<!\S)--(?P<name>(?:[a-z]+-)*(?:password|passwd|passphrase|token|api-key|apikey|secret-key|"
    r"client-secret))" + _VALUE
)
_LOGIN = re.compile(
    r"^(?:sudo\s+)?(?:docker|podman|nerdctl|buildah|skopeo|oras|crane\s+auth|helm\s+registry|az)\s"
    r"(?:.*\s)?login\s.*?(?<!\S)-p(?P<value>=?\S+|\s+\S+)"
)
_CURL = re.compile(
    r"\bcurl\s.*?(?<!\S)(?:-[a-zA-Z]*u|--user)(?:\s*|=)(?P<value>\"[^\"]*\"|'[^']*'|\S+)"
)
_HEADER = re.compile(
    r"\b(?:curl|wget)\s.*?(?:-H|--header)[\s=]*[\"']?(?:Authorization|[\w-]*(?:Token|Api-?Key))\s*:"
    r"[^\"']*\$",
    re.IGNORECASE,
)
_URL = re.compile(r"https?://(?:[^\s/@\"':]*:)?\$\{?(?P<name>\w+)[^\s/@\"']*@")
_QUIET = re.compile(r"(?:echo|printf)\s|(?:export\s+|local\s+)?\w+=[\"']?[^\s\"'(]*[\"']?$")
_STORED = re.compile(r"\baws\s+configure\s+set\s+(?P<name>\S*(?:secret|token)\S*)\s+[\"']?\$")
_SETTING = re.compile(
    r"(?<!\S)(?:-e\s*|--env[\s=]|--set(?:-string)?[\s=]|-D|--from-literal[\s=])"
    r"[\"']?(?:[\w-]+\.)*(?P<name>[\w-]+)=[\"']?(?P<value>[^\s\"']+)"
)


def _check(source: Source, project: Project) -> Iterator[Hit]:  # noqa: ARG001
    for command in commands(source):
        if what := next(_told(command), None):
            yield Hit(command.line, f"{what} is an argument that every process can read")


def _told(command: Command) -> Iterator[str]:
    text = command.text
    if _QUIET.match(text):
        return
    for match in _LONG.finditer(text):
        if _is_value(match["value"]):
            yield f"the value of --{match['name']}"
    yield from _of_programs(text)
    yield from (f"{match['name']} in the address" for match in _URL.finditer(text))
    for match in _SETTING.finditer(text):
        if looks_secret(match["name"]) and match["value"].startswith(("$", "{")):
            yield f"the value of {match['name']}"


def _of_programs(text: str) -> Iterator[str]:
    """Options that mean a secret only to one program."""
    if (login := _LOGIN.search(text)) and _is_value(login["value"].lstrip("= ")):
        yield "the password of login -p"
    if (user := _CURL.search(text)) and _is_pair(user["value"].strip("\"'")):
        yield "the password of curl -u"
    if _HEADER.search(text):
        yield "the token in the header"
    if stored := _STORED.search(text):
        yield f"the value of {stored['name']}"


def _is_value(word: str) -> bool:
    plain = word.strip("\"'")
    return plain.startswith(("$", "%")) or not is_stand_in(plain)


def _is_pair(word: str) -> bool:
    """`user:password`, or one variable that holds both."""
    user, colon, password = word.partition(":")
    return _is_value(password) if colon else looks_secret(user.lstrip("$").strip("{}"))


RULE = Rule(
    id="SLW017",
    title="No secrets in arguments",
    fix="over stdin or from a file, as in docker login --password-stdin and curl --config -",
    kinds=RUNNING,
    check=_check,
)
