"""Free TCP ports, for what has to know its port before it listens."""

import itertools
import os
import socket

from tests.workers import NUMBER

# Below those that the kernel gives to outgoing connections and to port 0, so that nobody takes one
# between its choice and its use; each worker has a share of its own.
FIRST, SHARE, SHARES = 20_000, 1_000, 10
_turns = itertools.count(os.getpid() * 7)


def free_port() -> int:
    """A TCP port on loopback that nobody listens on now, another each time.

    Raises:
        RuntimeError: all of this worker's share are taken.
    """
    first = FIRST + NUMBER % SHARES * SHARE
    for turn in itertools.islice(_turns, SHARE):
        port = first + turn % SHARE
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise RuntimeError(f"no free port from {first} to {first + SHARE - 1}")
