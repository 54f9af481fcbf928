"""Attestations: only trusted signatures over exactly these digests count (F5, F6, F8)."""

import base64
import json
import shutil
import subprocess
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from slipway.attachment import attach, attachment_tag, read_attachment
from slipway.attestation import Expectations, verify_attestations
from slipway.candidate import build_candidate
from slipway.dsse import IN_TOTO, public_pem, seal
from slipway.errors import BadInput, Refused, ScanRefused, SignatureRefused, Tampered
from slipway.names import parse_reference
from slipway.scan import Database, Finding, Report, judge
from slipway.scan_policy import Severity
from slipway.source import Source
from slipway.statement import (
    BuildFacts,
    Dependency,
    Statement,
    parse_statement,
    provenance,
    sbom,
    scan_verdict,
)

TODAY = date(2026, 6, 15)
NOON = datetime(2026, 6, 15, 12, tzinfo=UTC)
KEY, OTHER_KEY = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()
APPFILE = b"""
app: links
images: {api: {}, proxy: {port: 8080}}
scan: {suppressions: [{id: CVE-7, owner: t, reason: r, expires: 2026-06-20, image: api}]}
environments: {dev: {port: 8001}}
"""
FACTS = BuildFacts(
    builder="https://builders.example/1",
    invocation="run-1",
    started=NOON,
    finished=NOON,
    dependencies=(Dependency(uri="pkg:docker/base", digest="sha256:" + "b" * 64),),
)
SBOM = {"bomFormat": "CycloneDX", "specVersion": "1.6", "components": [], "weight": 0.5}


def image(name, digit):
    return parse_reference(f"127.0.0.1:5055/links/{name}@sha256:{digit * 64}")


def candidate(revision="ab" * 20, digits="12", appfile=APPFILE):
    source = Source(repository="https://git.example/links.git", revision=revision)
    images = {"api": image("api", digits[0]), "proxy": image("proxy", digits[1])}
    return build_candidate(appfile, source, images)


def verdict(built, name, findings=(), today=TODAY):
    database = Database(name="trivy-db", version="2", updated=NOON)
    report = Report(
        image=name,
        digest=built.images[name].digest,
        scanner="trivy 0.76.0",
        database=database,
        packages=4,
        findings=tuple(
            Finding(id=f, package="p", installed="1", fixed="2", severity=Severity.HIGH)
            for f in findings
        ),
    )
    return judge(report, built.appfile.scan, today)


def statements(built, **verdicts):
    """Every statement that a good candidate has, by a name of its own."""
    found = {"provenance": provenance(built, FACTS)}
    for name, reference in built.images.items():
        found[f"sbom {name}"] = sbom(reference, SBOM)
        found[f"verdict {name}"] = scan_verdict(
            reference, verdicts.get(name) or verdict(built, name)
        )
    return found


def signed(found, key=KEY):
    return [seal(statement.payload(), IN_TOTO, key) for statement in found.values()]


def verify(built, envelopes, keys=(KEY,), **expectations):
    public = [key.public_key() for key in keys]
    return verify_attestations(
        built, envelopes, public, Expectations(**({"today": TODAY} | expectations))
    )


def test_what_the_build_signs_is_proved():
    built = candidate()
    verdicts = [verdict(built, "api"), verdict(built, "proxy")]
    evidence = verify(built, signed(statements(built)), builders=(FACTS.builder,))
    assert evidence.builder == FACTS.builder
    assert evidence.verdicts == {"api": verdicts[0], "proxy": verdicts[1]}
    assert evidence.facts == (
        "built by https://builders.example/1 from abababababab",
        "provenance, SBOM and verdict signed for 2 images",
        "scan of api passes: no findings, database of 2026-06-15",
        "scan of proxy passes: no findings, database of 2026-06-15",
        "api: suppression of CVE-7 matches nothing any more; remove it",
    )
    assert len(evidence.envelopes) == 5


@pytest.mark.parametrize("missing", sorted(statements(candidate())))
def test_each_statement_is_needed(missing):
    built = candidate()
    found = statements(built)
    del found[missing]
    with pytest.raises(ScanRefused if "verdict" in missing else SignatureRefused):
        verify(built, signed(found))


