"""Exchange rates, cached. The bad commit: nothing was ever written that fetches them again."""

import time


class StaleRates(RuntimeError):
    """The cache ran out."""


class Rates:
    """Fetched when they are first asked for, good for `lifetime` seconds, and then no more."""

    def __init__(self, lifetime: float) -> None:
        self.lifetime = lifetime
        self.stale_at: float | None = None

    def current(self) -> dict[str, float]:
        """Rate of each currency to the euro. Raises StaleRates."""
        if self.stale_at is None:
            self.stale_at = time.monotonic() + self.lifetime
        self.check()
        return {"EUR": 1.0, "USD": 1.08}

    def check(self) -> None:
        """Raises StaleRates once the cache ran out."""
        if self.stale_at is not None and time.monotonic() >= self.stale_at:
            raise StaleRates("exchange rates are stale and cannot be refreshed")
