"""What the service reads at start: config from the environment, the secret from its file."""

from functools import lru_cache
from pathlib import Path

from pydantic import SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from vouchers.rates import Rates

SECRETS = Path("/run/secrets")
SHORTEST_KEY = 32


class Settings(BaseSettings):
    """`VOUCHERS_*` config; `voucher-key` comes from a file, never from the environment."""

    model_config = SettingsConfigDict(env_prefix="VOUCHERS_")

    currency: str = "EUR"
    greeting: str = "Have a nice treat"
    secrets: Path = SECRETS
    rates_lifetime: float = 1.0

    def voucher_key(self) -> SecretStr:
        """The key that signs vouchers. Raises ValueError when it is missing or too short."""
        path = self.secrets / "voucher-key"
        try:
            key = path.read_text().strip()
        except OSError as error:
            raise ValueError(f"secret voucher-key: cannot read {path}") from error
        if len(key) < SHORTEST_KEY:
            raise ValueError(f"secret voucher-key: shorter than {SHORTEST_KEY} characters")
        return SecretStr(key)


@lru_cache
def rates() -> Rates:
    """One cache for the life of the process."""
    return Rates(settings().rates_lifetime)


@lru_cache
def settings() -> Settings:
    return Settings()
