"""Prefect's Secret blocks as a store: who gets in, and what a rotation leaves (G12, N12)."""

import uuid
from collections.abc import Iterator

import httpx
import pytest
from prefect.blocks.system import Secret
from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import BlockDocumentCreate
from prefect_aws import AwsCredentials
from pydantic import SecretStr

from blocks.compose import Installation
from blocks.secrets import prefect as module
from blocks.secrets.aws_secrets_manager import AwsSecretsManager
from blocks.secrets.prefect import PrefectSecrets, PrefectStore, kept_block, secret_prefix
from blocks.secrets.vault import VaultKv
from slipway.errors import AccessDenied, BadInput
from slipway.release import Target
from slipway.settings import RuntimeSettings
from tests.fakes.vault import TOKEN, FakeVault, serving
from tests.rig.moto import credentials
from tests.rig.prefect_api import PrefectApi

pytestmark = pytest.mark.prefect
NAME = "database-url"
BLOCK_ROUTES = ("block_documents", "block_types", "block_schemas", "block_capabilities")


@pytest.fixture
def target(guarded_prefect: PrefectApi) -> Iterator[Target]:
    with guarded_prefect.used():
        yield Target(app=f"t{uuid.uuid4().hex[:8]}", environment="prod")


@pytest.fixture
def store(target: Target) -> PrefectStore:
    return PrefectStore(secret_prefix(target))


def value() -> SecretStr:
    return SecretStr(f"canary{uuid.uuid4().hex}")


def load(block: str) -> str:
    """What a flow of the app's own reads."""
    return str(Secret.load(block, _sync=True).get())


def test_nobody_without_the_auth_string_comes_near_a_block(
    guarded_prefect: PrefectApi, store: PrefectStore
) -> None:
    """G12: each route of the server that has to do with blocks answers 401."""
    written = value()
    store.write(NAME, written)
    with httpx.Client(base_url=guarded_prefect.url, timeout=30) as anonymous:
        for route in BLOCK_ROUTES:
            for answer in (
                anonymous.post(f"/{route}/filter", json={"include_secrets": True}),
                anonymous.get(f"/{route}/{uuid.uuid4()}", params={"include_secrets": True}),
                anonymous.delete(f"/{route}/{uuid.uuid4()}"),
            ):
                assert answer.status_code == 401, (route, answer.status_code)
        by_name = f"/block_types/slug/secret/block_documents/name/{store.prefix}--{NAME}"
        named = anonymous.get(by_name, params={"include_secrets": True})
    assert named.status_code == 401
    assert written.get_secret_value() not in named.text


@pytest.mark.parametrize("auth", [None, "operator:wrong"])
def test_a_wrong_auth_string_is_told_as_access_denied(
    guarded_prefect: PrefectApi, store: PrefectStore, auth: str | None
) -> None:
    """G12: final, with the variable to set, and without the value."""
    written = value()
    with guarded_prefect.used(auth=auth):
        for ask in (lambda: store.state(NAME), lambda: store.write(NAME, written), store.names):
            with pytest.raises(AccessDenied, match="HTTP 401") as denied:
                ask()
            assert "PREFECT_API_AUTH_STRING" in (denied.value.next_step or "")
            assert written.get_secret_value() not in str(denied.value)


def test_a_block_that_an_operator_saved_is_found_with_its_structure(store: PrefectStore) -> None:
    """S0-07, S0-14: a block saved by hand, with a structure in it, reaches the app as JSON."""
    block = f"{store.prefix}--application-config"
    Secret(value={"limit": 1.5, "names": ["b", "a"]}).save(block, _sync=True)
    version = store.versions(["application-config"])["application-config"]
    found = store.read("application-config", version).get_secret_value()
    assert found == '{"limit":1.5,"names":["b","a"]}'


def test_what_the_store_wrote_is_a_secret_block_like_any_other(store: PrefectStore) -> None:
    """S0-14: `Secret.load(...).get()` of a flow reads what was rotated in."""
    written = value()
    store.write(NAME, value())
    store.write(NAME, written)
    assert load(f"{store.prefix}--{NAME}") == written.get_secret_value()


