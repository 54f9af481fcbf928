"""Where a candidate comes from: repository, commit, author. Never a credential."""

import re
from typing import Annotated

from pydantic import AfterValidator, Field

from slipway.errors import BadInput
from slipway.names import Revision
from slipway.release import Frozen
from slipway.strict_yaml import hidden_character

_SOURCE = re.compile(r"[A-Za-z0-9][A-Za-z0-9+.:/_@~-]{0,299}")
_CREDENTIALS = re.compile(r"(?P<scheme>[a-z][a-z0-9+]*://)(?P<user>[^/]*@)")


def without_credentials(repository: str) -> str:
    """A repository's address as it may be recorded: no user, password or token."""
    return _CREDENTIALS.sub(lambda match: match["scheme"], repository, count=1)


def _check_source(value: str) -> str:
    if not _SOURCE.fullmatch(value) or value != without_credentials(value):
        raise BadInput(
            "source repository is not valid",
            found=ascii(without_credentials(value)[:120]),
            allowed="an address as in https://host/team/app.git, without user or token",
        )
    return value


def _check_author(value: str) -> str:
    if hidden_character(value) or "\n" in value:
        raise BadInput("author is not valid", found=ascii(value[:80]), allowed="visible text")
    return value


class Source(Frozen):
    """Where the candidate comes from.

    Attributes:
        repository: address without credentials.
        revision: the commit.
        author: who wrote it, as the commit says.
        tree: the commit's tree, which names the contents whatever the history.
        uncommitted: the tree holds changes that no commit has; for the first environment alone.
    """

    repository: Annotated[str, AfterValidator(_check_source)]
    revision: Revision
    author: Annotated[str, Field(max_length=200), AfterValidator(_check_author)] = ""
    tree: Revision | None = None
    uncommitted: bool = False
