"""Which hosts may be spoken to, and how. Pure."""

import ipaddress
from urllib.parse import urljoin, urlsplit

from slipway.errors import Refused

DOCKER_HUB = "registry-1.docker.io"


def is_loopback(hostname: str) -> bool:
    """Whether the name is this machine by definition; no name is looked up."""
    if hostname == "localhost":
        return True
    try:
        return ipaddress.ip_address(hostname.strip("[]")).is_loopback
    except ValueError:
        return False


def base_url(host: str, *, insecure: bool) -> str:
    """`https://HOST`, or http for loopback and for a registry that was named insecure."""
    hostname = urlsplit(f"//{host}").hostname or ""
    plain = insecure or is_loopback(hostname)
    return f"{'http' if plain else 'https'}://{host}"


def _is_internal(hostname: str) -> bool:
    try:
        address = ipaddress.ip_address(hostname)
    except ValueError:
        return hostname == "localhost" or hostname.endswith((".localhost", ".internal"))
    return not address.is_global


def check_redirect(origin: str, location: str) -> tuple[str, bool]:
    """Where a blob's redirect leads, and whether that is the same origin.

    Returns the absolute URL and True where credentials may go along.

    Raises:
        Refused: another scheme, a fall back to plain http, or an address inside a private network
            that the registry itself is not in.
    """
    url = urljoin(origin, location)
    here, there = urlsplit(origin), urlsplit(url)
    same = (here.scheme, here.netloc) == (there.scheme, there.netloc)
    if same:
        return url, True
    downgrade = here.scheme == "https" and there.scheme != "https"
    inward = _is_internal(there.hostname or "") and there.hostname != here.hostname
    if there.scheme not in {"http", "https"} or downgrade or inward or "@" in there.netloc:
        raise Refused(
            f"registry {here.netloc} redirects to an address that is not allowed",
            found=ascii(url[:200]),
            allowed="the same host, or a public host over https",
        )
    return url, False


def check_upload(origin: str, location: str) -> str:
    """Where an upload session continues: always the registry itself.

    Raises:
        Refused: another scheme or host.
    """
    url = urljoin(origin, location)
    here, there = urlsplit(origin), urlsplit(url)
    if (here.scheme, here.netloc) != (there.scheme, there.netloc):
        raise Refused(
            f"registry {here.netloc} wants an upload to go elsewhere",
            found=ascii(url[:200]),
            allowed=f"{here.scheme}://{here.netloc}/...",
            next_step="give the registry its own address, or let it answer with relative URLs",
        )
    return url
