"""Grammar of every name that reaches a target, a path or an argument list.

Names start with a letter, so none can be read as an option; none holds a separator, a dot-dot, a
brace or a control character. Image references follow the OCI distribution grammar, by digest only.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

from pydantic import AfterValidator, WithJsonSchema

from slipway.errors import BadInput

_NAME = re.compile(r"[a-z][a-z0-9]*(?:-[a-z0-9]+)*")
_CONFIG_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_REVISION = re.compile(r"[0-9a-f]{7,64}")
_ACTOR = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@+-]{0,127}")
_REPOSITORY = re.compile(
    r"(?P<registry>(?:[a-zA-Z0-9](?:[a-zA-Z0-9.-]*[a-zA-Z0-9])?|\[[0-9a-fA-F:]+\])(?::[0-9]{1,5})?)"
    r"/(?P<path>[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*)"
)
NAME_LENGTH = 40


def _full_match(
    pattern: re.Pattern[str], kind: str, allowed: str, longest: int
) -> Callable[[str], str]:
    def check(value: str) -> str:
        if len(value) > longest or not pattern.fullmatch(value):
            raise BadInput(
                f"{kind} is not valid",
                found=ascii(value[: longest + 1]),
                allowed=f"{allowed}, at most {longest} characters",
            )
        return value

    return check


check_name = _full_match(
    _NAME, "name", "lower case letters, digits and single dashes, a letter first", NAME_LENGTH
)
check_config_key = _full_match(
    _CONFIG_KEY, "config key", "letters, digits and underscores, no digit first", 128
)
check_digest = _full_match(_DIGEST, "digest", "sha256: and 64 lower case hex digits", 71)
check_revision = _full_match(_REVISION, "revision", "7 to 64 lower case hex digits", 64)
check_actor = _full_match(
    _ACTOR, "actor", "letters, digits and . _ @ + -, a letter or digit first", 128
)
check_repository = _full_match(_REPOSITORY, "repository", "REGISTRY[:PORT]/PATH in lower case", 255)


def _text(pattern: re.Pattern[str], longest: int) -> WithJsonSchema:
    return WithJsonSchema(
        {"type": "string", "pattern": f"^{pattern.pattern}$", "maxLength": longest}
    )


Name = Annotated[str, AfterValidator(check_name), _text(_NAME, NAME_LENGTH)]
ConfigKey = Annotated[str, AfterValidator(check_config_key), _text(_CONFIG_KEY, 128)]
Digest = Annotated[str, AfterValidator(check_digest)]
Revision = Annotated[str, AfterValidator(check_revision)]
Actor = Annotated[str, AfterValidator(check_actor)]
Repository = Annotated[str, AfterValidator(check_repository)]


@dataclass(frozen=True, slots=True)
class Reference:
    """Something in a registry, by digest: `REGISTRY/PATH@sha256:...`."""

    repository: str
    digest: str

    def __str__(self) -> str:
        return f"{self.repository}@{self.digest}"

    @property
    def registry(self) -> str:
        """Host and port, as in `127.0.0.1:5055`."""
        return self.repository.split("/", 1)[0]

    @property
    def path(self) -> str:
        """The repository's path inside its registry."""
        return self.repository.split("/", 1)[1]

    @property
    def short(self) -> str:
        """The digest's first 12 hex digits, for people."""
        return short_digest(self.digest)


def short_digest(digest: str) -> str:
    """The first 12 hex digits of `sha256:...`."""
    return digest.removeprefix("sha256:")[:12]


def parse_reference(text: str) -> Reference:
    """Parse `REGISTRY/PATH@sha256:...`.

    Raises:
        BadInput: no digest, a tag, or a part outside the grammar.
    """
    repository, separator, digest = text.partition("@")
    if not separator:
        raise BadInput(
            "reference has no digest",
            found=ascii(text[:200]),
            allowed="REGISTRY/PATH@sha256:... (tags are never deployed by)",
            next_step="take the CANDIDATE line of image-digest.env",
        )
    return Reference(check_repository(repository), check_digest(digest))


def check_reference(text: str) -> str:
    """The text unchanged where `parse_reference` takes it."""
    return str(parse_reference(text))


ReferenceText = Annotated[str, AfterValidator(check_reference)]