@pytest.mark.parametrize("foreign", sorted(statements(candidate())))
def test_each_statement_needs_a_trusted_signature(foreign):
    """F5: signed by a key that is not trusted here."""
    built = candidate()
    found = statements(built)
    last = seal(found.pop(foreign).payload(), IN_TOTO, OTHER_KEY)
    with pytest.raises(Refused):
        verify(built, [*signed(found), last])
    verify(built, [*signed(found), last], keys=(OTHER_KEY, KEY))


@pytest.mark.parametrize("kept", sorted(statements(candidate())))
def test_a_statement_of_another_candidate_does_not_count(kept):
    """F5, F6, F8: a validly signed statement of other digests, put in place of the own one."""
    built, old = candidate(), candidate(digits="34", revision="cd" * 20)
    found = statements(built) | {kept: statements(old)[kept]}
    with pytest.raises(Refused):
        verify(built, signed(found))


def test_provenance_of_an_old_commit_with_the_same_images_does_not_count():
    """F6: replay of provenance after a change outside of the images."""
    built, old = candidate(), candidate(revision="cd" * 20)
    found = statements(built) | {"provenance": statements(old)["provenance"]}
    with pytest.raises(SignatureRefused, match="has no valid provenance") as refused:
        verify(built, signed(found))
    assert "it names other digests" in refused.value.evidence[0]


def changed(statement, change):
    predicate = json.loads(json.dumps(statement.predicate))
    change(predicate)
    return replace(statement, predicate=predicate)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda p: p["runDetails"]["builder"].update(id="https://evil"), "is not expected"),
        (lambda p: p["runDetails"].update(builder=[]), "is not expected"),
        (lambda p: p["buildDefinition"].update(buildType="x"), "another build type"),
        (lambda p: p["buildDefinition"].update(externalParameters=None), "another commit"),
        (
            lambda p: p["buildDefinition"]["externalParameters"]["source"].update(
                revision="0" * 40
            ),
            "another commit",
        ),
        (
            lambda p: p["buildDefinition"]["externalParameters"].update(appfile="sha256:x"),
            "another app file",
        ),
    ],
)
def test_provenance_must_say_what_is_expected(change, says):
    built = candidate()
    found = statements(built)
    found["provenance"] = changed(found["provenance"], change)
    with pytest.raises(SignatureRefused) as refused:
        verify(built, signed(found), builders=(FACTS.builder,))
    assert says in refused.value.evidence[0]


def test_a_failing_verdict_is_refused():
    built = candidate()
    found = statements(built, proxy=verdict(built, "proxy", ["CVE-1"]))
    with pytest.raises(ScanRefused, match="scan of proxy does not pass"):
        verify(built, signed(found))


def test_a_newer_failing_verdict_wins_over_an_older_good_one():
    built = candidate()
    found = statements(built)
    newer = verdict(built, "proxy", ["CVE-1"], TODAY + timedelta(days=1))
    found["rescan"] = scan_verdict(built.images["proxy"], newer)
    with pytest.raises(ScanRefused, match="scan of proxy does not pass"):
        verify(built, signed(found), today=TODAY + timedelta(days=1))


def test_a_verdict_of_another_policy_does_not_count():
    built = candidate()
    laxer = candidate(appfile=APPFILE.replace(b"scan: {", b"scan: {severities: [], "))
    found = statements(built, proxy=verdict(laxer, "proxy"))
    with pytest.raises(ScanRefused, match="another policy than the app file's"):
        verify(built, signed(found))


@pytest.mark.parametrize(
    ("days", "says"),
    [(31, "it is 31 days old, allowed are 30"), (6, "suppression of CVE-7 ended 2026-06-20")],
)
def test_a_verdict_ends(days, says):
    """F6, F7, N15: what was true at the scan is checked again on the day of the release."""
    built = candidate()
    finding = ["CVE-7"] if days < 30 else []
    found = statements(built, api=verdict(built, "api", finding))
    verify(built, signed(found))
    with pytest.raises(ScanRefused, match=says):
        verify(built, signed(found), today=TODAY + timedelta(days=days))


def test_a_verdict_that_was_edited_does_not_count():
    """F8: the signed verdict says pass, of this image, in a report of another digest."""
    built = candidate()
    found = statements(built)
    found["verdict api"] = changed(
        found["verdict api"], lambda p: p.update(digest=built.images["proxy"].digest)
    )
    with pytest.raises(ScanRefused, match="image api has no signed scan verdict"):
        verify(built, signed(found))


