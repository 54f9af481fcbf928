"""Exchange rates, cached. The bad commit: nothing was ever written that fetches them again."""

import time


class StaleRates(RuntimeError):
    """The cache ran out."""


class Rates:
    """Good for `lifetime` seconds after the start, and then no more."""

    def __init__(self, lifetime: float) -> None:
        self.stale_at = time.monotonic() + lifetime

    def current(self) -> dict[str, float]:
        """Rate of each currency to the euro. Raises StaleRates."""
        if time.monotonic() >= self.stale_at:
            raise StaleRates("exchange rates are stale and cannot be refreshed")
        return {"EUR": 1.0, "USD": 1.08}
