"""The registry client against a real HTTP server: digests, tags, credentials, faults."""

from collections.abc import Callable, Iterator

import pytest
from pydantic import SecretStr

from blocks.registries.oci import OCI_MANIFEST, Registry
from blocks.registries.transport import Credentials, Limits, Transport
from slipway.errors import (
    AccessDenied,
    ImageMissing,
    Refused,
    SlipwayError,
    TagMoved,
    Tampered,
    Unreachable,
)
from tests.fakes.registry import (
    BASIC,
    PASSWORD,
    USER,
    FakeRegistry,
    cut_off,
    digest_of,
    serving,
    status,
)

MANIFEST, OTHER = b'{"config":{"digest":"sha256:cc"}}', b'{"other":1}'


@pytest.fixture
def fake() -> Iterator[FakeRegistry]:
    with serving(FakeRegistry()) as made:
        yield made


@pytest.fixture
def waits() -> list[float]:
    """How long the client would have slept."""
    return []


@pytest.fixture
def connect(fake: FakeRegistry, waits: list[float]) -> Iterator[Callable[..., Registry]]:
    made: list[Registry] = []

    def registry(password: str | None = PASSWORD, **limits: int) -> Registry:
        login = Credentials(USER, SecretStr(password)) if password else None
        transport = Transport(fake.host, login, limits=Limits(**limits), sleep=waits.append)
        made.append(Registry(transport))
        return made[-1]

    yield registry
    for one in made:
        one.close()


@pytest.fixture
def registry(connect: Callable[..., Registry]) -> Registry:
    return connect()


def test_a_pushed_manifest_is_found_by_tag_and_digest(registry: Registry) -> None:
    digest = registry.put_manifest("app", MANIFEST, OCI_MANIFEST, "one")
    assert digest == digest_of(MANIFEST) == registry.head("app", "one")
    assert registry.manifest("app", digest).content == MANIFEST
    assert registry.manifest("app", "one").config_digest == "sha256:cc"


def test_the_same_manifest_is_not_written_again(fake: FakeRegistry, registry: Registry) -> None:
    """E7: the tag names these bytes already."""
    registry.put_manifest("app", MANIFEST, OCI_MANIFEST, "one")
    fake.requests.clear()
    registry.put_manifest("app", MANIFEST, OCI_MANIFEST, "one")
    assert [method for method, _, _ in fake.requests] == ["HEAD"]


def test_a_tag_with_another_digest_is_refused(fake: FakeRegistry, registry: Registry) -> None:
    """F3: and nothing is written."""
    fake.put("one", OTHER)
    with pytest.raises(TagMoved, match="names another digest"):
        registry.put_manifest("app", MANIFEST, OCI_MANIFEST, "one")
    assert fake.tags["one"] == digest_of(OTHER)


def test_a_tag_that_moves_while_we_write_is_noticed(fake: FakeRegistry, registry: Registry) -> None:
    """F3: what the tag names is read back."""
    fake.after_put = lambda: fake.put("one", OTHER) and None
    with pytest.raises(TagMoved, match="names another digest"):
        registry.put_manifest("app", MANIFEST, OCI_MANIFEST, "one")


def test_latest_moves_and_a_version_does_not(fake: FakeRegistry, registry: Registry) -> None:
    first, second = fake.put("first", MANIFEST), fake.put("second", OTHER)
    for tag in ("latest", "v1.0.0"):
        registry.tag("app", first, tag, moves=tag == "latest")
    registry.tag("app", second, "latest", moves=True)
    with pytest.raises(TagMoved):
        registry.tag("app", second, "v1.0.0")
    assert fake.tags["latest"] == second
    assert fake.tags["v1.0.0"] == first


def test_changed_bytes_are_called_tampered(fake: FakeRegistry, registry: Registry) -> None:
    """F4: manifest and blob."""
    digest = fake.put("one", MANIFEST)
    fake.content[digest] = OTHER
    for read in (registry.manifest, registry.blob):
        with pytest.raises(Tampered, match="tampered with or damaged") as caught:
            read("app", digest)
        assert caught.value.found == digest_of(OTHER)


def test_a_digest_that_answers_as_another_is_tampered(
    fake: FakeRegistry, registry: Registry
) -> None:
    digest = fake.put("one", MANIFEST)
    fake.tags[digest] = fake.put("two", OTHER)
    with pytest.raises(Tampered):
        registry.head("app", digest)


def test_blobs_are_uploaded_once(fake: FakeRegistry, registry: Registry) -> None:
    for _ in range(2):
        assert registry.put_blob("app", b"bytes", "text/plain").digest == digest_of(b"bytes")
    assert [method for method, _, _ in fake.requests] == ["HEAD", "POST", "PUT", "HEAD"]
    assert registry.blob("app", digest_of(b"bytes")) == b"bytes"


def test_what_is_not_there(registry: Registry) -> None:
    assert registry.head("app", "none") is None
    with pytest.raises(ImageMissing, match="does not hold app"):
        registry.manifest("app", "none")
    with pytest.raises(ImageMissing):
        registry.blob("app", digest_of(b"none"))


@pytest.mark.parametrize("auth", ["basic", "bearer"])
def test_credentials_are_given_when_asked_for(
    fake: FakeRegistry, registry: Registry, auth: str
) -> None:
    """S2-40: a plain registry asks for a login, those of clouds for a token."""
    fake.auth = auth
    registry.put_manifest("app", MANIFEST, OCI_MANIFEST, "one")
    asked, *_ = fake.requests
    assert asked[2] == "", "nothing is sent before the registry asks"
    assert fake.tags["one"] == digest_of(MANIFEST)


