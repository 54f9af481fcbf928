"""Settings from the environment: `SLIPWAY_...` for the tier that runs, `SLIPWAY_BUILD_...` for the
tier that builds. The two are read by two classes and never together.
"""

import getpass
from pathlib import Path

from pydantic import AnyHttpUrl, Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from slipway.names import Actor


class RegistryLogin(BaseSettings):
    """User name, and a password given as value or, better, as a file."""

    registry_username: str | None = None
    registry_password: SecretStr | None = None
    registry_password_file: Path | None = None

    def registry_login(self) -> tuple[str, SecretStr] | None:
        """User name and password, or None for anonymous."""
        if self.registry_username is None:
            return None
        password = self.registry_password
        if password is None and self.registry_password_file:
            password = SecretStr(self.registry_password_file.read_text().strip())
        return (self.registry_username, password) if password else None


class RuntimeSettings(RegistryLogin):
    """What a worker, an operator's command line and the keeper need.

    Attributes:
        state: folder of this installation.
        ledger: folder of the ledger; `state/ledger` unless given.
        checkpoints: folder of signed checkpoints, best on another disk.
        allowed_signers: OpenSSH allowed-signers file; who may approve what.
        trusted_keys: folder of public keys whose attestations count.
        registry_username, registry_password: to pull images and candidates.
        secrets: where runtime secrets live: `prefect`, or `files:FOLDER`.
    """

    model_config = SettingsConfigDict(env_prefix="SLIPWAY_", env_file=None, extra="ignore")

    state: Path = Path(".slipway")
    ledger: Path | None = None
    checkpoints: Path | None = None
    allowed_signers: Path | None = None
    trusted_keys: Path | None = None
    actor: Actor = Field(default_factory=getpass.getuser)
    docker_host: str | None = None
    secrets: str = "prefect"

    @property
    def ledger_folder(self) -> Path:
        """Where the chains are."""
        return self.ledger or self.state / "ledger"

    @property
    def checkpoint_folder(self) -> Path:
        """Where signed checkpoints are kept."""
        return self.checkpoints or self.state / "checkpoints"

    @property
    def allowed_signers_file(self) -> Path:
        """Who may approve what."""
        return self.allowed_signers or self.state / "allowed_signers"

    @property
    def trusted_keys_folder(self) -> Path:
        """Public keys of the builders that count."""
        return self.trusted_keys or self.state / "trusted-keys"

    @property
    def receipt_key(self) -> Path:
        """Private key that signs receipts and checkpoints; made at first use, mode 0600."""
        return self.state / "keys" / "receipt.pem"


class BuildSettings(RegistryLogin):
    """What the agent that builds needs; these values never leave its process.

    Attributes:
        registry: host and port to push to.
        signing_key: PEM file of the Ed25519 key that signs attestations.
        builder_id: URI that names this builder in provenance.
    """

    model_config = SettingsConfigDict(env_prefix="SLIPWAY_BUILD_", env_file=None, extra="ignore")

    registry: str
    signing_key: Path
    builder_id: AnyHttpUrl = AnyHttpUrl("https://slipway.invalid/builders/local")
    trivy: str = "trivy"
    trivy_cache: Path | None = None
