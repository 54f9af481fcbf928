"""A registry as operators save it: where it is, and a login that may pull."""

from prefect.blocks.core import Block
from pydantic import Field, SecretStr

from blocks.registries.oci import Registry
from blocks.registries.transport import Credentials, Transport


class OciRegistry(Block):
    """An OCI registry that candidates and images are pulled from.

    A login that may push belongs to the tier that builds, never into a block.
    """

    _block_type_name = "Slipway OCI registry"
    _block_type_slug = "slipway-oci-registry"
    _description = "Pulls candidates, attestations and images by digest."

    host: str = Field(
        title="Host",
        description="Host and port, as references name them. Plain http only on loopback.",
        examples=["registry.example.com", "127.0.0.1:5055"],
        pattern=r"^[A-Za-z0-9.\[\]:-]+$",
    )
    username: str | None = Field(
        default=None,
        title="User",
        description="Who pulls; anonymous where empty.",
        examples=["puller"],
    )
    password: SecretStr | None = Field(
        default=None,
        title="Password",
        description="Password or token of that user; it needs to pull, not to push.",
    )
    insecure: bool = Field(
        default=False,
        title="Plain http",
        description="Speak http although the registry is not on loopback.",
    )
    token_hosts: list[str] = Field(
        default_factory=list,
        title="Token servers",
        description="Other hosts that the registry may send its login to for a token.",
        examples=[["auth.example.com"]],
    )

    def connect(self) -> Registry:
        """A connection; the caller closes it."""
        login = None
        if self.username and self.password:
            login = Credentials(self.username, self.password)
        trusted = frozenset(self.token_hosts)
        return Registry(Transport(self.host, login, insecure=self.insecure, token_hosts=trusted))
