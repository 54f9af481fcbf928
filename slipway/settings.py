"""Settings from the environment: `SLIPWAY_...` for the tier that runs, `SLIPWAY_BUILD_...` for the
tier that builds. The two are read by two classes and never together.
"""

import getpass
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, AnyHttpUrl, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from slipway.errors import BadInput, Refused
from slipway.names import Actor, check_repository


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
        registry: host and port of the registry; candidates come from no other.
        registry_username, registry_password: to pull from it.
        kubeconfig, kube_context: the cluster of `platform: kubernetes`; in a pod its own service
            account, elsewhere kubectl's default, unless given.
        helm: the program that installs charts, Helm 3 or 4.
        analysis_hosts: servers that analyses may ask, as HOST or HOST:PORT, separated by commas.
        secrets: where runtime secrets live: `prefect`, `files:FOLDER`, or with the name of a block
            `aws-secrets-manager:BLOCK`, `aws-parameter-store:BLOCK`, `vault:BLOCK`.
    """

    model_config = SettingsConfigDict(
        env_prefix="SLIPWAY_", env_file=None, extra="ignore", hide_input_in_errors=True
    )

    state: Path = Path(".slipway")
    ledger: Path | None = None
    checkpoints: Path | None = None
    allowed_signers: Path | None = None
    trusted_keys: Path | None = None
    actor: Actor = Field(default_factory=getpass.getuser)
    registry: str | None = None
    docker_host: str | None = None
    kubeconfig: Path | None = None
    kube_context: str | None = None
    helm: str = "helm"
    analysis_hosts: str = ""
    secrets: str = "prefect"

    def login_for(self, host: str) -> tuple[str, SecretStr] | None:
        """User name and password for that registry, or None for anonymous.

        Whoever may start a release names a registry: a login goes to its own alone.

        Raises:
            Refused: another registry than this installation's.
            BadInput: there is a login, and no registry that it belongs to.
        """
        login = self.registry_login()
        if self.registry is not None and host != self.registry:
            raise Refused(
                "the candidate lies in another registry than this installation's",
                found=ascii(host[:80]),
                allowed=self.registry,
                next_step="copy the candidate there, or set SLIPWAY_REGISTRY",
            )
        if login and self.registry is None:
            raise BadInput(
                "SLIPWAY_REGISTRY is not set, so the registry's login belongs to none",
                allowed="host and port, as in 127.0.0.1:5055",
            )
        return login

    def registry_login_of(self, host: str) -> tuple[str, SecretStr] | None:
        """The login of this installation's registry; None for every other one."""
        return self.registry_login() if host == self.registry else None

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


def _check_registry(value: str) -> str:
    try:
        check_repository(f"{value}/any")
    except BadInput:
        # What was given is not told: people put passwords into such addresses.
        raise BadInput(
            "not a registry", allowed="HOST or HOST:PORT, as in 127.0.0.1:5055"
        ) from None
    return value


class BuildSettings(RegistryLogin):
    """What the agent that builds needs; these values never leave its process.

    Attributes:
        registry: host and port to push to.
        insecure: that registry speaks plain http although it is not on loopback.
        signing_key: PEM file of the Ed25519 key that signs attestations.
        trusted_keys: public keys whose earlier work counts as well, after a change of the key.
        builder_id: URI that names this builder in provenance.
        docker_host: engine that builds, as DOCKER_HOST has it.
        secrets_dir: folder with one file for each `build_secrets` id of the app files.
        minutes: longest time of one image's build, of one test command and of one scan.
    """

    model_config = SettingsConfigDict(
        env_prefix="SLIPWAY_BUILD_", env_file=None, extra="ignore", hide_input_in_errors=True
    )

    registry: Annotated[str, AfterValidator(_check_registry)]
    insecure: bool = False
    signing_key: Path
    trusted_keys: Path | None = None
    builder_id: AnyHttpUrl = AnyHttpUrl("https://slipway.invalid/builders/local")
    trivy: str = "trivy"
    trivy_cache: Path | None = None
    docker_host: str | None = None
    secrets_dir: Path | None = None
    minutes: Annotated[float, Field(gt=0, le=24 * 60)] = 30

    @property
    def trivy_cache_folder(self) -> Path:
        """Where Trivy keeps its database."""
        return self.trivy_cache or Path.home() / ".cache" / "trivy"


def build_settings(**given: Any) -> BuildSettings:
    """The build tier's settings; what is given wins over the environment.

    Raises:
        BadInput: a variable is missing or wrong; only names are told, never values.
    """
    try:
        return BuildSettings(**given)
    except ValidationError as error:
        found = [(str(e["loc"][0]).upper(), e["msg"]) for e in error.errors(include_input=False)]
        raise BadInput(
            "the build tier is not set up",
            found="; ".join(f"SLIPWAY_BUILD_{name}: {what}" for name, what in found),
            next_step="set them in the agent's credentials; `slipway up` writes a build.env",
            stage="checkout",
        ) from None
