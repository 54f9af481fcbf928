"""`slipway webhook`: stands before Jenkins and lets GitHub's signed deliveries through."""

import logging
import os
import socket
import stat
import sys
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

import structlog
import typer
from pydantic import SecretStr

from slipway.errors import BadInput, Unreachable
from slipway.webhook import parse_secrets

OTHERS = 0o077
LONGEST_SECRET_FILE = 16 * 1024
# Each waits for seconds at most; more at once than this are asked to come back.
AT_ONCE = 64
log = structlog.get_logger("slipway.webhook")


def webhook(
    secret_file: Annotated[Path, typer.Option(help="The webhook's secret; mode 0600.")],
    forward: Annotated[str, typer.Option(help="As in http://jenkins:8080/github-webhook/")],
    listen: Annotated[str, typer.Option(help="HOST:PORT; port 0 takes a free one.")] = (
        "127.0.0.1:8090"
    ),
) -> None:
    """Take GitHub's deliveries, verify their signature, and pass the good ones on to Jenkins."""
    import uvicorn

    from slipway.cli.webhook_receiver import Receiver, receiver_app

    receiver = Receiver(read_secrets(secret_file), check_target(forward))
    door = open_door(listen)
    _log_as_json()
    config = uvicorn.Config(
        receiver_app(receiver),
        access_log=False,
        server_header=False,
        proxy_headers=False,
        ws="none",
        log_config=None,
        limit_concurrency=AT_ONCE,
        timeout_graceful_shutdown=5,
    )
    host, port = door.getsockname()[:2]
    log.info("listening", address=f"{host}:{port}", forward=forward)
    uvicorn.Server(config).run(sockets=[door])


def read_secrets(path: Path) -> list[SecretStr]:
    """The secrets of the file.

    Raises:
        BadInput: it cannot be read, others may read it, or it holds no good secret.
    """
    try:
        with path.open("rb") as file:
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            text = file.read(LONGEST_SECRET_FILE).decode()
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"{path} cannot be read", found=type(error).__name__) from None
    if mode & OTHERS:
        raise BadInput(
            f"{path} may be read by others",
            found=f"mode {mode:04o}",
            allowed="0600",
            next_step=f"chmod 600 {path}",
        )
    return parse_secrets(text)


def check_target(address: str) -> str:
    """The address unchanged.

    Raises:
        BadInput: it is none of HTTP, or holds a user; what stands before an @ is not repeated.
    """
    try:
        parts = urlsplit(address)
    except ValueError:
        parts = urlsplit("")
    if parts.scheme not in {"http", "https"} or not parts.hostname or "@" in parts.netloc:
        raise BadInput(
            "--forward is no address of Jenkins",
            found=f"{parts.scheme or 'no scheme'}, host {parts.hostname or ''!a}",
            allowed="http://HOST:PORT/github-webhook/ or https, without a user",
        )
    return address


def open_door(listen: str) -> socket.socket:
    """A socket that listens there.

    Raises:
        BadInput: not HOST:PORT.
        Unreachable: that address cannot be taken.
    """
    host, _, port = listen.rpartition(":")
    if not host or not (port.isascii() and port.isdecimal()) or int(port) > 65535:
        raise BadInput("--listen is not valid", found=ascii(listen), allowed="HOST:PORT")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host.strip("[]"), int(port)), family=family)
    except OSError as error:
        raise Unreachable(
            f"{listen} cannot be listened on",
            found=error.strerror,
            next_step="stop what uses it, or name another with --listen",
        ) from None


def _log_as_json() -> None:
    """One object a line on standard error, whatever a sender wrote into a header."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer(),
        ],
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr)
