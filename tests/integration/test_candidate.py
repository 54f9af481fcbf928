"""A candidate and its attestations in a real registry: pushed, found by one string, verified."""

from collections.abc import Iterator
from datetime import UTC, date, datetime

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from pydantic import SecretStr

from blocks.registries.artifacts import (
    pull_attestations,
    pull_candidate,
    push_attestations,
    push_candidate,
)
from blocks.registries.oci import Registry
from blocks.registries.transport import Credentials, Transport
from slipway.attestation import Expectations, verify_attestations
from slipway.candidate import Candidate, build_candidate
from slipway.dsse import IN_TOTO, seal
from slipway.errors import BadInput, ImageMissing, SignatureRefused
from slipway.names import Reference, parse_reference
from slipway.scan import Database, Report, judge
from slipway.source import Source
from slipway.statement import BuildFacts, provenance, sbom, scan_verdict
from tests.rig.docker_rig import CREDENTIALS, Rig

pytestmark = pytest.mark.engine

APPFILE = b"""
app: links
images: {web: {port: 8080}}
environments: {dev: {port: 8001}}
"""
NOON = datetime(2026, 6, 15, 12, tzinfo=UTC)
FACTS = BuildFacts(builder="https://b.example/1", invocation="1", started=NOON, finished=NOON)
EXPECTED = Expectations(today=date(2026, 6, 15), builders=(FACTS.builder,))
TAG = "ab" * 20
SBOM = {"bomFormat": "CycloneDX", "specVersion": "1.6"}


@pytest.fixture
def registry(rig: Rig) -> Iterator[Registry]:
    login = Credentials(CREDENTIALS["username"], SecretStr(CREDENTIALS["password"]))
    made = Registry(Transport(f"127.0.0.1:{rig.port}", login))
    yield made
    made.close()


@pytest.fixture
def candidate(registry: Registry, testapp: str) -> Candidate:
    """The real test app as the only image of a candidate."""
    source = Source(repository="https://git.example/links.git", revision="ab" * 20)
    return build_candidate(APPFILE, source, {"web": parse_reference(testapp)})


def envelopes_of(candidate: Candidate, key: Ed25519PrivateKey) -> list[bytes]:
    report = Report(
        image="web",
        digest=candidate.images["web"].digest,
        scanner="trivy",
        database=Database(name="db", version="2", updated=NOON),
        packages=3,
    )
    verdict = judge(report, candidate.appfile.scan, EXPECTED.today)
    web = candidate.images["web"]
    said = [provenance(candidate, FACTS), sbom(web, SBOM), scan_verdict(web, verdict)]
    return [seal(statement.payload(), IN_TOTO, key) for statement in said]


def test_one_string_leads_to_everything(registry: Registry, candidate: Candidate) -> None:
    key = Ed25519PrivateKey.generate()
    reference = push_candidate(registry, candidate, TAG)
    push_attestations(registry, reference, envelopes_of(candidate, key))
    found = pull_candidate(registry, parse_reference(str(reference)))
    evidence = verify_attestations(
        found, pull_attestations(registry, reference), [key.public_key()], EXPECTED
    )
    assert found == candidate
    assert evidence.facts[0] == "built by https://b.example/1 from abababababab"


def test_pushing_again_changes_nothing(registry: Registry, candidate: Candidate) -> None:
    """E7: the same candidate and attestations are there already."""
    envelopes = envelopes_of(candidate, Ed25519PrivateKey.generate())
    reference = push_candidate(registry, candidate, TAG)
    first = push_attestations(registry, reference, envelopes)
    assert push_candidate(registry, candidate, TAG) == reference
    assert push_attestations(registry, reference, envelopes) == first


def test_a_later_attestation_is_added(registry: Registry, candidate: Candidate) -> None:
    """A foreign signature beside the good ones neither counts nor harms (F5)."""
    key, foreign = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()
    reference = push_candidate(registry, candidate, TAG)
    push_attestations(registry, reference, envelopes_of(candidate, foreign))
    found = pull_attestations(registry, reference)
    with pytest.raises(SignatureRefused, match="has no valid provenance"):
        verify_attestations(candidate, found, [key.public_key()], EXPECTED)
    push_attestations(registry, reference, envelopes_of(candidate, key))
    found = pull_attestations(registry, reference)
    verify_attestations(candidate, found, [key.public_key()], EXPECTED)


def test_an_image_or_nothing_is_no_candidate(registry: Registry, testapp: str) -> None:
    """Section 7: the digest of an image, and one that the registry lacks."""
    with pytest.raises(BadInput, match=r"testapp@sha256:.* is no candidate|another shape"):
        pull_candidate(registry, parse_reference(testapp))
    image = parse_reference(testapp)
    with pytest.raises(ImageMissing):
        pull_candidate(registry, Reference(image.repository, "sha256:" + "0" * 64))
