"""Formats of runtime secrets; the value is never shown (G8)."""

import pytest
from pydantic import SecretStr

from slipway.appfile import Secret
from slipway.errors import SecretMissing
from slipway.secret_formats import check_format, check_formats


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("text", "x"),
        ("url", "postgresql://u:p@db:5432/app?sslmode=require"),
        ("url", "sqlite:///data/app.db"),
        ("json", '{"a": [1, 2]}'),
        ("list", "key1,key2, key3"),
        ("list", "key1"),
    ],
)
def test_takes_the_format(kind, value):
    check_format("database-url", kind, SecretStr(value))


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("text", ""),
        ("text", " \n"),
        ("url", "canary"),
        ("url", "postgresql://u:canary@db\n"),
        ("url", "://canary"),
        ("json", "{canary"),
        ("json", "[" * 100_000),
        ("list", "canary,,b"),
        ("list", ""),
    ],
)
def test_refuses_another_format_without_showing_the_value(kind, value):
    with pytest.raises(SecretMissing, match="runtime secret database-url has not the format") as no:
        check_format("database-url", kind, SecretStr(value))
    assert "canary" not in f"{no.value}{no.value.next_step}{no.value.__cause__}"


def test_only_new_versions_are_read_and_held_to_their_format():
    """A version that serves was checked when it came; its source may be unreachable now (D5)."""
    schemas = {name: Secret(format=kind, owner="t") for name, kind in FORMATS.items()}
    read = []

    def reader(name, version):
        read.append((name, version))
        return SecretStr("https://host/x")

    facts = check_formats(schemas, {"a": "2", "b": "5"}, {"a": "1", "b": "5"}, reader)
    assert read == [("a", "2")]
    assert facts == ["secret a has the format url"]
    with pytest.raises(SecretMissing, match="runtime secret b has not the format"):
        check_formats(schemas, {"a": "2", "b": "6"}, {}, reader)


FORMATS = {"a": "url", "b": "json"}
