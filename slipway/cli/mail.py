"""Sends one message to a mail server, within bounds. Protocol: RFC 5321, 3207 and 4954."""

import smtplib
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from email.message import EmailMessage

from slipway.ci_mail import MailSettings
from slipway.errors import AccessDenied, BadInput, Refused, Unreachable

_TEMPORARY = range(400, 500)


def deliver(message: EmailMessage, settings: MailSettings) -> None:
    """Send it, once; what the server says is told by its code, never in its words.

    Raises:
        BadInput: the file of the authorities, or of the password, cannot be read.
        AccessDenied: the login is not taken.
        Refused: the server does not take the message, an address, or offers no TLS.
        Unreachable: the server does not answer, is not who it should be, or says later.
    """
    login = settings.login()
    with _named_errors(settings), _connected(settings) as server:
        if login:
            server.login(login[0], login[1].get_secret_value())
        left_out = server.send_message(message)
    if left_out:
        raise Refused("the mail server left addresses out", found=", ".join(sorted(left_out)))


def _connected(settings: MailSettings) -> smtplib.SMTP:
    host, port, seconds = settings.host, settings.server_port, settings.seconds
    if settings.security == "tls":
        return smtplib.SMTP_SSL(host, port, timeout=seconds, context=_trusted(settings))
    server = smtplib.SMTP(host, port, timeout=seconds)
    try:
        if settings.security == "starttls":
            server.starttls(context=_trusted(settings))
    except BaseException:
        server.close()
        raise
    return server


def _trusted(settings: MailSettings) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=settings.ca_file)
    except (OSError, ssl.SSLError) as error:
        raise BadInput(
            "SLIPWAY_MAIL_CA_FILE cannot be read", found=type(error).__name__, allowed="a PEM file"
        ) from None


@contextmanager
def _named_errors(settings: MailSettings) -> Iterator[None]:
    """A server's own words may repeat what it was sent, so they go no further."""
    where = f"{settings.host}:{settings.server_port}"
    try:
        yield
    except smtplib.SMTPAuthenticationError as error:
        raise AccessDenied(
            f"the mail server {where} does not take the login",
            found=f"code {error.smtp_code}",
            next_step="renew the credential build-mail-credentials",
        ) from None
    except smtplib.SMTPRecipientsRefused as error:
        found = ", ".join(f"{who}: code {code}" for who, (code, _) in error.recipients.items())
        raise Refused(f"the mail server {where} takes no address", found=found) from None
    except smtplib.SMTPNotSupportedError:
        raise Refused(f"the mail server {where} offers no TLS, or no login") from None
    except smtplib.SMTPResponseException as error:
        kind = Unreachable if error.smtp_code in _TEMPORARY else Refused
        raise kind(
            f"the mail server {where} did not take the report", found=f"code {error.smtp_code}"
        ) from None
    except (smtplib.SMTPException, OSError) as error:
        raise Unreachable(
            f"the mail server {where} did not answer as one should",
            found=type(error).__name__,
            next_step="look at SLIPWAY_MAIL_HOST, SLIPWAY_MAIL_PORT and SLIPWAY_MAIL_SECURITY",
        ) from None
