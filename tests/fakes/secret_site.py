"""A site in memory whose every target has a secret store of its own."""

from dataclasses import dataclass, field
from pathlib import Path

from pydantic import SecretStr

from slipway.history import serving_release
from slipway.release import Target
from slipway.settings import RuntimeSettings
from tests.fakes.secrets import MemorySecrets
from tests.fakes.site import Site

APPFILE = """
app: shop
images: {web: {port: 8000}}
secrets:
  database-url: {format: url, owner: team-data, maximum_age_days: 90}
  api-keys: {format: list, owner: team-api}
environments:
  dev: {port: 8101, gate: {approvals: 0}}
  prod: {port: 8103, gate: {approvals: 0}}
"""


@dataclass(frozen=True)
class SecretSite(Site):
    """Attributes: stores, the secret store of each target."""

    stores: dict[Target, MemorySecrets] = field(default_factory=dict)

    def secrets(self, target: Target) -> MemorySecrets:
        return self.stores.setdefault(target, MemorySecrets())

    def vault(self, environment: str) -> MemorySecrets:
        return self.secrets(Target(app="shop", environment=environment))

    def put(self, environment: str, **values: str) -> None:
        """Write secrets; underscores in the names stand for dashes."""
        for name, value in values.items():
            self.vault(environment).write(name.replace("_", "-"), SecretStr(value))

    async def deploy(self, environment: str, version: str = "a") -> None:
        candidate = self.candidate(self.push(version, APPFILE))
        release = self.release(candidate, environment, "ci")
        await release.engine().deploy(release.order())

    def serving(self, environment: str) -> dict[str, str]:
        """Versions that serve, by name."""
        target = Target(app="shop", environment=environment)
        found = serving_release(self.ledger(target).records())
        return dict(found.spec.secrets) if found else {}


def make_secret_site(folder: Path) -> SecretSite:
    """A site in an empty folder."""
    return SecretSite(RuntimeSettings(state=folder, actor="robot"))
