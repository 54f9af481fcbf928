"""Which servers an app's analysis may ask. Pure.

An app file is written by whoever writes the app; the machine that deploys stands in networks where
they do not. So its operators name the servers, and an app file can only choose among them.
"""

import ipaddress
import re
from urllib.parse import urlsplit

from slipway.analysis import Analysis, PrometheusCheck
from slipway.errors import BadInput, Cause, Refused

VARIABLE = "SLIPWAY_ANALYSIS_HOSTS"
_ENTRY = re.compile(r"(?:[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?|\[[0-9a-f:.]+\])(?::[0-9]{1,5})?")
# Clouds hand out a machine's credentials there; the first two ranges are link-local.
_NEVER = tuple(
    ipaddress.ip_network(text)
    for text in ("169.254.0.0/16", "fe80::/10", "fd00:ec2::254/128", "100.100.100.200/32")
)


def is_never_asked(address: str) -> bool:
    """Whether nothing may be asked at this IP address, whoever names it.

    Args:
        address: as the resolver gives it; anything else than an IP address is asked nothing.
    """
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return True
    plain = getattr(found, "ipv4_mapped", None) or found
    return plain.is_multicast or any(plain in network for network in _NEVER)


def parse_hosts(text: str) -> frozenset[str]:
    """The entries of a comma-separated list, HOST or HOST:PORT.

    Raises:
        BadInput: an entry is neither, or lies where nothing is ever asked.
    """
    entries = [entry.strip().lower() for entry in text.split(",") if entry.strip()]
    for entry in entries:
        if not _ENTRY.fullmatch(entry) or _is_forbidden(_host_of(entry)):
            raise BadInput(
                f"{VARIABLE} holds what is no server that may be asked",
                found=ascii(entry[:80]),
                allowed="HOST or HOST:PORT, as in prometheus.example.org:9090; none that is "
                "link-local",
            )
    return frozenset(entries)


def refuse_unlisted(analysis: Analysis | None, hosts: frozenset[str]) -> None:
    """Hold the servers that an app file names to those of this installation.

    Raises:
        Refused: one is not among them, or is link-local.
    """
    for check in analysis.checks if analysis else ():
        if isinstance(check, PrometheusCheck):
            _refuse(check, hosts)


def _refuse(check: PrometheusCheck, hosts: frozenset[str]) -> None:
    parts = urlsplit(check.address)
    host = (parts.hostname or "").lower()
    named = f"[{host}]" if ":" in host else host
    port = parts.port or (443 if parts.scheme == "https" else 80)
    if {named, f"{named}:{port}"} & hosts and not _is_forbidden(host):
        return
    raise Refused(
        f"analysis {check.name} would ask a server that this installation does not allow",
        found=ascii(f"{named}:{port}"),
        allowed=", ".join(sorted(hosts)) or f"none: {VARIABLE} is not set",
        next_step=f"ask who runs this installation to add it to {VARIABLE}",
        cause=Cause.POLICY,
    )


def _is_forbidden(host: str) -> bool:
    """Of a host in its plain form; a name is judged by what it resolves to, when it is asked."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return is_never_asked(host)


def _host_of(entry: str) -> str:
    if entry.startswith("["):
        return entry[1 : entry.index("]")]
    return entry.partition(":")[0]
