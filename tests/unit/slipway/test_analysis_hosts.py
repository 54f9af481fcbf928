"""G7: an app file chooses among the servers that the operators name, and no other."""

import pytest

from slipway.analysis_hosts import is_never_asked, parse_hosts, refuse_unlisted
from slipway.errors import BadInput, Cause, Refused
from tests.rig import analyses


@pytest.mark.parametrize(
    ("address", "hosts"),
    [
        ("http://prometheus.example.org:9090", "prometheus.example.org:9090"),
        ("http://Prometheus.example.org:9090/prefix", " PROMETHEUS.example.org , other"),
        ("http://prometheus", "prometheus:80"),
        ("https://prometheus", "prometheus:443"),
        ("http://10.0.0.7:9090", "10.0.0.7"),
    ],
)
def test_a_server_that_is_named_may_be_asked(address: str, hosts: str) -> None:
    asked = analyses.analysis(analyses.http(), analyses.prometheus(address))
    refuse_unlisted(asked, parse_hosts(hosts))


@pytest.mark.parametrize(
    ("address", "hosts"),
    [
        ("http://prometheus:9090", ""),
        ("http://prometheus:9091", "prometheus:9090"),
        ("https://prometheus", "prometheus:80"),
        ("http://prometheus.example.org.evil.example", "prometheus.example.org"),
        ("http://xprometheus", "prometheus"),
        ("http://127.0.0.1:6443", "prometheus"),
        ("http://169.254.169.254", "prometheus"),
        ("http://2852039166", "prometheus"),
    ],
)
def test_every_other_is_refused_before_anything_is_changed(address: str, hosts: str) -> None:
    with pytest.raises(Refused, match="analysis measured would ask a server") as caught:
        refuse_unlisted(analyses.analysis(analyses.prometheus(address)), parse_hosts(hosts))
    error = caught.value
    assert error.cause is Cause.POLICY
    assert error.allowed == (hosts or "none: SLIPWAY_ANALYSIS_HOSTS is not set")
    assert error.next_step
    assert "SLIPWAY_ANALYSIS_HOSTS" in error.next_step


def test_a_release_without_such_checks_needs_no_list() -> None:
    """`http` and `synthetic` name a path alone, and ask the release itself."""
    refuse_unlisted(None, frozenset())
    refuse_unlisted(analyses.analysis(analyses.http(), analyses.synthetic()), frozenset())


@pytest.mark.parametrize(
    "text",
    ["http://prometheus", "a b", "prometheus:port", "user@prometheus", "*", "-a", "prometheus/x"],
)
def test_an_entry_that_is_no_server_is_named(text: str) -> None:
    with pytest.raises(BadInput, match="SLIPWAY_ANALYSIS_HOSTS holds"):
        parse_hosts(f"good.example,{text}")


@pytest.mark.parametrize(
    "text", ["169.254.169.254", "169.254.169.254:80", "[fe80::1]:9090", "[fd00:ec2::254]"]
)
def test_not_even_operators_open_the_way_to_a_clouds_credentials(text: str) -> None:
    with pytest.raises(BadInput, match="link-local"):
        parse_hosts(text)


@pytest.mark.parametrize(
    ("address", "never"),
    [
        ("169.254.169.254", True),
        ("169.254.0.1", True),
        ("100.100.100.200", True),
        ("224.0.0.1", True),
        ("fe80::1%eth0", True),
        ("::ffff:169.254.169.254", True),
        ("fd00:ec2::254", True),
        ("no address", True),
        ("127.0.0.1", False),
        ("10.0.0.7", False),
        ("169.253.0.1", False),
        ("2001:db8::1", False),
    ],
)
def test_where_nothing_is_asked(address: str, never: bool) -> None:
    assert is_never_asked(address) is never
