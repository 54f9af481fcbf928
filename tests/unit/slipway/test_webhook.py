"""Which deliveries of GitHub's webhook are taken, from tables."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import SecretStr

from slipway.errors import BadInput
from slipway.webhook import (
    LONGEST_BODY,
    Deliveries,
    Denial,
    deny_body,
    deny_head,
    parse_secrets,
    passed_on,
    signature,
)

CASES = yaml.safe_load(Path("tests/cases/webhook.yaml").read_text())
SECRETS = [SecretStr("0123456789abcdef-new"), SecretStr("0123456789abcdef-old")]
HEAD = {
    "content-type": "application/json",
    "content-length": "26",
    "user-agent": "GitHub-Hookshot/044aadd",
    "x-github-event": "push",
    "x-github-delivery": "72d3162e-cc78-11e3-81ab-4c9367dc0958",
    "x-hub-signature-256": "sha256=" + "0" * 64,
}


def expected(case: dict[str, Any]) -> Denial | None:
    return Denial[case["denied"]] if "denied" in case else None


def test_the_signature_is_the_one_that_github_documents() -> None:
    """S2-07: the example of GitHub's own page about validating deliveries."""
    found = signature(SecretStr("It's a Secret to Everybody"), b"Hello, World!")
    assert found == "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"


@pytest.mark.parametrize("case", CASES["heads"], ids=lambda case: case["name"])
def test_a_head_is_judged_before_the_body_is_read(case: dict[str, Any]) -> None:
    """E5, S2-07: method, signature, length, type, event and id."""
    headers = {**HEAD, **case.get("headers", {})}
    given = {name: value for name, value in headers.items() if value is not None}
    assert deny_head(case.get("method", "POST"), given) is expected(case)


@pytest.mark.parametrize("case", CASES["bodies"], ids=lambda case: case["name"])
def test_a_body_is_judged_by_its_signature(case: dict[str, Any]) -> None:
    """E5, S2-07: over the raw bytes, by one of the secrets."""
    by = case.get("by", 0)
    secret = SECRETS[by] if isinstance(by, int) else SecretStr(by)
    signed = signature(secret, case.get("signed", case["body"]).encode())
    head = {**HEAD, "x-hub-signature-256": signed}
    assert deny_body(SECRETS, head, case["body"].encode()) is expected(case)


def test_a_body_over_the_limit_is_not_even_hashed() -> None:
    assert deny_body(SECRETS, HEAD, b" " * (LONGEST_BODY + 1)) is Denial.TOO_LONG


def test_deep_json_is_refused_like_any_other() -> None:
    """G3: nesting cannot end the process."""
    body = b"[" * 500_000
    head = {**HEAD, "x-hub-signature-256": signature(SECRETS[0], body)}
    assert deny_body(SECRETS, head, body) is Denial.NO_OBJECT


def test_jenkins_gets_githubs_headers_and_no_other() -> None:
    more = {"x-forwarded-for": "10.0.0.1", "authorization": "Basic x", "cookie": "JSESSIONID=1"}
    own = {**HEAD, "x-github-hook-id": "7", "x-hub-signature": "sha1=00"}
    del own["content-length"]
    assert passed_on({**own, **more, "content-length": "26"}) == own


def test_a_delivery_is_new_once() -> None:
    """E5: by its id as by its signature, until it failed to be passed on."""
    seen = Deliveries()
    other_id = {**HEAD, "x-github-delivery": "another-id"}
    other_body = {**HEAD, "x-hub-signature-256": "sha256=" + "1" * 64}
    assert seen.begin(HEAD)
    assert not any(seen.begin(head) for head in (HEAD, other_id, other_body))
    seen.forget(HEAD)
    assert seen.begin(HEAD)


def test_what_is_remembered_is_bounded() -> None:
    seen = Deliveries(longest=2)
    heads = [
        {**HEAD, "x-github-delivery": f"delivery-{n}", "x-hub-signature-256": f"sha256={n}"}
        for n in range(3)
    ]
    assert all(seen.begin(head) for head in heads)
    assert [seen.begin(head) for head in heads[::-1]] == [False, False, True]


def test_secrets_are_one_a_line() -> None:
    """S2-07: while a secret is changed, GitHub's old deliveries still verify."""
    found = parse_secrets("0123456789abcdef-new\n\n0123456789abcdef-old\n")
    assert found == SECRETS


@pytest.mark.parametrize("text", ["", "\n", "short", "0123456789abcdef\nshort"])
def test_a_short_secret_is_refused_unseen(text: str) -> None:
    with pytest.raises(BadInput, match="missing or too short") as refused:
        parse_secrets(text)
    assert "short" not in json.dumps(str(refused.value)).replace("too short", "")
