"""Read a candidate from its registry, held to its digest."""

from functools import partial

from blocks.compose import Installation
from slipway.candidate import Candidate
from tasks.steps import perform


async def read_candidate(installation: Installation, reference: str) -> Candidate:
    """The candidate, as a visible step.

    Raises:
        BadInput: no candidate, or other bytes than its digest names.
        ImageMissing, Tampered, Unreachable: the registry's answer.
    """
    return await perform("candidate read", partial(installation.candidate, reference))
