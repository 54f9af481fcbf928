"""What a run is called and tagged: app, environment, short digest, as people scan for them."""

from collections.abc import Callable
from typing import Any

from prefect.client.orchestration import get_client
from prefect.context import FlowRunContext
from prefect.runtime import flow_run

from slipway.claim import holder_name
from slipway.errors import BadInput
from slipway.explanations import printable
from slipway.names import parse_reference
from slipway.release import Target
from tasks.server import best_effort

LONGEST = 120


def run_name(verb: str, *fields: str) -> Callable[[], str]:
    """A `flow_run_name`: the verb and those parameters; a candidate shows app and short digest."""

    def name() -> str:
        words = [_word(flow_run.parameters.get(field)) for field in fields]
        return " ".join([verb, *filter(None, words)])[:LONGEST]

    return name


def _word(value: Any) -> str:
    if value is None:
        return ""
    try:
        reference = parse_reference(str(value))
    except BadInput:
        return printable(str(value))[:60]
    return f"{reference.path.rpartition('/')[2]} {reference.short}"


def tags_of(target: Target, digest: str | None = None) -> set[str]:
    """Tags of a run. Pure.

    Args:
        digest: the candidate's first 12 hex digits.
    """
    tags = {f"app:{target.app}", f"environment:{target.environment}"}
    return tags | {f"candidate:{digest}"} if digest else tags


def holder_tag() -> str:
    """Names the process that holds what this run claims, as the lease does."""
    return f"holder:{holder_name()}"


async def tag_run(target: Target, digest: str | None = None) -> None:
    """Tag the current run with its target and its process."""
    await _add_tags(tags_of(target, digest) | {holder_tag()})


async def tag_release(app: str, digest: str) -> None:
    """Tag a run that goes through several environments."""
    await _add_tags({f"app:{app}", f"candidate:{digest}", holder_tag()})


async def tag_app(app: str, revision: str | None = None) -> None:
    """Tag a run of the tier that builds."""
    await _add_tags({f"app:{app}"} | ({f"revision:{revision[:12]}"} if revision else set()))


async def tag_broken_glass() -> None:
    """Tag a run whose release passed its gate without approvals."""
    await _add_tags({"break-glass"})


async def _add_tags(tags: set[str]) -> None:
    context = FlowRunContext.get()
    if context is None or context.flow_run is None:
        return
    wanted = set(context.flow_run.tags) | tags
    async with best_effort("tags"), get_client() as client:
        await client.update_flow_run(context.flow_run.id, tags=wanted)
    context.flow_run.tags = sorted(wanted)  # what is added later comes on top
