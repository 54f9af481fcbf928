"""Grammar at the door: nothing outside reaches a path, an argument list or a target (G1 G2 G6)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slipway.canonical import canonical_json, content_digest
from slipway.errors import BadInput
from slipway.names import (
    check_actor,
    check_name,
    check_repository,
    check_revision,
    parse_reference,
)

HEX = "a" * 64
HOSTILE = "a0-._;$()`'|& \n{}/@:"
BAD = [
    "",
    "-rf",
    "--flag",
    "a;b",
    "$(id)",
    "a b",
    "a\nb",
    "../x",
    "a/b",
    "A",
    "é",
    "{{ a }}",
    "a--b",
    "a-",
    "\x1b[31m",
    "a" * 41,
]


@pytest.mark.parametrize("value", BAD)
def test_a_bad_name_is_refused_and_what_was_found_is_told(value: str) -> None:
    """G1, G2, G6: options, commands, separators and paths are no names."""
    with pytest.raises(BadInput, match=r"name is not valid; found: .*; allowed: "):
        check_name(value)


@given(st.text() | st.text(HOSTILE, max_size=3).map("a{}".format))
def test_whatever_passes_is_harmless(value: str) -> None:
    """G1, G2: no shell, option or template can be made of it."""
    for check in (check_name, check_actor, check_revision, check_repository):
        try:
            passed = check(value)
        except BadInput:
            continue
        assert passed == value
        assert passed.isascii()
        assert not passed.startswith("-")
        assert not set(passed) & set(" \n\t;$`'\"\\{}<>|&*?!#%~^\0")


@pytest.mark.parametrize(
    "text",
    [
        "127.0.0.1:5055/shop",
        "127.0.0.1:5055/shop:latest",
        f"shop@sha256:{HEX}",
        f"127.0.0.1:5055/Shop@sha256:{HEX}",
        f"127.0.0.1:5055/../x@sha256:{HEX}",
        f"127.0.0.1:5055/shop@sha256:{HEX[:-1]}",
        f"127.0.0.1:5055/shop@sha512:{HEX}",
        f"-o=x/shop@sha256:{HEX}",
        f"http://127.0.0.1/shop@sha256:{HEX}",
        f"user:pw@host/shop@sha256:{HEX}",
    ],
)
def test_a_reference_is_by_digest_or_refused(text: str) -> None:
    """S1-61, S2-14, S2-42: nothing is deployed by a tag, in any environment."""
    with pytest.raises(BadInput):
        parse_reference(text)


def test_a_reference_keeps_its_parts() -> None:
    reference = parse_reference(f"127.0.0.1:5055/team/shop@sha256:{HEX}")
    assert (reference.registry, reference.path) == ("127.0.0.1:5055", "team/shop")
    assert str(reference) == f"127.0.0.1:5055/team/shop@sha256:{HEX}"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
)


@given(JSON)
def test_the_same_value_has_one_digest(value: object) -> None:
    copy = dict(reversed(value.items())) if isinstance(value, dict) else value
    try:
        data = canonical_json(value)
    except BadInput:
        return
    assert canonical_json(copy) == data
    assert content_digest(copy) == content_digest(value)


@pytest.mark.parametrize(
    "value", [1.5, {"a": [1e3]}, {1: "a"}, {"a": b"x"}, {"a": {"b": {1, 2}}}, "\ud800"]
)
def test_a_value_without_one_text_is_refused(value: object) -> None:
    with pytest.raises(BadInput):
        canonical_json(value)