def test_tokens_are_asked_for_with_the_least_scope(fake: FakeRegistry, registry: Registry) -> None:
    fake.auth = "bearer"
    registry.put_manifest("app", MANIFEST, OCI_MANIFEST, "one")
    assert fake.scopes == ["repository:app:pull", "repository:app:pull,push"]


def test_an_expired_token_is_renewed_once(fake: FakeRegistry, registry: Registry) -> None:
    """H2: refresh, then a clean failure."""
    fake.auth, _ = "bearer", fake.put("one", MANIFEST)
    registry.head("app", "one")
    fake.tokens.clear()
    assert registry.head("app", "one") == digest_of(MANIFEST)
    assert len(fake.scopes) == 2


@pytest.mark.parametrize("auth", ["basic", "bearer"])
@pytest.mark.parametrize("password", ["wrong-password", None])
def test_wrong_credentials_are_a_final_error_without_the_password(
    fake: FakeRegistry, connect: Callable[..., Registry], auth: str, password: str | None
) -> None:
    """G8."""
    fake.auth = auth
    with pytest.raises(AccessDenied) as caught:
        connect(password).head("app", "one")
    shown = f"{caught.value} {caught.value.next_step} {caught.value.__cause__}"
    assert "wrong-password" not in shown
    assert len(fake.requests) <= 3


@pytest.mark.parametrize(
    "realm", ["http://169.254.169.254/token", "https://evil.example/token", "file:///etc/passwd"]
)
def test_a_foreign_token_server_gets_no_credentials(
    fake: FakeRegistry, registry: Registry, realm: str
) -> None:
    """G7: the registry names where the password would go."""
    fake.auth, fake.realm = "bearer", realm
    with pytest.raises(AccessDenied, match="sends its credentials to another host"):
        registry.head("app", "one")


def test_a_redirect_keeps_credentials_from_another_host(
    fake: FakeRegistry, registry: Registry
) -> None:
    """G7: blobs may live elsewhere; another port is another place."""
    with serving(FakeRegistry()) as store:
        digest = store.put("blob", b"bytes")
        fake.auth = "basic"
        registry.head("app", "none")
        fake.faults = [status(307, Location=f"http://{store.host}/v2/app/blobs/{digest}")]
        assert registry.blob("app", digest) == b"bytes"
        assert [seen[2] for seen in store.requests] == [""]
    assert fake.requests[-1][2] == BASIC


def test_a_redirect_inwards_is_refused(fake: FakeRegistry, registry: Registry) -> None:
    """G7: a registry must not make us read the cloud's metadata."""
    fake.faults = [status(302, Location="http://169.254.169.254/latest/meta-data/")]
    with pytest.raises(Refused, match="redirects to an address that is not allowed"):
        registry.blob("app", digest_of(b"x"))


def test_an_upload_never_leaves_the_registry(fake: FakeRegistry, registry: Registry) -> None:
    fake.faults = [status(404), status(202, Location="http://127.0.0.1:9/upload")]
    with pytest.raises(Refused, match="wants an upload to go elsewhere"):
        registry.put_blob("app", b"bytes", "text/plain")


@pytest.mark.parametrize("fault", [status(503), status(429), status(500), cut_off])
def test_a_passing_fault_is_retried(
    fake: FakeRegistry, registry: Registry, waits: list[float], fault: object
) -> None:
    """F1, F2."""
    digest = fake.put("one", MANIFEST)
    fake.faults = [fault, fault]
    assert registry.manifest("app", "one").digest == digest
    assert waits == [0.25, 0.5]


def test_retry_after_is_honoured(
    fake: FakeRegistry, registry: Registry, waits: list[float]
) -> None:
    """F1: as seconds."""
    fake.put("one", MANIFEST)
    fake.faults = [status(429, Retry_After="7")]
    registry.head("app", "one")
    assert waits == [7.0]


def test_a_long_retry_after_is_an_answer_for_people(
    fake: FakeRegistry, registry: Registry, waits: list[float]
) -> None:
    fake.faults = [status(429, Retry_After="3600")]
    with pytest.raises(Unreachable, match="come back in 3600 seconds"):
        registry.head("app", "one")
    assert waits == []


def test_retries_are_bounded(fake: FakeRegistry, connect: Callable[..., Registry]) -> None:
    """F1: the error is retryable and says what answered."""
    fake.faults = [status(503)] * 10
    with pytest.raises(Unreachable) as caught:
        connect(attempts=3).head("app", "one")
    assert caught.value.retryable
    assert caught.value.found == "HTTP 503"
    assert len(fake.requests) == 3


def test_an_endless_answer_is_cut(fake: FakeRegistry, connect: Callable[..., Registry]) -> None:
    digest = fake.put("one", b"x" * 2000)
    with pytest.raises(Refused, match="more than fits"):
        connect(answer_bytes=1000).blob("app", digest)


def test_a_dead_registry_is_unreachable() -> None:
    transport = Transport("127.0.0.1:9", limits=Limits(attempts=2), sleep=lambda _: None)
    with Registry(transport) as registry, pytest.raises(SlipwayError) as caught:
        registry.head("app", "one")
    assert isinstance(caught.value, Unreachable)
