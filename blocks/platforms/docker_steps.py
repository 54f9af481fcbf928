"""The steps of a release on a Docker engine, each named by what it leaves true."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

import docker

from blocks.platforms import (
    docker_analysis,
    docker_images,
    docker_networks,
    docker_observe,
    docker_proxy,
    docker_retire,
    docker_secrets,
    docker_session,
    docker_settle,
    docker_verify,
)
from blocks.platforms import docker_names as names
from blocks.platforms.docker_engine import engine_errors, inspect_or_none, open_engine
from blocks.platforms.docker_evidence import redact
from blocks.platforms.docker_images import Credentials
from blocks.platforms.docker_proxy import ProxySettings
from blocks.platforms.docker_settle import Place
from blocks.platforms.docker_start import Subnets, ensure_container, in_start_order
from blocks.platforms.docker_traffic import Routes
from slipway.canonical import JsonObject
from slipway.errors import ImageMissing
from slipway.patience import Countdown
from slipway.platform import Stage, Step, StepContext
from slipway.release import ReleaseSpec, Target


@dataclass(frozen=True, slots=True)
class Settings:
    """What the block says, as plain values.

    Attributes:
        network_pool: private range out of which /24 networks are taken.
        health_seconds: between two runs of an image's HEALTHCHECK.
        drain_seconds: longest wait for requests under way.
    """

    host: str | None
    proxy: ProxySettings
    network_pool: str
    health_seconds: int
    drain_seconds: int
    credentials: Credentials | None

    @contextmanager
    def engine(self) -> Iterator[docker.APIClient]:
        api = open_engine(self.host)
        try:
            yield api
        finally:
            api.close()


Act = Callable[[docker.APIClient, StepContext], JsonObject]


@dataclass(frozen=True, slots=True)
class Forward:
    """From whatever runs to `spec` serving and verified. Steps of the stage `verify` only read."""

    settings: Settings
    spec: ReleaseSpec
    previous: ReleaseSpec | None
    settling: Countdown = field(default_factory=Countdown, compare=False)

    def steps(self) -> list[Step]:
        acts: list[tuple[str, Stage, Act]] = [
            ("images present", Stage.APPLY, self.images_present),
            ("secrets written", Stage.APPLY, self.secrets_written),
            ("front proxy running", Stage.APPLY, self.proxy_running),
            ("containers started", Stage.APPLY, self.containers_started),
            ("release healthy", Stage.SETTLE, self.release_healthy),
            ("traffic switched", Stage.SWITCH, self.traffic_switched),
            ("release verified", Stage.VERIFY, self.release_verified),
            ("release analysed", Stage.ANALYSE, self.release_analysed),
            ("fallback ended", Stage.COMMIT, self.fallback_ended),
        ]
        if not self.spec.secrets:
            acts = [act for act in acts if act[0] != "secrets written"]
        if not self.spec.analysis:
            acts = [act for act in acts if act[1] is not Stage.ANALYSE]
        return [step_of(self.settings, *act) for act in acts]

    def images_present(self, api: docker.APIClient, context: StepContext) -> JsonObject:
        image = self.settings.proxy.image
        if docker_images.local_image(api, image) is None:
            raise ImageMissing(
                f"the front proxy's image {image} is not on the engine",
                next_step="make up builds it, or set the block's proxy_image",
            )
        pulled = []
        for service in self.spec.services:
            if docker_images.ensure_image(api, service.image, self.settings.credentials, context):
                pulled.append(service.image)
                context.note(f"pulled {service.image}")
        return {"pulled": pulled}

    def secrets_written(self, api: docker.APIClient, context: StepContext) -> JsonObject:
        refuse_stale(api, self.spec.target, context)
        image = self.settings.proxy.image
        return {"written": docker_secrets.ensure_secrets(api, self.spec, image, context)}

    def proxy_running(self, api: docker.APIClient, context: StepContext) -> JsonObject:
        target, pool = self.spec.target, self.settings.network_pool
        subnet = docker_networks.ensure_edge(api, target, pool)
        made = docker_proxy.ensure_proxy(api, target, self.spec.port, self.settings.proxy, subnet)
        routes = docker_session.fence(api, names.proxy_name(target), context.token)
        return {"made": made, "holder": routes.holder}

    def containers_started(self, api: docker.APIClient, context: StepContext) -> JsonObject:
        refuse_stale(api, self.spec.target, context)
        pool = self.settings.network_pool
        subnets = Subnets(
            edge=docker_networks.ensure_edge(api, self.spec.target, pool),
            release=docker_networks.ensure_release_network(api, self.spec, pool),
        )
        started = []
        for service, replica in in_start_order(self.spec):
            context.check()
            if ensure_container(
                api, self.spec, service, replica, subnets, self.settings.health_seconds, context
            ):
                started.append(names.container_name(self.spec, service.name, replica))
                context.note(f"started {started[-1]}")
        return {"started": started}

    def release_healthy(self, api: docker.APIClient, context: StepContext) -> JsonObject:
        return docker_settle.settle(self._place(api), self.spec, context, self.settling)

    def traffic_switched(self, api: docker.APIClient, context: StepContext) -> JsonObject:
        refuse_stale(api, self.spec.target, context)
        serving = self._front(api, self.spec)
        previous = self._fallback(api)
        routes = commit(
            api,
            self.spec.target,
            context,
            lambda found: replace(found, serving=serving, previous=previous),
        )
        return {"serving": list(routes.serving), "fallback": list(routes.previous)}

    def release_verified(self, api: docker.APIClient, context: StepContext) -> JsonObject:
        return docker_verify.bake(self._place(api), self.spec, context)

    def release_analysed(self, api: docker.APIClient, context: StepContext) -> JsonObject:
        return docker_analysis.analyse(api, self.spec, context)

    def fallback_ended(self, api: docker.APIClient, context: StepContext) -> JsonObject:
        routes = commit(api, self.spec.target, context, lambda found: replace(found, previous=()))
        return {"serving": list(routes.serving)}

    def _front(self, api: docker.APIClient, spec: ReleaseSpec) -> tuple[str, ...]:
        containers = docker_settle.inspect_set(self._place(api), spec)
        return tuple(sorted(docker_settle.front_addresses(spec, containers).values()))

    def _fallback(self, api: docker.APIClient) -> tuple[str, ...]:
        """Where failed requests go again while the release bakes: the previous one, if it runs."""
        if self.previous is None or self.previous.id == self.spec.id:
            return ()
        labels = names.release_labels(self.previous)
        with engine_errors(f"release {self.previous.id}"):
            found = list(docker_observe.inspect_services(api, labels))
        running = [container for container in found if container["State"]["Running"]]
        return tuple(sorted(docker_settle.front_addresses(self.previous, running).values()))

    def _place(self, api: docker.APIClient) -> Place:
        return place_of(api, self.settings, self.spec)


@dataclass(frozen=True, slots=True)
class Retire:
    """Remove what no kept release needs; everything where nothing is kept."""

    settings: Settings
    target: Target
    keep: Sequence[ReleaseSpec]

    def steps(self) -> list[Step]:
        removed = ("old releases removed", Stage.RETIRE, self.old_releases_removed)
        if self.keep:
            return [step_of(self.settings, *removed)]
        ended = ("traffic ended", Stage.RETIRE, self.traffic_ended)
        everything = ("environment removed", Stage.RETIRE, self.old_releases_removed)
        return [step_of(self.settings, *ended), step_of(self.settings, *everything)]

    def traffic_ended(self, api: docker.APIClient, context: StepContext) -> JsonObject:
        proxy = inspect_or_none(api, names.proxy_name(self.target))
        if docker_proxy.is_running(proxy):
            commit(
                api,
                self.target,
                context,
                lambda found: replace(found, serving=(), previous=()),
            )
        return {"serving": []}

    def old_releases_removed(self, api: docker.APIClient, context: StepContext) -> JsonObject:
        routes = refuse_stale(api, self.target, context)
        found = docker_retire.find_surplus(api, self.target, self.keep)
        docker_retire.refuse_serving(self.target, routes, found.containers)
        proxy = names.proxy_name(self.target)
        left = 0
        if docker_proxy.is_running(inspect_or_none(api, proxy)):
            seconds = self.settings.drain_seconds
            left = docker_retire.drain(api, self.target, found.containers, seconds, context)
            docker_session.prune_maps(api, proxy)
        if not self.keep:
            docker_retire.remove_proxy(api, self.target)
        return {**docker_retire.remove(api, found, context.note), "requests_cut": left}


def step_of(settings: Settings, name: str, stage: Stage, act: Act) -> Step:
    """A step with an engine connection of its own."""

    def run(context: StepContext) -> JsonObject:
        context.check()
        with settings.engine() as api, engine_errors(name):
            return act(api, context)

    return Step(name, stage, run)


def place_of(api: docker.APIClient, settings: Settings, spec: ReleaseSpec) -> Place:
    """Where the release is watched; its secrets are taken out of what is kept."""

    def without_secrets(lines: Sequence[str]) -> list[str]:
        return redact(lines, secret_values(api, settings, spec))

    return Place(api, settings.host, without_secrets)


def secret_values(api: docker.APIClient, settings: Settings, spec: ReleaseSpec) -> list[str]:
    """Values that the release's volumes hold, to be masked in log lines."""
    found = []
    for volume in names.secrets_volumes(spec):
        files = docker_secrets.read_files(api, spec.target, volume, settings.proxy.image)
        found += [content.decode(errors="replace") for content in files.values() if content]
    return found


def refuse_stale(api: docker.APIClient, target: Target, context: StepContext) -> Routes:
    """What the running proxy routes; nothing where none runs.

    Raises:
        Superseded: a newer holder wrote the map.
    """
    context.check()
    proxy = names.proxy_name(target)
    if not docker_proxy.is_running(inspect_or_none(api, proxy)):
        return Routes()
    routes = docker_session.read_routes(api, proxy)
    docker_session.refuse_stale(proxy, routes, context.token)
    return routes


def commit(
    api: docker.APIClient,
    target: Target,
    context: StepContext,
    change: Callable[[Routes], Routes],
) -> Routes:
    """Commit changed routes under the context's token."""
    context.check()
    return docker_session.commit_routes(api, names.proxy_name(target), context.token, change)
