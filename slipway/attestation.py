"""Attestations of a candidate, verified before anything is deployed.

A statement counts where a trusted key signed it and it speaks of exactly the candidate's digests.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from slipway.candidate import Candidate
from slipway.canonical import canonical_json, sha256_digest
from slipway.dsse import IN_TOTO, unseal
from slipway.errors import BadInput, ScanFailed, ScanRefused, SignatureRefused
from slipway.names import Reference
from slipway.scan import Verdict, parse_verdict, policy_digest, refuse_failing
from slipway.statement import (
    BUILD_TYPE,
    PROVENANCE_TYPE,
    SBOM_TYPE,
    VERDICT_TYPE,
    Statement,
    parse_statement,
    subject,
    subjects_of,
)

_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")


@dataclass(frozen=True, slots=True)
class Expectations:
    """What attestations must say beyond being signed.

    Attributes:
        today: the day of the release.
        builders: builder ids that count; every builder with a trusted key where empty.
        verdict_maximum_age: a verdict older than this proves nothing any more.
    """

    today: date
    builders: tuple[str, ...] = ()
    verdict_maximum_age: timedelta = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Evidence:
    """What was proved about a candidate.

    Attributes:
        builder: id of who built it.
        verdicts: image name to the verdict that counts.
        facts: the proofs, one a line, for people and the ledger.
        envelopes: digest of every envelope that counted.
        began: when the candidate was built first, RFC 3339; None where its provenance is silent.
    """

    builder: str
    verdicts: Mapping[str, Verdict]
    facts: tuple[str, ...] = ()
    envelopes: tuple[str, ...] = field(default=())
    began: str | None = None


@dataclass(frozen=True, slots=True)
class _Verified:
    statement: Statement
    digest: str


def verify_attestations(
    candidate: Candidate,
    envelopes: Sequence[bytes],
    keys: Sequence[Ed25519PublicKey],
    expectations: Expectations,
) -> Evidence:
    """Prove that a trusted builder built, listed and scanned exactly what the candidate names.

    Raises:
        SignatureRefused: no trusted signature, or none that speaks of these digests, this commit
            and an expected builder; the evidence says what each envelope lacked.
        ScanRefused: a verdict is missing, failing, too old, or made by another policy.
    """
    verified, lacking = _partition(envelopes, keys)
    build = _provenance(candidate, verified, lacking, expectations)
    sboms = [_sbom(image, verified, lacking) for image in candidate.images.values()]
    chosen = {name: _verdict(candidate, name, verified, expectations) for name in candidate.images}
    verdicts = {name: verdict for name, (verdict, _) in chosen.items()}
    refuse_failing(list(verdicts.values()))
    builder = str(_at(build.statement.predicate, "runDetails", "builder", "id"))
    facts = [
        f"built by {builder} from {candidate.source.revision[:12]}",
        f"provenance, SBOM and verdict signed for {len(candidate.images)} images",
        *(f"scan of {name} passes: {_summary(verdict)}" for name, verdict in verdicts.items()),
        *(f"{name}: {w}" for name, verdict in verdicts.items() for w in verdict.warnings),
    ]
    counted = [build, *sboms, *(item for _, item in chosen.values())]
    digests = tuple(item.digest for item in counted)
    return Evidence(builder, verdicts, tuple(facts), digests, _began(candidate, verified))


def build_began(
    candidate: Candidate, envelopes: Sequence[bytes], keys: Sequence[Ed25519PublicKey]
) -> str | None:
    """When a trusted builder built the candidate first, RFC 3339; None where none says so.

    Scans are not looked at: what served may be ordered by its build long after its verdict ran out.
    """
    return _began(candidate, _partition(envelopes, keys)[0])


def _began(candidate: Candidate, verified: Sequence[_Verified]) -> str | None:
    """The earliest of several: a source is as old as its first build."""
    expected = Expectations(today=date.min)
    told = [
        _at(item.statement.predicate, "runDetails", "metadata", "startedOn")
        for item in verified
        if item.statement.predicate_type == PROVENANCE_TYPE
        and _provenance_lacks(candidate, item.statement, expected) is None
    ]
    return min((str(moment) for moment in told if _is_moment(moment)), default=None)


def _is_moment(value: object) -> bool:
    return isinstance(value, str) and bool(_MOMENT.fullmatch(value))


def _partition(
    envelopes: Sequence[bytes], keys: Sequence[Ed25519PublicKey]
) -> tuple[list[_Verified], list[str]]:
    """Statements that a trusted key signed, and why the others do not count."""
    verified, lacking = [], []
    for data in envelopes:
        try:
            statement = parse_statement(unseal(data, IN_TOTO, keys))
            verified.append(_Verified(statement, sha256_digest(data)))
        except (SignatureRefused, BadInput) as error:
            lacking.append(f"envelope {sha256_digest(data)[7:19]}: {error}")
    return verified, lacking


def _provenance(
    candidate: Candidate, verified: list[_Verified], lacking: list[str], expected: Expectations
) -> _Verified:
    reasons = list(lacking)
    for item in verified:
        if item.statement.predicate_type == PROVENANCE_TYPE:
            reason = _provenance_lacks(candidate, item.statement, expected)
            if reason is None:
                return item
            reasons.append(f"provenance {item.digest[7:19]}: {reason}")
    raise _refused(f"candidate {candidate.reference.short} has no valid provenance", reasons)


def _provenance_lacks(
    candidate: Candidate, statement: Statement, expected: Expectations
) -> str | None:
    """The first thing that the provenance says of something else, or None."""
    external = _at(statement.predicate, "buildDefinition", "externalParameters")
    source = candidate.source
    said = {"repository": source.repository, "revision": source.revision}
    builder = _at(statement.predicate, "runDetails", "builder", "id")
    checks = {
        "it names other digests": statement.subjects == subjects_of(candidate),
        "it is of another build type": _at(statement.predicate, "buildDefinition", "buildType")
        == BUILD_TYPE,
        "it names another commit": _at(external, "source") == said,
        "it names another app file": _at(external, "appfile") == candidate.contents.appfile.digest,
        f"builder {builder!a} is not expected": isinstance(builder, str)
        and (not expected.builders or builder in expected.builders),
    }
    return next((reason for reason, holds in checks.items() if not holds), None)


def _sbom(image: Reference, verified: list[_Verified], lacking: list[str]) -> _Verified:
    for item in _about(image, SBOM_TYPE, verified):
        if item.statement.predicate.get("bomFormat") == "CycloneDX":
            return item
    raise _refused(f"image {image.path} has no signed SBOM", lacking)


def _verdict(
    candidate: Candidate, name: str, verified: list[_Verified], expected: Expectations
) -> tuple[Verdict, _Verified]:
    """The newest verdict of the image; of two of one day the failing one."""
    image = candidate.images[name]
    found = [(_read(item), item) for item in _about(image, VERDICT_TYPE, verified)]
    own = [pair for pair in found if (pair[0].image, pair[0].digest) == (name, image.digest)]
    if not own:
        raise ScanRefused(
            f"image {name} has no signed scan verdict",
            found=f"{len(found)} verdicts, none of {image.digest}",
            next_step="run the scan again for this candidate",
        )
    newest = max(own, key=lambda pair: (pair[0].judged, not pair[0].passed))
    if reason := _verdict_lacks(candidate, newest[0], expected):
        raise ScanRefused(
            f"scan verdict of {name} does not count: {reason}",
            next_step="run the scan again for this candidate",
        )
    return newest


def _verdict_lacks(candidate: Candidate, verdict: Verdict, expected: Expectations) -> str | None:
    age = expected.today - verdict.judged
    ended = [s for s in verdict.suppressed if s.expires < expected.today]
    if verdict.policy != policy_digest(candidate.appfile.scan):
        return "it was made by another policy than the app file's"
    if age > expected.verdict_maximum_age:
        return f"it is {age.days} days old, allowed are {expected.verdict_maximum_age.days}"
    if age < -timedelta(days=1):
        return f"it is dated {-age.days} days ahead"
    if ended:
        return f"the suppression of {ended[0].finding.id} ended {ended[0].expires}"
    return None


def _about(image: Reference, kind: str, verified: list[_Verified]) -> list[_Verified]:
    wanted = (kind, subject(image))
    return [v for v in verified if (v.statement.predicate_type, v.statement.subjects) == wanted]


def _read(item: _Verified) -> Verdict:
    try:
        return parse_verdict(canonical_json(item.statement.predicate))
    except (ScanFailed, BadInput) as error:
        raise ScanRefused(f"a signed scan verdict cannot be read: {error}") from None


def _summary(verdict: Verdict) -> str:
    counts = ", ".join(f"{count} {severity}" for severity, count in verdict.counts.items())
    return f"{counts or 'no findings'}, database of {verdict.database.updated.date()}"


def _at(value: object, *path: str) -> object:
    for part in path:
        value = value.get(part) if isinstance(value, dict) else None
    return value


def _refused(message: str, reasons: Sequence[str]) -> SignatureRefused:
    return SignatureRefused(
        message,
        found=reasons[0] if reasons else "no attestations at all",
        evidence=reasons,
        next_step="push the candidate with the build's signing key; trust its public key here",
    )
