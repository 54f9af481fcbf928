"""Manifests beside the ledger: kept before a release, found again by a rollback.

A specification names its manifests by digest, and is on record; the bytes lie under that digest in
the store of the chain. So a rollback needs the ledger and the target, and no registry.
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
    """Reads the manifests of specifications."""

    store: LedgerStore

    def keep(self, spec: ReleaseSpec, bundle: bytes) -> None:
        """Keep the manifests that the specification names; before anything refers to them.

        Raises:
            Unreachable: the store cannot be written.
        """
        self.store.keep_evidence(spec.target, bundle)

    def __call__(self, spec: ReleaseSpec) -> tuple[ManifestFile, ...]:
        """The manifests of a specification; none where its objects are generated.

        Raises:
            WayBackMissing: they are gone.
            LedgerTampered: they are other bytes than the specification names.
        """
        digest = spec.kubernetes.manifests if spec.kubernetes else None
        if digest is None:
            return ()
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
        return unpack(data)


@runtime_checkable
class ReadsManifests(Protocol):
    """A platform that applies manifests, once it is told how to read those of a specification."""

    def reading(self, bundles: Bundles) -> Platform:
        """The same platform, with the reader."""


def refuse_unread(platform: Platform, name: str, spec: ReleaseSpec) -> None:
    """Refuse manifests on a platform that would pass them over.

    Raises:
        BadInput: the specification names manifests and the platform reads none.
    """
    named = spec.kubernetes.manifests if spec.kubernetes else None
    if named and not isinstance(platform, ReadsManifests):
        raise BadInput(
            f"platform {name} applies no manifests",
            found=f"manifests {short_digest(named)} of {spec.target}",
            allowed="a platform that does",
            next_step="take `manifests` out of the app file, or name another platform",
        )
