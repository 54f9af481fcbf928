"""What proves, before anything is changed, that what serves could be brought back."""

from slipway.errors import WayBackMissing
from slipway.history import GoodRelease
from slipway.platform import Platform


def way_back_facts(platform: Platform, previous: GoodRelease | None) -> list[str]:
    """Facts about the way back; where nothing serves any more, none is left to protect.

    Raises:
        WayBackMissing: what serves could not be brought back.
    """
    if previous is None:
        return ["first release: the way back is its removal"]
    try:
        return platform.prove(previous.spec)
    except WayBackMissing:
        if platform.observe(previous.spec.target).serving is not None:
            raise
        return [f"release {previous.spec.id} was removed by hand, and nothing serves"]
