"""Authentication challenges of an OCI registry, as values.

Source: RFC 9110 section 11.6.1 and the distribution token specification.
"""

import re
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

from blocks.registries.hosts import is_loopback
from slipway.errors import AccessDenied

_PARAMETER = re.compile(r'([a-zA-Z_]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))')

# Registries whose token server lives beside them on another host.
KNOWN_TOKEN_HOSTS = {
    "registry-1.docker.io": frozenset({"auth.docker.io"}),
    "registry.gitlab.com": frozenset({"gitlab.com"}),
}


@dataclass(frozen=True, slots=True)
class Challenge:
    """What a `401` asks for. `scheme` is in lower case; realm and service may be empty."""

    scheme: str
    realm: str = ""
    service: str = ""


def parse_challenge(header: str) -> Challenge:
    """The first challenge of a WWW-Authenticate header; an empty header is scheme ''."""
    scheme, _, rest = header.strip().partition(" ")
    fields = {
        name.lower(): quoted or bare for name, quoted, bare in _PARAMETER.findall(rest[:4096])
    }
    return Challenge(scheme.lower(), fields.get("realm", ""), fields.get("service", ""))


def check_realm(host: str, realm: str, *, insecure: bool, trusted: frozenset[str]) -> SplitResult:
    """The token server's address, where credentials for this registry may be sent to it.

    Raises:
        AccessDenied: another host than the registry's, or plain http beyond loopback.
    """
    url = urlsplit(realm)
    own = urlsplit(f"//{host}").hostname or ""
    server = url.hostname or ""
    allowed = {own} | KNOWN_TOKEN_HOSTS.get(own, frozenset()) | trusted
    if server not in allowed:
        raise AccessDenied(
            f"registry {host} sends its credentials to another host",
            found=ascii(realm[:200]),
            allowed=", ".join(sorted(allowed)),
            next_step="list the token server in `token_hosts` if you trust it",
        )
    plain = url.scheme == "http" and (insecure or is_loopback(server))
    if (url.scheme != "https" and not plain) or "@" in url.netloc:
        raise AccessDenied(
            f"registry {host} names a token server that is not safe",
            found=ascii(realm[:200]),
            allowed="https, without a user in the address",
        )
    return url
