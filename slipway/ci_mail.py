"""The report of a build by e-mail: its settings, and the message as a value.

Format: RFC 5322, as the standard library's `email` writes it.
"""

import os
import re
from collections.abc import Iterable, Sequence
from datetime import datetime
from email.message import EmailMessage
from email.utils import format_datetime, make_msgid
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from slipway.ci import UNKNOWN, Build, harmless
from slipway.errors import BadInput

GREEN = "SUCCESS"
MASK = "****"
SHORTEST_SECRET = 4
# What a build may have beside it; Jenkins masks these on its console, and nobody in a mail.
SECRET_VARIABLES = (
    *("PREFECT_API_URL", "PREFECT_API_KEY", "PREFECT_API_AUTH_STRING", "GIT_TOKEN"),
    *("SLIPWAY_BUILD_REGISTRY_PASSWORD", "SLIPWAY_MAIL_PASSWORD"),
)
_ADDRESS = re.compile(
    r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?"
)
_PORTS = {"starttls": 587, "tls": 465, "none": 25}


def _addresses(value: str) -> str:
    found = [part.strip() for part in value.split(",")]
    if not all(_ADDRESS.fullmatch(part) for part in found):
        raise BadInput("not addresses of people", allowed="a@example.org, b@example.org")
    return ", ".join(found)


class MailSettings(BaseSettings):
    """Where reports go, and through which server.

    Attributes:
        to: addresses, with commas between them.
        sender: the address that they come from.
        security: `starttls` on port 587, `tls` on 465, or `none` on 25, which takes no login.
        ca_file: PEM file of who vouches for the server, where that is none of the system's.
        username, password, password_file: the server's login, where it wants one.
        on: `always`, or `unsuccessful` builds alone.
        seconds: longest time that the server may take for one answer.
    """

    model_config = SettingsConfigDict(
        env_prefix="SLIPWAY_MAIL_",
        env_file=None,
        env_ignore_empty=True,
        extra="ignore",
        hide_input_in_errors=True,
    )

    to: Annotated[str, AfterValidator(_addresses)]
    sender: Annotated[str, AfterValidator(_addresses)]
    host: str
    port: Annotated[int | None, Field(ge=1, le=65535)] = None
    security: Literal["starttls", "tls", "none"] = "starttls"
    ca_file: Path | None = None
    username: str = ""
    password: SecretStr = SecretStr("")
    password_file: Path | None = None
    on: Literal["always", "unsuccessful"] = "always"
    seconds: Annotated[float, Field(gt=0, le=300)] = 20

    @model_validator(mode="after")
    def _login_needs_tls(self) -> Self:
        if self.username and self.security == "none":
            raise BadInput("a login goes over TLS alone", allowed="security starttls or tls")
        return self

    @property
    def server_port(self) -> int:
        """The port given, else the usual one."""
        return self.port or _PORTS[self.security]

    def wants(self, status: str) -> bool:
        """Whether a build that ended so is reported."""
        return self.on == "always" or status != GREEN

    def login(self) -> tuple[str, SecretStr] | None:
        """User name and password, or None where no user is named.

        Raises:
            BadInput: there is no password for that user, or its file cannot be read.
        """
        if not self.username:
            return None
        password = self.password if self.password_file is None else _read(self.password_file)
        if not password.get_secret_value():
            raise BadInput("the mail server's user has no password", next_step=_NEXT)
        return self.username, password


_NEXT = "set SLIPWAY_MAIL_PASSWORD_FILE, or the credential build-mail-credentials"


def _read(path: Path) -> SecretStr:
    try:
        return SecretStr(path.read_text().strip())
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(
            "the mail password's file cannot be read", found=type(error).__name__
        ) from None


def mail_settings(**given: Any) -> MailSettings | None:
    """The settings that the environment holds; None where SLIPWAY_MAIL_TO names nobody.

    Raises:
        BadInput: a variable is missing or wrong; only names are told, never values.
    """
    if not os.environ.get("SLIPWAY_MAIL_TO", "").strip():
        return None
    try:
        return MailSettings(**given)
    except ValidationError as error:
        raise BadInput(
            "mail is not set up",
            found="; ".join(_wrong(dict(e)) for e in error.errors(include_input=False)),
            next_step="correct it on the agent: docs/jenkins.md",
        ) from None


def _wrong(error: dict[str, Any]) -> str:
    name = "_".join(str(part).upper() for part in error["loc"])
    return f"SLIPWAY_MAIL_{name or 'USERNAME'}: {error['msg']}"


def masked(lines: Iterable[str], secrets: Iterable[str]) -> list[str]:
    """The lines without those values; what is shorter than four characters hides no secret."""
    hidden = sorted({s for s in secrets if len(s) >= SHORTEST_SECRET}, key=len, reverse=True)
    return [_without(line, hidden) for line in lines]


def _without(line: str, hidden: Sequence[str]) -> str:
    for value in hidden:
        line = line.replace(value, MASK)
    return line


def report(
    settings: MailSettings, build: Build, status: str, lines: Sequence[str], now: datetime
) -> EmailMessage:
    """The message. `lines` are the boxes that the console shows.

    Args:
        now: with a time zone.
    """
    message = EmailMessage()
    what = f"{build.job or UNKNOWN} #{build.number or UNKNOWN}"
    message["Subject"] = harmless(f"{status}: {what}")
    message["From"], message["To"] = settings.sender, settings.to
    message["Date"] = format_datetime(now)
    # Its own domain: the agent's host name is nobody's business.
    message["Message-ID"] = make_msgid(domain=settings.sender.rpartition("@")[2])
    message["Auto-Submitted"] = "auto-generated"
    message.set_content("\n".join(lines) + "\n")
    return message
