"""A small mail server over a real socket on loopback, with TLS, a login, and faults to order."""

import base64
import socketserver
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import IO

FEATURES = ("STARTTLS", "AUTH")


@dataclass
class FakeSmtp:
    """What it was sent, and how it answers.

    Attributes:
        login: user and password that it wants before mail, if any.
        features: what it offers after EHLO.
        replies: by verb, said instead of doing it; an empty reply hangs up.
        verbs: each command's first word, and whether TLS was on.
        raw: each message as it came; `to`, the addresses of its envelope.
    """

    login: tuple[str, str] | None = None
    features: tuple[str, ...] = FEATURES
    replies: dict[str, str] = field(default_factory=dict)
    implicit_tls: bool = False
    verbs: list[tuple[str, bool]] = field(default_factory=list)
    raw: list[bytes] = field(default_factory=list)
    to: list[list[str]] = field(default_factory=list)
    port: int = 0
    tls: ssl.SSLContext | None = None

    @property
    def messages(self) -> list[EmailMessage]:
        """What a reader of the mail sees."""
        return [message_from_bytes(raw, policy=policy.default) for raw in self.raw]


class Session(socketserver.BaseRequestHandler):
    """One conversation."""

    smtp: FakeSmtp

    def handle(self) -> None:
        self.allowed, self.envelope = self.smtp.login is None, list[str]()
        self.file: IO[bytes] = self.request.makefile("rb")
        with suppress(OSError):
            if self.smtp.implicit_tls:
                self._wrap()
            self._talk()

    def finish(self) -> None:
        self.file.close()
        self.request.close()

    def _wrap(self) -> None:
        assert self.smtp.tls
        self.file.close()
        # Handshake later, so that a refused one leaves a socket that `finish` closes.
        self.request = self.smtp.tls.wrap_socket(
            self.request, server_side=True, do_handshake_on_connect=False
        )
        self.file = self.request.makefile("rb")

    def _talk(self) -> None:
        self._say("220 fake ESMTP")
        while line := self.file.readline():
            verb, _, rest = line.decode().strip().partition(" ")
            self.smtp.verbs.append((verb.upper(), isinstance(self.request, ssl.SSLSocket)))
            if not self._answer(verb.upper(), rest):
                return

    def _say(self, *lines: str) -> None:
        self.request.sendall("".join(f"{line}\r\n" for line in lines).encode())

    def _answer(self, verb: str, rest: str) -> bool:
        """Whether the conversation goes on."""
        if verb in self.smtp.replies:
            reply = self.smtp.replies[verb]
            self._say(*([reply] if reply else []))
            return bool(reply)
        known = {"EHLO": self._ehlo, "STARTTLS": self._starttls, "AUTH": self._auth}
        known |= {"RCPT": self._rcpt, "DATA": self._data, "MAIL": self._mail}
        if verb in known:
            known[verb](rest)
        else:
            self._say("221 bye" if verb == "QUIT" else "250 ok")
        return verb != "QUIT"

    def _ehlo(self, _: str) -> None:
        offered = [{"AUTH": "AUTH PLAIN"}.get(name, name) for name in self.smtp.features]
        self._say("250-fake", *(f"250-{name}" for name in offered), "250 SIZE 100000")

    def _starttls(self, _: str) -> None:
        self._say("220 go ahead")
        self._wrap()

    def _auth(self, rest: str) -> None:
        given = base64.b64decode(rest.partition(" ")[2]).decode().split("\0")[1:]
        self.allowed = tuple(given) == self.smtp.login
        # A bad server repeats what it was sent.
        self._say("235 ok" if self.allowed else f"535 no: {given}")

    def _mail(self, _: str) -> None:
        self._say("250 ok" if self.allowed else "530 log in first")

    def _rcpt(self, rest: str) -> None:
        self.envelope.append(rest.partition("<")[2].partition(">")[0])
        self._say("250 ok")

    def _data(self, _: str) -> None:
        self._say("354 go on")
        lines = list(iter(self.file.readline, b".\r\n"))
        self.smtp.raw.append(b"".join(lines))
        self.smtp.to.append(self.envelope)
        self._say("250 taken")


def make_certificate(folder: Path) -> Path:
    """A certificate for localhost, with its key in the same file."""
    path = folder / "mail.pem"
    argv = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1"]
    argv += ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    argv += ["-keyout", str(folder / "mail.key"), "-out", str(path)]
    subprocess.run(argv, check=True, capture_output=True)
    return path


@contextmanager
def serving(smtp: FakeSmtp, folder: Path) -> Iterator[FakeSmtp]:
    """On a free port; the certificate is `mail.pem` of the folder."""
    certificate = make_certificate(folder)
    smtp.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    smtp.tls.load_cert_chain(certificate, folder / "mail.key")
    handler = type("Bound", (Session,), {"smtp": smtp})
    server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    smtp.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield smtp
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def variables(smtp: FakeSmtp, folder: Path) -> dict[str, str]:
    """What a build needs to reach it."""
    return {
        "SLIPWAY_MAIL_TO": "team@example.org, ops@example.org",
        "SLIPWAY_MAIL_SENDER": "jenkins@ci.example.org",
        "SLIPWAY_MAIL_HOST": "localhost",
        "SLIPWAY_MAIL_PORT": str(smtp.port),
        "SLIPWAY_MAIL_CA_FILE": str(folder / "mail.pem"),
    }
