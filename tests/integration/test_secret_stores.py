"""What every store of runtime secrets must do, on each of them (S0-06, S0-10, S1-40, S3-10, N12).

AWS is a `moto_server` process, Prefect a real server with an auth string; Vault is our own fake of
its HTTP protocol (tests/fakes/vault.py), or a real one where SLIPWAY_TEST_VAULT names its program.
"""

import json
import logging
import traceback
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from blocks.secrets.aws_parameter_store import AwsParameterStore
from blocks.secrets.aws_secrets_manager import AwsSecretsManager
from slipway.errors import BadInput, SecretMissing, SlipwayError, Unreachable
from slipway.ledger import utc_now
from slipway.release import Target
from tests.fakes.vault import TOKEN
from tests.rig.secret_beds import (
    Bed,
    aws_bed,
    files_bed,
    memory_bed,
    prefect_bed,
    vault_bed,
)

STORES = [
    "memory",
    "files",
    "aws-secrets-manager",
    "aws-parameter-store",
    "vault",
    pytest.param("prefect", marks=pytest.mark.prefect),
]
AWS = {"aws-secrets-manager": AwsSecretsManager, "aws-parameter-store": AwsParameterStore}
NAME = "database-url"


@pytest.fixture(params=STORES)
def bed(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Bed]:
    """Each store in turn, for a target that nobody else has."""
    target = Target(app=f"t{uuid.uuid4().hex[:8]}", environment="prod")
    match request.param:
        case "memory":
            yield memory_bed()
        case "files":
            yield files_bed(tmp_path, target)
        case "vault":
            token = tmp_path / "token"
            token.write_text(TOKEN)
            yield vault_bed(request.getfixturevalue("vault"), token, target)
        case "prefect":
            api = request.getfixturevalue("guarded_prefect")
            with api.used():
                yield prefect_bed(api, target)
        case aws:
            yield aws_bed(AWS[aws], request.getfixturevalue("moto"), target)


def value() -> SecretStr:
    return SecretStr(f"canary{uuid.uuid4().hex}")


def shown(error: BaseException) -> str:
    """Everything that an error could show."""
    told = [str(error), repr(error), str(vars(error))]
    return "\n".join([*told, *traceback.format_exception(error)])


def test_what_was_written_is_read_by_its_version(bed: Bed) -> None:
    written = value()
    version = bed.store.write(NAME, written)
    assert bed.store.versions([NAME]) == {NAME: version}
    assert bed.store.read(NAME, version) == written


def test_versions_differ_after_each_write_and_tell_nothing(bed: Bed) -> None:
    """N12: even the same value again is another version."""
    same = value()
    versions = [bed.store.write(NAME, word) for word in (same, value(), same, same)]
    assert len(set(versions)) == 4
    assert not any(same.get_secret_value() in version for version in versions)


def test_a_version_of_an_earlier_life_never_gives_the_new_value(bed: Bed) -> None:
    """N12: a name that was removed and made anew has other versions, though numbers begin again."""
    old = value()
    before = bed.store.write(NAME, old)
    bed.store.delete(NAME)
    after = bed.store.write(NAME, value())
    assert after != before
    try:
        found = bed.store.read(NAME, before)
    except SecretMissing:
        return
    assert found == old


def test_an_older_version_stays_readable_where_versions_are_kept(bed: Bed) -> None:
    """N12: a rollback finds the value of its release."""
    words = [value(), value(), value()]
    versions = [bed.store.write(NAME, word) for word in words]
    if bed.store.keeps_versions:
        assert [bed.store.read(NAME, version) for version in versions] == words
    else:
        with pytest.raises(SecretMissing, match="no longer has the version"):
            bed.store.read(NAME, versions[0])
    assert bed.store.state(NAME).version == versions[-1]


def test_state_tells_when_it_was_written(bed: Bed) -> None:
    version = bed.store.write(NAME, value())
    state = bed.store.state(NAME)
    assert (state.name, state.version) == (NAME, version)
    assert state.written is not None
    assert abs((utc_now() - state.written).total_seconds()) < 60


@pytest.mark.parametrize(
    "text",
    [
        json.dumps({"feature": {"limit": 1.5, "on": True}, "names": ["ä", "b"]}),
        "key1,key2,key3",
        "line one\nline two",
    ],
)
def test_every_format_comes_back_as_it_went(bed: Bed, text: str) -> None:
    """S0-07: application-config is JSON, external-api-keys a list."""
    version = bed.store.write("application-config", SecretStr(text))
    assert bed.store.read("application-config", version).get_secret_value() == text


