"""Lines of progress, in the log of whatever run or step is under way."""

import logging

from prefect import get_run_logger
from prefect.exceptions import MissingContextError

from slipway.explanations import printable


def note(line: str) -> None:
    """One line; never a secret. Outside a run it goes to the process's own log."""
    try:
        get_run_logger().info("%s", printable(line))
    except MissingContextError:
        logging.getLogger("slipway").info("%s", printable(line))
