"""Ways in from outside: routes that a gateway has taken, and those that a release closes."""

import time

from blocks.platforms import kubernetes_names as names
from blocks.platforms.kubernetes_api import Cluster, path_for
from blocks.platforms.kubernetes_fence import Writer
from blocks.platforms.kubernetes_gateway import (
    KIND,
    VERSION,
    Taken,
    gateway_of,
    routes,
    taken,
)
from blocks.platforms.kubernetes_resources import known
from blocks.platforms.kubernetes_retire import Places, backends, remove
from blocks.platforms.kubernetes_supporting import ingresses
from slipway.canonical import JsonObject
from slipway.errors import Cause, Refused, StepFailed
from slipway.platform import StepContext
from slipway.release import ReleaseSpec

PAUSE_SECONDS = 0.3
# A controller may see the route before the Service that it names.
REFUSED_SECONDS = 5.0
# A way back goes on without a gateway's word.
BACK_SECONDS = 15.0
# A controller tells that it took a route before all its proxies act by it.
SPREAD_SECONDS = 3.0


def gateway_facts(cluster: Cluster, spec: ReleaseSpec) -> list[str]:
    """Raises Refused where the release asks for a gateway, and the cluster has no such kind."""
    wanted = gateway_of(spec)
    if wanted is None:
        return []
    served = (cluster.find(f"/apis/{VERSION}") or {}).get("resources") or []
    if KIND not in {one.get("kind") for one in served}:
        raise Refused(
            f"environments.{spec.target.environment}.gateway: the cluster has no Gateway API",
            found=f"no {KIND} of {VERSION} is served",
            allowed="a cluster with the Gateway API's definitions, and a controller for them",
            next_step="install them, or leave `gateway` out: a canary's weights are numbers of "
            "pods then",
            cause=Cause.INPUT,
        )
    return [f"the cluster serves {KIND} of {VERSION}"]


def await_taken(cluster: Cluster, spec: ReleaseSpec, context: StepContext, is_back: bool) -> str:
    """Wait until a gateway has taken the release's route as it is now.

    Args:
        is_back: for a way back, which goes on after `BACK_SECONDS`.

    Returns:
        What is lacking on a way back; empty where the route is taken.

    Raises:
        StepFailed: no gateway takes it, with the reason that its controller gives.
    """
    path, begun = path_for(routes(spec)[0]), time.monotonic()
    longest = BACK_SECONDS if is_back else spec.health.deadline_seconds
    while True:
        context.check()
        found = cluster.find(path)
        seen = taken(found) if found else Taken("somebody removed it", is_refused=True)
        waited = time.monotonic() - begun
        if not seen.lacking:
            return ""
        if waited > min(longest, REFUSED_SECONDS if seen.is_refused else longest):
            break
        time.sleep(PAUSE_SECONDS)
    if is_back:
        context.note(f"no gateway has taken {KIND} {spec.front} back yet: {seen.lacking}")
        return seen.lacking
    raise untaken(spec, seen)


def untaken(spec: ReleaseSpec, seen: Taken) -> StepFailed:
    """The error for a route that leads nowhere."""
    wanted, place = gateway_of(spec), names.namespace_of(spec)
    gateway = f"{wanted.namespace or place}/{wanted.name}" if wanted else "none"
    return StepFailed(
        f"no gateway takes {KIND} {place}/{spec.front}",
        found=seen.lacking,
        allowed=f"Gateway {gateway} accepts it and finds its Services",
        next_step=f"kubectl -n {place} get httproute {spec.front} -o yaml",
        cause=Cause.INPUT if seen.is_refused else Cause.NETWORK,
    )


def let_spread(context: StepContext) -> None:
    """Give a gateway's proxies the time to act by what its controller has taken."""
    until = time.monotonic() + SPREAD_SECONDS
    while time.monotonic() < until:
        context.check()
        time.sleep(PAUSE_SECONDS)


def leads_aside(cluster: Cluster, spec: ReleaseSpec) -> bool:
    """Whether the route that is there knows the canary's Service."""
    wanted = routes(spec)
    found = cluster.find(path_for(wanted[0])) if wanted else None
    return names.canary_name(spec.front_service) in (backends(found) if found else ())


def remove_led_to(writer: Writer, found: Places, context: StepContext) -> list[str]:
    """Remove workloads, and first the ways to them; the names of what went."""
    ways = [place for place in found if place[1]["kind"] == KIND]
    gone = remove(writer, ways)
    if gone:
        let_spread(context)
    return [*gone, *remove(writer, [place for place in found if place not in ways])]


def unasked(cluster: Cluster, spec: ReleaseSpec) -> Places:
    """Ingresses and routes of ours that the release does not ask for, with their paths."""
    labels, place = names.owned_selector(spec.target), names.namespace_of(spec)
    wanted = {(made["kind"], made["metadata"]["name"]) for made in ways(spec)}
    listed = [*cluster.list("Ingress", place, labels), *known(KIND).list(cluster, place, labels)]
    return [
        (path_for(made), made)
        for made in listed
        if (made["kind"], made["metadata"]["name"]) not in wanted
    ]


def ways(spec: ReleaseSpec) -> list[JsonObject]:
    """The ways in that the release asks for. Pure."""
    return [*ingresses(spec), *routes(spec)]