def test_nothing_is_trusted_without_keys_or_envelopes():
    built = candidate()
    with pytest.raises(SignatureRefused, match="no attestations at all"):
        verify(built, [])
    with pytest.raises(SignatureRefused) as refused:
        verify(built, signed(statements(built)), keys=())
    assert "no key is trusted yet" in refused.value.evidence[0]


@pytest.mark.parametrize("place", range(5))
def test_one_changed_byte_is_noticed(place):
    """F5: altered provenance, SBOM or verdict."""
    built = candidate()
    envelopes = signed(statements(built))
    value = json.loads(envelopes[place])
    value["payload"] = value["payload"][:40] + "AAAA" + value["payload"][44:]
    with pytest.raises(Refused):
        verify(built, [*envelopes[:place], json.dumps(value).encode(), *envelopes[place + 1 :]])


def test_junk_beside_good_envelopes_does_no_harm():
    built = candidate()
    junk = [b"", b"{}", b"[[[[", b'{"payload":1,"payloadType":2,"signatures":3}']
    assert verify(built, [*junk, *signed(statements(built))]).builder == FACTS.builder


@given(st.binary(max_size=200))
def test_any_bytes_are_no_proof(data):
    with pytest.raises(SignatureRefused):
        verify(candidate(), [data])


def test_the_build_signs_nothing_foreign():
    built, other = candidate(), candidate(digits="34")
    with pytest.raises(BadInput, match="verdict is not of links/api"):
        scan_verdict(built.images["api"], verdict(other, "api"))
    with pytest.raises(BadInput, match="is no CycloneDX document"):
        sbom(built.images["api"], {"bomFormat": "SPDX"})


def stored(*attachments):
    return {blob.digest: blob.data for found in attachments for blob in found.blobs}


def test_what_is_attached_is_read_back():
    built = candidate()
    envelopes = signed(statements(built))
    attachment = attach([*envelopes, envelopes[0]])
    assert read_attachment(attachment.manifest, stored(attachment).__getitem__) == envelopes
    assert attachment_tag(built.digest) == f"sha256-{built.digest[7:]}.att"
    annotations = [layer["annotations"] for layer in json.loads(attachment.manifest)["layers"]]
    assert annotations[0]["predicateType"] == "https://slsa.dev/provenance/v1"


def test_attestations_are_only_added():
    first, second, third = signed(statements(candidate()))[:3]
    before = attach([first, second])
    after = attach([second, third], before.manifest)
    blobs = stored(before, after)
    assert read_attachment(after.manifest, blobs.__getitem__) == [first, second, third]
    assert [blob.data for blob in after.blobs[1:]] == [third]
    assert attach([third], after.manifest).manifest == after.manifest


def test_changed_attachments_are_called_tampering():
    """F4: the registry holds other bytes."""
    attachment = attach(signed(statements(candidate())))
    with pytest.raises(Tampered, match="was changed in the registry"):
        read_attachment(attachment.manifest, lambda digest: b"{}")


@pytest.mark.parametrize("envelope", [b"", b"[]", b"{}", b'{"payload":1}', b'{"payload":"e30="}'])
def test_only_statements_are_attached(envelope):
    with pytest.raises(BadInput):
        attach([envelope])


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"{}",
        b'{"_type":"https://in-toto.io/Statement/v1","subject":[],"predicateType":"x","predicate":{}}',
    ],
)
def test_refuses_what_is_no_statement(payload):
    with pytest.raises(BadInput):
        parse_statement(payload)


def test_a_statement_is_read_back():
    found = provenance(candidate(), FACTS)
    assert parse_statement(found.payload()) == found
    assert isinstance(found, Statement)


@pytest.mark.skipif(not shutil.which("openssl"), reason="openssl is the other implementation")
def test_another_implementation_verifies_the_same_bytes(tmp_path):
    """The pre-authentication encoding written out by hand, the signature checked by openssl."""
    envelope = json.loads(signed(statements(candidate()))[0])
    payload = base64.b64decode(envelope["payload"])
    message = b"DSSEv1 28 application/vnd.in-toto+json %d %b" % (len(payload), payload)
    files = {"m": message, "s": base64.b64decode(envelope["signatures"][0]["sig"])}
    files["k"] = public_pem(KEY.public_key())
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
    command = ["openssl", "pkeyutl", "-verify", "-pubin", "-inkey", "k", "-rawin"]
    found = subprocess.run(
        [*command, "-in", "m", "-sigfile", "s"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (found.returncode, found.stdout.strip()) == (0, "Signature Verified Successfully")
