"""Where one local stack lives and which ports it takes; two stacks never share either."""

import os
from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

PROJECT = Path(__file__).parents[3]


def default_state() -> Path:
    """SLIPWAY_STACK_STATE, SLIPWAY_STATE, else `.slipway` in the checkout."""
    named = (os.environ.get(name) for name in ("SLIPWAY_STACK_STATE", "SLIPWAY_STATE"))
    return Path(next(filter(None, named), PROJECT / ".slipway")).absolute()


def default_cache() -> Path:
    """Slipway's folder in the user's cache."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "slipway"


class StackSettings(BaseSettings):
    """One local stack; each field can be set as SLIPWAY_STACK_<FIELD>.

    Attributes:
        name: prefix of its containers; also what tells two stacks apart in one engine.
        state: its folder: registry and Prefect data, ledger, secrets, logs.
        cache: downloads that stacks share.
        registry_port, prefect_port: TCP ports on 127.0.0.1.
        pool: Prefect work pool.
        deploy: whether `up` registers the flows of prefect.yaml.
        deadline: seconds that each service has to become ready.
        kubeconfig, kube_context: the cluster that the worker releases to, where one is named.
    """

    model_config = SettingsConfigDict(env_prefix="SLIPWAY_STACK_", extra="forbid", frozen=True)

    name: str = Field(default="slipway", pattern=r"^[a-z][a-z0-9-]{0,30}$")
    state: Path = Field(default_factory=default_state)
    cache: Path = Field(default_factory=default_cache)
    registry_port: int = Field(default=5055, ge=1024, le=65535)
    prefect_port: int = Field(default=4200, ge=1024, le=65535)
    pool: str = "slipway"
    deploy: bool = True
    deadline: float = Field(default=90, gt=0)
    kubeconfig: Path | None = None
    kube_context: str | None = None

    @property
    def registry(self) -> str:
        """Host and port of the registry."""
        return f"127.0.0.1:{self.registry_port}"

    @property
    def prefect_url(self) -> str:
        """Where people look."""
        return f"http://127.0.0.1:{self.prefect_port}"

    @property
    def prefect_api(self) -> str:
        """PREFECT_API_URL."""
        return f"{self.prefect_url}/api"

    @property
    def cluster_environment(self) -> dict[str, str]:
        """Variables that name the cluster; none where none is named."""
        named = {
            "SLIPWAY_KUBECONFIG": str(self.kubeconfig or ""),
            "SLIPWAY_KUBE_CONTEXT": self.kube_context or "",
        }
        return {name: value for name, value in named.items() if value}

    @property
    def secrets(self) -> Path:
        """Files of mode 0600: one password or key each."""
        return self.state / "secrets"

    @property
    def logs(self) -> Path:
        """Output of the processes, one file each."""
        return self.state / "logs"

    @property
    def runtime_environment(self) -> Path:
        """Variables for a worker or an operator."""
        return self.state / "stack.env"

    @property
    def build_environment(self) -> Path:
        """Variables for whoever builds; kept apart from the runtime's."""
        return self.state / "build.env"
