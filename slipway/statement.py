"""In-toto statements about a candidate: what was built how, what is in it, what a scan found.

Formats: in-toto Statement v1, SLSA provenance v1 (https://slsa.dev/provenance/v1), CycloneDX
(https://cyclonedx.org/bom), and the scan verdict of `slipway.scan` under a type of our own.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError

from slipway.candidate import Candidate
from slipway.canonical import JsonObject
from slipway.errors import BadInput
from slipway.names import Reference
from slipway.oci import not_ours
from slipway.release import Frozen
from slipway.scan import Verdict

STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
PROVENANCE_TYPE = "https://slsa.dev/provenance/v1"
SBOM_TYPE = "https://cyclonedx.org/bom"
VERDICT_TYPE = "urn:slipway:scan-verdict:v1"
BUILD_TYPE = "urn:slipway:build:image-set:v1"

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class Subject(Frozen):
    """What a statement speaks of: a repository's path and a digest in it."""

    name: Annotated[str, Field(min_length=1, max_length=255)]
    digest: Annotated[dict[Literal["sha256"], Sha256], Field(min_length=1)]


class _Envelope(Frozen):
    type_: Annotated[Literal["https://in-toto.io/Statement/v1"], Field(alias="_type")]
    subject: Annotated[tuple[Subject, ...], Field(min_length=1, max_length=64)]
    predicateType: str  # noqa: N815 - the specification's name
    predicate: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Statement:
    """A predicate about exactly these subjects.

    Attributes:
        subjects: repository path to digest (`sha256:...`).
    """

    subjects: Mapping[str, str]
    predicate_type: str
    predicate: JsonObject

    def payload(self) -> bytes:
        """The bytes that are signed."""
        value = {
            "_type": STATEMENT_TYPE,
            "subject": [
                {"name": name, "digest": {"sha256": digest.removeprefix("sha256:")}}
                for name, digest in sorted(self.subjects.items())
            ],
            "predicateType": self.predicate_type,
            "predicate": self.predicate,
        }
        return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()


def parse_statement(payload: bytes) -> Statement:
    """A statement out of an envelope's payload.

    Raises:
        BadInput: no statement, or two subjects of one name.
    """
    try:
        found = _Envelope.model_validate_json(payload, strict=True)
    except ValidationError as error:
        raise not_ours("the statement", error) from None
    subjects = {item.name: "sha256:" + item.digest["sha256"] for item in found.subject}
    if len(subjects) != len(found.subject):
        raise BadInput("the statement names a subject twice", found=ascii(sorted(subjects)))
    return Statement(subjects, found.predicateType, found.predicate)


class Dependency(Frozen):
    """Something the build took in: a base image, a frontend."""

    uri: str
    digest: str


class BuildFacts(Frozen):
    """How a candidate was built.

    Attributes:
        builder: URI of who built it; the key that signs is the one enrolled for it.
        invocation: names the run, as a flow run's id or a build number.
        dependencies: base images and other inputs, by digest.
        tools: name to version of what was used.
    """

    builder: str
    invocation: str
    started: datetime
    finished: datetime
    dependencies: tuple[Dependency, ...] = ()
    tools: dict[str, str] = Field(default_factory=dict)


def subjects_of(candidate: Candidate) -> dict[str, str]:
    """The candidate and every image in it, by repository path."""
    return subject(candidate.reference) | {
        image.path: image.digest for image in candidate.images.values()
    }


def subject(reference: Reference) -> dict[str, str]:
    """One subject; the registry's host is left out, since a copy elsewhere is the same thing."""
    return {reference.path: reference.digest}


def provenance(candidate: Candidate, facts: BuildFacts) -> Statement:
    """Who built the candidate and all its images, from which commit, with what."""
    source = candidate.source
    commit = {"uri": f"git+{source.repository}", "digest": {"gitCommit": source.revision}}
    inputs = [{"uri": d.uri, "digest": _digest_set(d.digest)} for d in facts.dependencies]
    definition = {
        "buildType": BUILD_TYPE,
        "externalParameters": {
            "source": {"repository": source.repository, "revision": source.revision},
            "appfile": candidate.contents.appfile.digest,
            "images": sorted(candidate.images),
        },
        "internalParameters": {},
        "resolvedDependencies": [commit, *inputs],
    }
    run = {
        "builder": {"id": facts.builder, "version": dict(facts.tools)},
        "metadata": {
            "invocationId": facts.invocation,
            "startedOn": _time(facts.started),
            "finishedOn": _time(facts.finished),
        },
    }
    predicate = {"buildDefinition": definition, "runDetails": run}
    return Statement(subjects_of(candidate), PROVENANCE_TYPE, predicate)


def sbom(image: Reference, document: JsonObject) -> Statement:
    """What is in an image.

    Raises:
        BadInput: the document is no CycloneDX SBOM.
    """
    if document.get("bomFormat") != "CycloneDX" or not document.get("specVersion"):
        raise BadInput(
            f"SBOM of {image.path} is no CycloneDX document",
            found=ascii(str(document.get("bomFormat"))[:60]),
            allowed="bomFormat CycloneDX with a specVersion",
        )
    return Statement(subject(image), SBOM_TYPE, document)


def scan_verdict(image: Reference, verdict: Verdict) -> Statement:
    """What the scan of an image said.

    Raises:
        BadInput: the verdict speaks of another digest.
    """
    if verdict.digest != image.digest:
        raise BadInput(
            f"verdict is not of {image.path}", found=verdict.digest, allowed=image.digest
        )
    return Statement(subject(image), VERDICT_TYPE, verdict.model_dump(mode="json"))


def _digest_set(digest: str) -> dict[str, str]:
    algorithm, _, value = digest.partition(":")
    return {algorithm: value}


def _time(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
