"""The steps of a release on a cluster, each named by what it leaves true."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from blocks.platforms import (
    kubernetes_analysis,
    kubernetes_prove,
    kubernetes_retire,
    kubernetes_rights,
    kubernetes_verify,
)
from blocks.platforms import kubernetes_names as names
from blocks.platforms.kubernetes_addresses import certificate_facts, reachable
from blocks.platforms.kubernetes_api import ApiRefused, Cluster, path_for, refusal, together
from blocks.platforms.kubernetes_fence import Writer, Written
from blocks.platforms.kubernetes_gateway import route_fields, routes
from blocks.platforms.kubernetes_preview import try_out
from blocks.platforms.kubernetes_quota import room_facts
from blocks.platforms.kubernetes_scaling import KIND, Bounds, autoscalers, starting, surplus
from blocks.platforms.kubernetes_settle import Place, settle
from blocks.platforms.kubernetes_smoke import ask, smoke_of
from blocks.platforms.kubernetes_step import Act, Settings, step_of, writer_of
from blocks.platforms.kubernetes_supporting import (
    config_map,
    ingresses,
    namespace,
    previews,
    secret,
    service_account,
    services,
    supporting_objects,
)
from blocks.platforms.kubernetes_versions import version_fact
from blocks.platforms.kubernetes_ways import (
    await_taken,
    gateway_facts,
    leads_aside,
    let_spread,
    remove_led_to,
    unasked,
)
from blocks.platforms.kubernetes_workload import deployment
from slipway.canonical import JsonObject
from slipway.errors import StepFailed
from slipway.platform import Stage, Step, StepContext
from slipway.release import ReleaseSpec


@dataclass(frozen=True, slots=True)
class Forward:
    """From whatever runs to `spec` serving and verified.

    Steps of the stage `verify` only read; a smoke test runs its Job where there is a claim.

    A way back (no `previous`) takes fields back that somebody changed by hand, and tells so.
    """

    settings: Settings
    spec: ReleaseSpec
    previous: ReleaseSpec | None

    def steps(self) -> list[Step]:
        acts: list[tuple[str, Stage, Act]] = [
            ("namespace present", Stage.APPLY, self.namespace_present),
            ("release accepted", Stage.APPLY, self.release_accepted),
            ("config and secrets written", Stage.APPLY, self.versions_written),
            ("workloads applied", Stage.APPLY, self.workloads_applied),
            ("rollout complete", Stage.SETTLE, self.rollout_complete),
            *self._before_traffic(),
            ("traffic switched", Stage.SWITCH, self.traffic_switched),
            *self._smoke(),
            ("release verified", Stage.VERIFY, self.release_verified),
            *self.analysis(),
        ]
        return [step_of(self.settings, *act) for act in acts]

    def _before_traffic(self) -> list[tuple[str, Stage, Act]]:
        """A colour is tried out before it serves; a way back goes to one that has served."""
        if self.previous is None or self.spec.strategy != names.BLUE_GREEN:
            return []
        analysed = [("preview analysed", Stage.ANALYSE, self.release_analysed)]
        verified = ("preview verified", Stage.VERIFY, self.preview_verified)
        return [verified, *(analysed if self.spec.analysis else [])]

    def analysis(self) -> list[tuple[str, Stage, Act]]:
        """The step that judges what serves, where the app file names checks."""
        act = ("release analysed", Stage.ANALYSE, self.release_analysed)
        return [act] if self.spec.analysis else []

    def _smoke(self) -> Iterator[tuple[str, Stage, Act]]:
        if smoke_of(self.spec):
            yield "smoke test passed", Stage.VERIFY, self.smoke_passed

    def smoke_passed(self, cluster: Cluster, context: StepContext) -> JsonObject:
        return ask(cluster, self._writer(cluster, context), self.spec, context)

    def namespace_present(self, cluster: Cluster, context: StepContext) -> JsonObject:
        made = ensure_namespace(cluster, namespace(self.spec), context)
        writer = self._writer(cluster, context)
        writer.take_lease()
        return {"made": made, "account": self.account_present(writer)}

    def account_present(self, writer: Writer) -> bool:
        """Whether the pods' account was made; one that somebody made stays as it is."""
        return writer.create(service_account(self.spec), ours=False)

    def release_accepted(self, cluster: Cluster, context: StepContext) -> JsonObject:
        place = names.namespace_of(self.spec)
        images = [service.image for service in self.spec.services]
        way_in = gateway_facts(cluster, self.spec)
        used = kubernetes_rights.needed(self.spec)
        found = together(
            (
                lambda: [version_fact(cluster, self.counted())],
                lambda: kubernetes_rights.permission_facts(cluster, place, used),
                lambda: [self.settings.image(image) for image in images],
                lambda: list(certificate_facts(cluster, self.spec)),
                lambda: list(room_facts(cluster, place, self.counted(), self._starts(cluster))),
                lambda: kubernetes_prove.dry_run(
                    cluster, self.spec, take_over=self.previous is None
                ),
            )
        )
        return {"facts": [*way_in, *(fact for facts in found for fact in facts)]}

    def versions_written(self, cluster: Cluster, context: StepContext) -> JsonObject:
        writer = self._writer(cluster, context)
        written = [
            names.config_name(service)
            for service in self.spec.services
            if service.config and writer.create(config_map(self.spec, service))
        ]
        if self.spec.secrets and self._write_secret(writer, context):
            written.append(names.secrets_name(self.spec))
        return {"written": written}

    def _write_secret(self, writer: Writer, context: StepContext) -> bool:
        """Values are read only where the Secret is absent; once there it is never changed."""
        empty = secret(self.spec, {})
        if writer.cluster.find(path_for(empty)) is not None:
            return writer.create(empty)
        values = context.values(self.spec.secrets)
        plain = {name: value.get_secret_value() for name, value in values.items()}
        try:
            return writer.create(secret(self.spec, plain))
        except StepFailed as error:
            # The server's words may quote what it was given.
            raise StepFailed(
                f"Secret {names.secrets_name(self.spec)} was refused", cause=error.cause
            ) from None

    def workloads_applied(self, cluster: Cluster, context: StepContext) -> JsonObject:
        made = [m for m in supporting_objects(self.spec) if m["kind"] != "ServiceAccount"]
        workloads = [deployment(self.spec, s, context.candidate) for s in self.spec.services]
        absent = [s for s in self._behind() if cluster.find(path_for(s)) is None]
        freed = self.freed(cluster, context, workloads)
        starts = self._starts(cluster)
        every = [*made, *absent, *workloads, *autoscalers(self.spec), *previews(self.spec)]
        return {**self._apply(cluster, context, every, starts), **freed}

    def freed(
        self, cluster: Cluster, context: StepContext, workloads: Sequence[JsonObject]
    ) -> JsonObject:
        """Autoscalers of ours go before a release that says a number of replicas."""
        labels = names.owned_selector(self.spec.target)
        scalers = cluster.list(KIND, names.namespace_of(self.spec), labels)
        found = [(path_for(made), made) for made in surplus(scalers, workloads)]
        if not found:
            return {}
        return {"unscaled": kubernetes_retire.remove(self._writer(cluster, context), found)}

    def _starts(self, cluster: Cluster) -> dict[str, Bounds]:
        """How autoscaled Deployments begin, by their names."""
        labels = names.owned_selector(self.spec.target)
        running = cluster.list("Deployment", names.namespace_of(self.spec), labels)
        found = {
            names.deployment_name(self.spec, s): starting(self.spec, s, running)
            for s in self.spec.services
        }
        return {name: bounds for name, bounds in found.items() if bounds}

    def rollout_complete(self, cluster: Cluster, context: StepContext) -> JsonObject:
        return settle(Place(cluster, self.spec), context)

    def preview_verified(self, cluster: Cluster, context: StepContext) -> JsonObject:
        return try_out(Place(cluster, self.spec), context, 0)

    def traffic_switched(self, cluster: Cluster, context: StepContext) -> JsonObject:
        ways = [*services(self.spec), *ingresses(self.spec)]
        applied = self._apply(cluster, context, ways)
        applied |= self.route_home(cluster, context)
        applied |= self.closed(cluster, context)
        return {**applied, **self.routed(cluster, context, Place(cluster, self.spec))}

    def route_home(self, cluster: Cluster, context: StepContext) -> JsonObject:
        """The release's route leads to the stable Service alone.

        Proxies may forget a Service before they stop leading to it, so it has no share first.
        """
        if leads_aside(cluster, self.spec):
            self.route_set(cluster, context, 0)
            let_spread(context)
        return self.route_set(cluster, context)

    def route_set(
        self, cluster: Cluster, context: StepContext, weight: int | None = None
    ) -> JsonObject:
        """The release's route sends that percentage to the canary, and a gateway has taken it."""
        wanted = routes(self.spec, weight)
        if not wanted:
            return {}
        self._apply(cluster, context, wanted)
        lacking = await_taken(cluster, self.spec, context, is_back=self.previous is None)
        return {**route_fields(wanted), **({"route not taken": lacking} if lacking else {})}

    def closed(self, cluster: Cluster, context: StepContext) -> JsonObject:
        """Ways from outside that this release does not ask for."""
        found = unasked(cluster, self.spec)
        removed = kubernetes_retire.remove(self._writer(cluster, context), found)
        return {"closed": removed} if removed else {}

    def routed(self, cluster: Cluster, context: StepContext, place: Place) -> JsonObject:
        """Traffic goes to this release alone: what it replaces under another name goes first."""
        replaced = kubernetes_retire.find_replaced(cluster, self.spec)
        removed = remove_led_to(self._writer(cluster, context), replaced, context)
        routes = kubernetes_verify.await_routes(place, context)
        return {"replaced": removed, "endpoints": routes, **self.reached(cluster)}

    def reached(self, cluster: Cluster) -> JsonObject:
        """Where users reach the release; a load balancer's address may come late."""
        found = reachable(cluster, names.namespace_of(self.spec), self.spec.front)
        return {"reachable at": found}

    def release_verified(self, cluster: Cluster, context: StepContext) -> JsonObject:
        verified = kubernetes_verify.bake(Place(cluster, self.spec), context)
        return {**verified, **self.reached(cluster)}

    def release_analysed(self, cluster: Cluster, context: StepContext) -> JsonObject:
        return kubernetes_analysis.analyse(Place(cluster, self.spec), context)

    def _apply(
        self,
        cluster: Cluster,
        context: StepContext,
        wanted: Sequence[JsonObject],
        starts: Mapping[str, Bounds] = MappingProxyType({}),
    ) -> JsonObject:
        """
        Args:
            starts: of autoscaled workloads, by their names.
        """
        writer, take_over = self._writer(cluster, context), self.previous is None
        numbers = [
            starts.get(one["metadata"]["name"]) if one["kind"] == "Deployment" else None
            for one in wanted
        ]
        written = [
            (one, writer.apply(one, take_over=take_over, starts=number))
            for one, number in zip(wanted, numbers, strict=True)
        ]
        return {
            "applied": [named(one) for one, result in written if result.is_changed],
            "taken back": [line for one, result in written for line in told(one, result, context)],
        }

    def _behind(self) -> list[JsonObject]:
        """Services that the front one may ask while it starts."""
        return [s for s in services(self.spec) if s["metadata"]["name"] != self.spec.front]

    def counted(self) -> list[JsonObject]:
        """What quotas count of the release."""
        kept = [secret(self.spec, {})] if self.spec.secrets else []
        return [*kubernetes_prove.every_object(self.spec, ""), *kept]

    def _writer(self, cluster: Cluster, context: StepContext) -> Writer:
        return writer_of(cluster, self.spec.target, names.namespace_of(self.spec), context)


def ensure_namespace(cluster: Cluster, wanted: JsonObject, context: StepContext) -> bool:
    """Whether it was absent; another writer may have made it meanwhile, which is as well."""
    if cluster.find(path_for(wanted)) is not None:
        return False
    try:
        cluster.call("POST", "/api/v1/namespaces", wanted, query={"fieldManager": names.MANAGER})
    except ApiRefused as error:
        if error.reason != "AlreadyExists":
            raise refusal(f"namespace {wanted['metadata']['name']}", error) from None
    context.note(f"made namespace {wanted['metadata']['name']}")
    return True


def named(made: JsonObject) -> str:
    return f"{made['kind']}/{made['metadata']['name']}"


def told(made: JsonObject, result: Written, context: StepContext) -> list[str]:
    """Fields that were somebody else's, told to the operator."""
    lines = [f"{named(made)} {taken}" for taken in result.taken]
    for line in lines:
        context.note(f"taken back from {line}")
    return lines
