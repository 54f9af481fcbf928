"""Vault: logins, renewal, check-and-set, and what its answers mean (S3-10)."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pydantic import SecretStr, ValidationError

from blocks.secrets.vault import VaultKv, VaultStore, moment, newest_of, number_of
from blocks.secrets.vault_login import Login, check_address
from slipway.errors import AccessDenied, BadInput, Busy, Refused, SecretMissing, Unreachable
from slipway.release import Target
from tests.fakes.vault import TOKEN, FakeVault, Version, errors, serving

TARGET = Target(app="shop", environment="prod")
NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
NAME = "database-url"


@pytest.fixture
def vault() -> Iterator[FakeVault]:
    with serving(FakeVault()) as vault:
        yield vault


@pytest.fixture
def token(tmp_path: Path) -> Path:
    path = tmp_path / "token"
    path.write_text(f"{TOKEN}\n")
    return path


@pytest.fixture
def store(vault: FakeVault, token: Path) -> VaultStore:
    return VaultKv(address=vault.url, login={"token_file": str(token)}).store(TARGET)


def logins(vault: FakeVault) -> int:
    return vault.requests.count("POST /v1/auth/approle/login")


def test_an_approle_whose_token_ran_out_logs_in_once_more(vault: FakeVault, token: Path) -> None:
    """H2: refreshed once."""
    vault.roles["role"] = TOKEN
    login = {"role_id": "role", "secret_id_file": str(token)}
    store = VaultKv(address=vault.url, login=login).store(TARGET)
    version = store.write(NAME, SecretStr("one"))
    vault.tokens.clear()
    assert store.read(NAME, version).get_secret_value() == "one"
    assert logins(vault) == 2


def test_a_token_that_stays_refused_fails_clean(vault: FakeVault, store: VaultStore) -> None:
    """H2: then a clean failure, after one renewal."""
    vault.tokens.clear()
    with pytest.raises(AccessDenied, match="does not let this identity"):
        store.state(NAME)
    assert len(vault.requests) == 2


def test_a_token_that_an_agent_renewed_is_read_again(
    vault: FakeVault, store: VaultStore, token: Path
) -> None:
    store.write(NAME, SecretStr("one"))
    vault.tokens = {"renewed"}
    token.write_text("renewed")
    assert store.names() == [NAME]


def test_a_wrong_approle_is_told(vault: FakeVault, token: Path) -> None:
    login = {"role_id": "unknown", "secret_id_file": str(token)}
    store = VaultKv(address=vault.url, login=login).store(TARGET)
    with pytest.raises(AccessDenied, match="does not take the AppRole") as denied:
        store.names()
    assert TOKEN not in str(denied.value)


@pytest.mark.parametrize("content", [None, "", b"\xff"])
def test_a_token_that_is_not_there_is_told(
    vault: FakeVault, tmp_path: Path, content: bytes | str | None
) -> None:
    path = tmp_path / "agent"
    if content is not None:
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    store = VaultKv(address=vault.url, login={"token_file": str(path)}).store(TARGET)
    with pytest.raises(AccessDenied, match="credential for Vault is not there"):
        store.names()


def test_a_write_loses_to_another_that_came_between(vault: FakeVault, store: VaultStore) -> None:
    """Checked and set: nobody's write is overwritten unseen."""
    store.write(NAME, SecretStr("one"))
    seen = store._metadata(NAME)
    store.write(NAME, SecretStr("two"))
    store._metadata = lambda name: seen  # type: ignore[method-assign]
    with pytest.raises(Busy, match="somebody else wrote"):
        store.write(NAME, SecretStr("canary"))
    assert vault.secrets[f"shop/prod/{NAME}"][2].data == {"value": "two"}


def test_a_secret_with_several_keys_is_json(vault: FakeVault, store: VaultStore) -> None:
    created = "2026-11-21T12:00:00.000000000Z"
    vault.secrets[f"shop/prod/{NAME}"] = {1: Version({"user": "u", "port": 5432}, created)}
    value = store.read(NAME, f"1.{created}")
    assert value.get_secret_value() == '{"port":5432,"user":"u"}'