def test_names_are_listed_and_those_of_others_are_not(bed: Bed) -> None:
    assert bed.store.names() == []
    wanted = sorted(["database-url", "external-api-keys", *(f"key-{n}" for n in range(12))])
    for name in wanted:
        bed.store.write(name, value())
    bed.store.write("key-0", value())
    assert bed.store.names() == wanted


@pytest.mark.parametrize("word", ["", "x" * 600_000])
def test_an_empty_or_far_too_long_value_is_refused(bed: Bed, word: str) -> None:
    with pytest.raises(BadInput, match="cannot be stored") as refused:
        bed.store.write(NAME, SecretStr(word))
    assert "bytes" in (refused.value.found or "")
    assert bed.store.names() == []


@pytest.mark.parametrize("name", ["../prod/key", "a/b", "Key", "a--b", ""])
def test_a_name_outside_the_grammar_reaches_no_store(bed: Bed, name: str) -> None:
    """G6: no path and no other target's name."""
    for act in (bed.store.state, bed.store.delete, lambda n: bed.store.write(n, value())):
        with pytest.raises((BadInput, SecretMissing)):
            act(name)


def test_a_missing_name_is_told_with_the_next_step(bed: Bed) -> None:
    for ask in (
        lambda: bed.store.versions([NAME]),
        lambda: bed.store.state(NAME),
        lambda: bed.store.read(NAME, "1"),
    ):
        with pytest.raises(SecretMissing, match=NAME) as missing:
            ask()
        assert missing.value.next_step


def test_a_missing_version_shows_no_value(bed: Bed) -> None:
    written = value()
    version = bed.store.write(NAME, written)
    with pytest.raises(SecretMissing, match="no longer has the version") as missing:
        bed.store.read(NAME, f"9{version}")
    assert missing.value.next_step
    assert written.get_secret_value() not in shown(missing.value)


def test_a_store_that_does_not_answer_is_retryable_and_shows_no_value(bed: Bed) -> None:
    """The message names what was asked, the next step what to look at."""
    written = value()
    with bed.away() as away:
        for ask in (
            lambda: away.versions([NAME]),
            lambda: away.read(NAME, "1"),
            away.names,
            lambda: away.write(NAME, written),
            lambda: away.delete(NAME),
        ):
            with pytest.raises(Unreachable) as error:
                ask()
            assert isinstance(error.value, SlipwayError)
            assert error.value.next_step
            assert written.get_secret_value() not in shown(error.value)


def test_delete_removes_the_name_and_twice_is_no_error(bed: Bed) -> None:
    bed.store.write(NAME, value())
    version = bed.store.write(NAME, value())
    bed.store.delete(NAME)
    bed.store.delete(NAME)
    assert bed.store.names() == []
    with pytest.raises(SecretMissing):
        bed.store.state(NAME)
    if bed.forgets:
        with pytest.raises(SecretMissing):
            bed.store.read(NAME, version)


def test_forget_drops_an_older_version_and_never_the_newest(bed: Bed) -> None:
    newest_value = value()
    old, newest = bed.store.write(NAME, value()), bed.store.write(NAME, newest_value)
    bed.store.forget(NAME, old)
    bed.store.forget(NAME, old)
    with pytest.raises(BadInput, match="newest"):
        bed.store.forget(NAME, newest)
    assert bed.store.read(NAME, newest) == newest_value
    if bed.forgets:
        with pytest.raises(SecretMissing):
            bed.store.read(NAME, old)


def test_forget_of_a_missing_name_is_no_error(bed: Bed) -> None:
    bed.store.forget(NAME, "1")


def test_a_debug_run_logs_no_value(bed: Bed, caplog: pytest.LogCaptureFixture) -> None:
    """G8: neither we nor a client library writes one down, whatever the level."""
    words = [value(), value()]
    with caplog.at_level(logging.DEBUG):
        for written in words:
            version = bed.store.write(NAME, written)
            assert bed.store.read(NAME, version) == written
        bed.store.names()
        bed.store.delete(NAME)
    assert not [word for word in words if word.get_secret_value() in caplog.text]
