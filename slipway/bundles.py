"""Manifests and charts beside the ledger: kept before a release, found again by a rollback.

A specification names its manifests or its chart by digest, and is on record; the bytes lie under
that digest in the store of the chain. So a rollback needs the ledger and the target, no registry.
"""

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from slipway.canonical import sha256_digest
from slipway.errors import BadInput, LedgerTampered, WayBackMissing
from slipway.ledger import LedgerStore
from slipway.manifests import ManifestFile, unpack
from slipway.names import short_digest
from slipway.platform import Platform
from slipway.release import ReleaseSpec


@dataclass(frozen=True, slots=True)
class Bundles:
    """Reads the manifests and charts of specifications."""

    store: LedgerStore

    def keep(self, spec: ReleaseSpec, bundle: bytes) -> None:
        """Keep what the specification names by digest, before anything refers to it.

        Raises:
            Unreachable: the store cannot be written.
        """
        self.store.keep_evidence(spec.target, bundle)

    def __call__(self, spec: ReleaseSpec) -> tuple[ManifestFile, ...]:
        """The manifests of a specification; none where it has no folder of them.

        Raises:
            WayBackMissing: they are gone.
            LedgerTampered: they are other bytes than the specification names.
        """
        digest = spec.kubernetes.manifests if spec.kubernetes else None
        return unpack(self._read(spec, digest)) if digest else ()

    def chart(self, spec: ReleaseSpec) -> bytes | None:
        """The packed chart of a specification, as `helm install` takes it; None without one.

        Raises:
            WayBackMissing, LedgerTampered: as for manifests.
        """
        digest = spec.kubernetes.chart if spec.kubernetes else None
        return self._read(spec, digest) if digest else None

    def _read(self, spec: ReleaseSpec, digest: str) -> bytes:
        data = self.store.read_evidence(spec.target, digest)
        if data is None:
            raise WayBackMissing(
                f"the manifests of release {spec.id} are gone",
                found=f"no evidence {short_digest(digest)} beside the ledger of {spec.target}",
                allowed="what the release kept there",
                next_step="restore the ledger with its evidence from its last good copy",
            )
        if sha256_digest(data) != digest:
            raise LedgerTampered(
                f"the manifests of release {spec.id} were changed beside the ledger",
                found=sha256_digest(data),
                allowed=digest,
                next_step="slipway audit verify; restore the ledger from its last good copy",
            )
        return data


@runtime_checkable
class ReadsManifests(Protocol):
    """A platform that applies manifests, once it is told how to read those of a specification."""

    def reading(self, bundles: Bundles) -> Platform:
        """The same platform, with the reader."""


@runtime_checkable
class InstallsCharts(ReadsManifests, Protocol):
    """A platform that installs charts as well."""

    installs_charts: bool


def refuse_unread(platform: Platform, name: str, spec: ReleaseSpec) -> None:
    """Refuse manifests and charts on a platform that would pass them over.

    Raises:
        BadInput: the specification names some and the platform takes none.
    """
    for key, takes in (("manifests", ReadsManifests), ("chart", InstallsCharts)):
        named = getattr(spec.kubernetes, key, None)
        if named and not isinstance(platform, takes):
            raise BadInput(
                f"platform {name} takes no {key}",
                found=f"{key} {short_digest(named)} of {spec.target}",
                allowed="a platform that does",
                next_step=f"take `{key}` out of the app file, or name another platform",
            )