def test_a_version_that_max_versions_dropped_is_gone(store: VaultStore) -> None:
    first = store.write(NAME, SecretStr("first"))
    for number in range(10):
        store.write(NAME, SecretStr(f"{number}"))
    with pytest.raises(SecretMissing, match="no longer has the version"):
        store.read(NAME, first)


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (errors(503, "Vault is sealed"), Unreachable),
        (errors(500, "canary"), Unreachable),
        (errors(429, "canary"), Unreachable),
        (errors(502, "canary"), Unreachable),
        ((307, None), Unreachable),
        (errors(400, "canary"), BadInput),
        (errors(405, "canary"), (Refused, Unreachable)),
    ],
)
def test_each_answer_is_an_error_of_the_tree_without_its_text(
    vault: FakeVault, store: VaultStore, fault: object, expected: type[Exception]
) -> None:
    vault.fault = fault  # type: ignore[assignment]
    with pytest.raises(expected) as error:
        store.state(NAME)
    assert "canary" not in f"{error.value} {vars(error.value)}"


def test_a_token_is_not_sent_after_a_redirect(vault: FakeVault, store: VaultStore) -> None:
    """G7: who answers 307 learns the token of no other server's."""
    vault.fault = (307, None)
    with pytest.raises(Unreachable, match="does not answer itself"):
        store.names()
    assert vault.requests == ["LIST /v1/secret/metadata/shop/prod"]


@pytest.mark.parametrize(
    "address", ["https://vault.example.org:8200", "http://127.0.0.1:8200/", "http://localhost:1"]
)
def test_an_address_that_a_token_may_go_to(address: str) -> None:
    assert check_address(address) == address


@pytest.mark.parametrize(
    "address",
    [
        *("http://vault.example.org", "https://user:canary@vault", "vault:8200", "file:///x"),
        *("http://127.0.0.1.example.org", "http://127.0.0.1@evil", "https://vault/v1", ""),
    ],
)
def test_an_address_that_would_show_the_token_is_refused(address: str) -> None:
    with pytest.raises(BadInput, match="address of Vault") as refused:
        check_address(address)
    assert "canary" not in str(refused.value)


@pytest.mark.parametrize(
    "login",
    [
        {},
        {"token_block": "a", "token_file": "/b"},
        {"role_id": "r"},
        {"role_id": "r", "secret_id_block": "a", "secret_id_file": "/b"},
        {"role_id": "r", "secret_id_block": "a", "token_block": "b"},
        {"secret_id_file": "/a"},
        {"token": "hvs.canary"},
    ],
)
def test_a_login_is_one_way_alone_and_never_in_clear(login: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        Login.model_validate(login)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2018-03-22T02:36:43.986212308Z", (2018, 3, 22, 2, 36, 43, 986212)),
        ("2018-03-22T02:36:43.9Z", (2018, 3, 22, 2, 36, 43, 900000)),
        ("2018-03-22T02:36:43Z", (2018, 3, 22, 2, 36, 43, 0)),
    ],
)
def test_moments_as_vault_writes_them(text: str, expected: tuple[int, ...]) -> None:
    assert moment(text) == datetime(*expected, tzinfo=UTC)


@pytest.mark.parametrize(
    ("ends", "destroyed", "found"),
    [
        ("", False, (2, "2026-11-21T11:00:00Z")),
        ("2026-11-21T13:00:00Z", False, (2, "2026-11-21T11:00:00Z")),
        ("2026-11-21T11:30:00Z", False, None),
        ("", True, None),
    ],
)
def test_the_newest_counts_unless_it_was_deleted(
    ends: str, destroyed: bool, found: tuple[int, str] | None
) -> None:
    version = {"created_time": "2026-11-21T11:00:00Z", "deletion_time": ends}
    metadata = {"current_version": 2, "versions": {"2": {**version, "destroyed": destroyed}}}
    assert newest_of(metadata, NOW) == found


@pytest.mark.parametrize(
    ("version", "number"), [("3.2026", 3), ("", 0), ("x.1", 0), ("-1.2", 0), ("²", 0)]
)
def test_the_number_in_a_version(version: str, number: int) -> None:
    assert number_of(version) == number
