"""What an environment verified last."""

from slipway.errors import ReceiptMissing
from slipway.history import serving_release
from slipway.ledger import Ledger
from slipway.names import Reference, parse_reference


def last_verified(ledger: Ledger) -> Reference:
    """The candidate that serves there, verified.

    Raises:
        ReceiptMissing: nothing verified serves there.
    """
    serving = serving_release(ledger.records())
    if serving is None:
        raise ReceiptMissing(
            f"{ledger.target} has no verified release to promote",
            next_step=f"slipway history {ledger.target.app} {ledger.target.environment}",
        )
    return parse_reference(serving.candidate)
