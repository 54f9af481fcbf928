"""Where requests and credentials may go: pure, as tables (G7)."""

from datetime import UTC, datetime

import pytest

from blocks.registries.challenge import Challenge, check_realm, parse_challenge
from blocks.registries.hosts import base_url, check_redirect, check_upload
from blocks.registries.transport import retry_after
from slipway.errors import AccessDenied, Refused

HUB = "registry-1.docker.io"
NOW = datetime(2026, 6, 15, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("host", "insecure", "url"),
    [
        ("127.0.0.1:5055", False, "http://127.0.0.1:5055"),
        ("localhost:5000", False, "http://localhost:5000"),
        ("[::1]:5000", False, "http://[::1]:5000"),
        ("registry.example", False, "https://registry.example"),
        ("10.0.0.1:5000", False, "https://10.0.0.1:5000"),
        ("10.0.0.1:5000", True, "http://10.0.0.1:5000"),
        ("127.0.0.1.evil.example", False, "https://127.0.0.1.evil.example"),
        ("localhost.evil.example", False, "https://localhost.evil.example"),
    ],
)
def test_plain_http_only_on_loopback_or_when_said(host: str, insecure: bool, url: str) -> None:
    assert base_url(host, insecure=insecure) == url


@pytest.mark.parametrize(
    ("header", "found"),
    [
        ("", Challenge("")),
        ("Basic realm=x", Challenge("basic", "x")),
        ('BASIC realm="a b"', Challenge("basic", "a b")),
        (
            'Bearer realm="https://a/t",service="s",scope="x"',
            Challenge("bearer", "https://a/t", "s"),
        ),
        ("Negotiate", Challenge("negotiate")),
        ("Bearer realm=" + "x" * 9000, Challenge("bearer", "x" * (4096 - len("realm=")))),
    ],
)
def test_challenges(header: str, found: Challenge) -> None:
    assert parse_challenge(header) == found


@pytest.mark.parametrize(
    ("host", "realm", "allowed"),
    [
        (HUB, "https://auth.docker.io/token", True),
        ("registry.gitlab.com", "https://gitlab.com/jwt/auth", True),
        ("ghcr.io", "https://ghcr.io/token", True),
        ("127.0.0.1:5000", "http://127.0.0.1:6000/token", True),
        ("tokens.example", "https://trusted.example/token", True),
        ("ghcr.io", "http://ghcr.io/token", False),
        ("ghcr.io", "https://ghcr.io.evil.example/token", False),
        ("ghcr.io", "https://ghcr.io@evil.example/token", False),
        ("ghcr.io", "https://user@ghcr.io/token", False),
        (HUB, "https://docker.io/token", False),
        ("127.0.0.1:5000", "ftp://127.0.0.1/token", False),
        ("ghcr.io", "", False),
    ],
)
def test_who_may_be_sent_the_password(host: str, realm: str, allowed: bool) -> None:
    def check() -> None:
        check_realm(host, realm, insecure=False, trusted=frozenset({"trusted.example"}))

    if allowed:
        check()
    else:
        with pytest.raises(AccessDenied):
            check()


@pytest.mark.parametrize(
    ("location", "lands"),
    [
        ("/elsewhere", ("https://r.example/elsewhere", True)),
        ("https://r.example/b", ("https://r.example/b", True)),
        ("https://cdn.example/b", ("https://cdn.example/b", False)),
        ("https://r.example:8443/b", ("https://r.example:8443/b", False)),
        ("http://r.example/b", None),
        ("http://cdn.example/b", None),
        ("https://169.254.169.254/latest", None),
        ("https://127.0.0.1/x", None),
        ("https://[::1]/x", None),
        ("https://10.1.2.3/x", None),
        ("https://metadata.google.internal/x", None),
        ("https://localhost/x", None),
        ("https://user@cdn.example/x", None),
        ("file:///etc/passwd", None),
        ("gopher://cdn.example/x", None),
    ],
)
def test_redirects(location: str, lands: tuple[str, bool] | None) -> None:
    if lands:
        assert check_redirect("https://r.example/v2/a", location) == lands
    else:
        with pytest.raises(Refused):
            check_redirect("https://r.example/v2/a", location)


@pytest.mark.parametrize("location", ["http://r.example/u", "https://evil.example/u", "//evil/u"])
def test_uploads_stay(location: str) -> None:
    assert check_upload("https://r.example", "/v2/u") == "https://r.example/v2/u"
    with pytest.raises(Refused):
        check_upload("https://r.example", location)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, None),
        ("", None),
        ("7", 7.0),
        ("-7", None),
        ("soon", None),
        ("Mon, 15 Jun 2026 12:00:09 GMT", 9.0),
        ("Mon, 15 Jun 2026 11:00:00 GMT", 0.0),
    ],
)
def test_retry_after(header: str | None, seconds: float | None) -> None:
    """F1: seconds or a date."""
    assert retry_after(header, NOW) == seconds
