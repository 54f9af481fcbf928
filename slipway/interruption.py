"""An operator's wish to stop a running release at the next safe point."""

import threading

from slipway.errors import Interrupted


class Interruption:
    """Requested from a signal handler, raised once by the running step's next check.

    What follows is the way back, which is not interrupted: a second signal ends the process, and
    `slipway recover` goes on.
    """

    def __init__(self) -> None:
        self._requested = threading.Event()

    def request(self) -> None:
        """Ask the release to stop and go back."""
        self._requested.set()

    def check(self) -> None:
        """Raises Interrupted once after a request."""
        if self._requested.is_set():
            self._requested.clear()
            raise Interrupted(
                "an operator stopped the release",
                next_step="deploy again once ready; what served before serves again",
            )
