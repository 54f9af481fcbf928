"""An installation in memory: candidates and platforms, with a real ledger in a directory."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from blocks.compose import Door, Installation, Release
from slipway.candidate import Candidate, Source, build_candidate
from slipway.errors import ImageMissing
from slipway.execution import Tools
from slipway.names import Reference
from slipway.opening import Admitted
from slipway.release import Target
from slipway.settings import RuntimeSettings
from tests.fakes.platform import MemoryPlatform

APPFILE = """
app: shop
images:
  web:
    port: 8000
environments:
  dev: {port: 8101, gate: {approvals: 0}}
  stage: {port: 8102, gate: {approvals: 0}, drill: {budget: 10s}}
  prod: {port: 8103, gate: {approvals: 1, timeout: 60s}}
"""


def make_candidate(version: str, appfile: str = APPFILE) -> Candidate:
    """A candidate whose image digest is the version repeated."""
    image = Reference("registry.example/shop/web", f"sha256:{version * 64}")
    source = Source(
        repository="https://git.example/shop.git",
        revision=version * 40,
        author="Dora <dora@example.org>",
    )
    return build_candidate(appfile.encode(), source, {"web": image})


class TrustingRelease(Release):
    """A release whose supply chain was looked at elsewhere."""

    def _supply(self, order: object) -> Admitted:
        built = self.installation.build_time(str(self.candidate.reference))
        return Admitted(facts=("supply chain not looked at",), built=built)


@dataclass(frozen=True)
class Site(Installation):
    """Attributes: known, the candidates of the registry; places, one platform for each target."""

    known: dict[str, Candidate] = field(default_factory=dict)
    places: dict[Target, MemoryPlatform] = field(default_factory=dict)
    lease_seconds: float = 1.0

    def push(self, version: str, appfile: str = APPFILE) -> str:
        """Put a candidate into the registry; its reference."""
        candidate = make_candidate(version, appfile)
        self.known[str(candidate.reference)] = candidate
        return str(candidate.reference)

    def place(self, environment: str) -> MemoryPlatform:
        target = Target(app="shop", environment=environment)
        return self.places.setdefault(target, MemoryPlatform())

    def candidate(self, reference: str) -> Candidate:
        if reference not in self.known:
            raise ImageMissing(f"registry does not hold {reference}")
        return self.known[reference]

    def build_time(self, reference: str) -> str | None:
        """By their versions: a was built before b."""
        return f"2026-01-01T00:00:{int(self.candidate(reference).source.revision[0], 16):02d}Z"

    def tools(
        self, target: Target, platform: str, door: Door, namespace: str | None = None
    ) -> Tools:
        opened = replace(self, platforms=self._open(target))
        real = Installation.tools(opened, target, platform, door, namespace)
        return replace(real, lease_seconds=self.lease_seconds)

    def release(
        self, candidate: Candidate, environment: str, requested_by: str, door: Door | None = None
    ) -> Release:
        real = Installation.release(self, candidate, environment, requested_by, door)
        return TrustingRelease(
            real.installation,
            real.candidate,
            real.target,
            real.place,
            real.requested_by,
            real.door,
        )

    def _open(self, target: Target) -> Callable[[RuntimeSettings, str], MemoryPlatform]:
        return lambda settings, name: self.place(target.environment)


def make_site(folder: Path, signers: Path | None = None) -> Site:
    """A site in an empty folder."""
    settings = RuntimeSettings(state=folder, allowed_signers=signers, actor="robot")
    return Site(settings)
