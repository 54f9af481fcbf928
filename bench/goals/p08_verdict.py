"""P8: how soon a release that cannot work is called failed, and one that works ready."""

import asyncio
import time
from contextlib import suppress

from bench.measured import Result
from bench.session import Session
from slipway.errors import SlipwayError
from slipway.release import ReleaseSpec
from tests.rig.doomed import Site, order

LONGEST = 10.0


def measure(session: Session) -> list[Result]:
    """From the end of the step before, to the verdict; the way back comes after it."""
    site = session.site("verdict")
    site.deploy(site.world.spec("one"))
    missing = session.image.partition("@")[0] + "@sha256:" + "0" * 64
    crashing, absent = [], []
    for turn in range(session.rounds):
        crashing.append(verdict(site, site.world.spec(f"crash-{turn}", "crash")))
        absent.append(verdict(site, with_image(site.world.spec(f"absent-{turn}"), missing)))
    return [
        Result("P8", "verdict on a crash loop", "", tuple(crashing), longest=LONGEST),
        Result("P8", "verdict on a digest that is nowhere", "", tuple(absent), longest=LONGEST),
    ]


def with_image(spec: ReleaseSpec, image: str) -> ReleaseSpec:
    service = spec.services[0].model_copy(update={"image": image})
    return ReleaseSpec.model_validate({**dict(spec), "services": (service,)})


def verdict(site: Site, spec: ReleaseSpec) -> float:
    """Seconds from the start of the step that fails until the first record after it.

    Raises:
        AssertionError: the release did not fail.
    """
    begun: dict[str, float] = {}
    taken: list[float] = []

    def observe(name: str, point: str) -> None:
        if point != "intended":
            begun.pop(name, None)
            return
        if begun and not taken:
            taken.append(time.monotonic() - max(begun.values()))
        begun[name] = time.monotonic()

    with suppress(SlipwayError):
        asyncio.run(site.engine(observe).deploy(order(spec)))
    if not taken:
        raise AssertionError(f"release {spec.id} did not fail")
    return taken[0]