def test_killed_before_the_save_nothing_is_lost(
    store: PrefectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """N12: the copy is made first; the newest and its version stay what they were."""
    first = value()
    version = store.write(NAME, first)
    save = module._save
    seen: list[str] = []

    def killed(client: object, block: str, data: object) -> None:
        seen.append(block)
        if len(seen) == 2:
            raise KeyboardInterrupt
        save(client, block, data)

    monkeypatch.setattr(module, "_save", killed)
    with pytest.raises(KeyboardInterrupt):
        store.write(NAME, value())
    monkeypatch.undo()

    assert seen == [kept_block(store.prefix, NAME, version), f"{store.prefix}--{NAME}"]
    assert (store.names(), store.read(NAME, version)) == ([NAME], first)
    second = store.write(NAME, value())
    assert store.read(NAME, version) == first
    assert store.state(NAME).version == second


def test_more_blocks_than_a_page_are_all_found(
    store: PrefectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PAGE", 3)
    names = sorted(f"key-{n}" for n in range(7))
    for name in names:
        store.write(name, value())
        store.write(name, value())
    assert store.names() == names
    store.delete("key-0")
    assert store.names() == names[1:]
    assert not store._blocks(f"{store.prefix}--key-0--at-")


def test_the_block_of_the_prefix_opens_the_same_store(store: PrefectStore) -> None:
    assert PrefectSecrets(prefix=store.prefix).store() == store


def test_a_saved_block_chooses_the_store_and_holds_no_value(target: Target, moto: str) -> None:
    """S0-06, S1-40: Prefect has the reference, AWS the value."""
    written, block = value(), f"aws-{target.app}"
    credentials(moto).save(block, _sync=True)
    reference = AwsCredentials.load(block, _sync=True)
    AwsSecretsManager(credentials=reference).save(block, _sync=True)
    settings = RuntimeSettings(secrets=f"aws-secrets-manager:{block}")
    version = Installation(settings).secrets(target).write(NAME, written)
    assert Installation(settings).secrets(target).read(NAME, version) == written
    with get_client(sync_client=True) as client:
        for slug in (AwsSecretsManager.get_block_type_slug(), "aws-credentials"):
            document = client.read_block_document_by_name(block, slug, include_secrets=True)
            assert written.get_secret_value() not in document.model_dump_json()


def test_vault_takes_its_token_from_a_secret_block(target: Target) -> None:
    """S3-10: the block of Vault names the block with the token."""
    token = f"token-{target.app}"
    Secret(value=TOKEN).save(token, _sync=True)
    with serving(FakeVault()) as vault:
        block = f"vault-{target.app}"
        VaultKv(address=vault.url, login={"token_block": token}).save(block, _sync=True)
        opened = Installation(RuntimeSettings(secrets=f"vault:{block}")).secrets(target)
        opened.write(NAME, value())
        assert opened.names() == [NAME]


@pytest.mark.parametrize("kind", ["aws-secrets-manager", "aws-parameter-store", "vault"])
def test_a_block_that_is_not_there_is_told_by_name(target: Target, kind: str) -> None:
    with pytest.raises(BadInput, match="no-such-block") as refused:
        Installation(RuntimeSettings(secrets=f"{kind}:no-such-block")).secrets(target)
    assert refused.value.next_step


def test_a_block_whose_fields_do_not_fit_is_told_by_field(target: Target) -> None:
    """What was given is not shown: people put tokens into addresses."""
    VaultKv.register_type_and_schema(_sync=True)
    block = f"bad-{target.app}"
    with get_client(sync_client=True) as client:
        kind = client.read_block_type_by_slug(VaultKv.get_block_type_slug())
        schema = client.get_most_recent_block_schema_for_block_type(kind.id)
        data = {"address": "http://user:canary@vault.example.org", "login": {"token_file": "/t"}}
        client.create_block_document(
            BlockDocumentCreate(
                name=block, data=data, block_type_id=kind.id, block_schema_id=schema.id
            )
        )
    with pytest.raises(BadInput, match="address") as refused:
        Installation(RuntimeSettings(secrets=f"vault:{block}")).secrets(target)
    assert "canary" not in f"{refused.value} {vars(refused.value)}"
