"""What a candidate wants to run in an environment. Pure."""

from collections.abc import Mapping

from slipway import appfile as appfiles
from slipway.appfile import Environment
from slipway.appfile_analysis import specification
from slipway.candidate import Candidate, environment_of
from slipway.canonical import sha256_digest
from slipway.errors import Refused, SecretMissing
from slipway.manifest_rules import check, place_of
from slipway.manifests import unpack
from slipway.quantities import millis
from slipway.release import (
    Health,
    KubernetesSpec,
    ReleaseSpec,
    Resources,
    ServiceSpec,
    SmokeSpec,
    Target,
    Weight,
)


def release_spec(
    candidate: Candidate, environment: str, secret_versions: Mapping[str, str]
) -> ReleaseSpec:
    """What the candidate wants to run in an environment. Pure.

    Args:
        secret_versions: version of each runtime secret of the app file; never a value.

    Raises:
        BadInput: the app file has no such environment, or its manifests break a rule.
        SecretMissing: a secret of the app file has no version.
        Refused: it holds uncommitted changes and this is not the first environment.
    """
    appfile = candidate.appfile
    place = environment_of(appfile, environment)
    if candidate.source.uncommitted and place.after:
        raise Refused(
            f"candidate {candidate.reference.short} holds uncommitted changes",
            found=f"environment {environment}, which comes after {place.after}",
            allowed="the first environment alone",
            next_step="commit the changes and integrate the commit",
        )
    if missing := sorted(set(appfile.secrets) - set(secret_versions)):
        raise SecretMissing(
            f"runtime secrets of {appfile.app}/{environment} have no version",
            found=f"missing: {', '.join(missing)}",
            allowed=f"one version for each of {', '.join(sorted(appfile.secrets))}",
            next_step=f"store {missing[0]} in the environment's secret source",
        )
    bundle = candidate.bundle(environment)
    spec = ReleaseSpec(
        target=Target(app=appfile.app, environment=environment),
        platform=place.platform,
        services=tuple(_service(candidate, environment, name) for name in appfile.images),
        front=appfile.front or "",
        port=place.port,
        strategy=place.strategy or "",
        secrets={name: secret_versions[name] for name in appfile.secrets},
        health=_health(place),
        kubernetes=_kubernetes(place, bundle),
        analysis=specification(place.analysis),
        migration="forward-only" if appfile.migration == "forward-only" else None,
    )
    if bundle and place.manifests:
        check(unpack(bundle), place_of(spec), f"{place.manifests} for {environment}")
    return spec


def _service(candidate: Candidate, environment: str, name: str) -> ServiceSpec:
    image = candidate.appfile.images[name]
    place = candidate.appfile.environments[environment]
    return ServiceSpec(
        name=name,
        image=str(candidate.images[name]),
        user=image.user,
        resources=Resources(
            memory_bytes=place.resources.memory,
            cpu_millis=round(place.resources.cpus * 1000),
            pids=place.resources.pids,
        ),
        replicas=place.replicas,
        port=image.port,
        command=image.command,
        config=appfiles.config_of(candidate.appfile, environment, name),
        writable=image.writable,
        stop_seconds=image.stop_seconds,
    )


def _kubernetes(place: Environment, bundle: bytes | None) -> KubernetesSpec | None:
    if not place.namespace or not place.service_account:
        return None
    digest = sha256_digest(bundle) if bundle else None
    return KubernetesSpec(
        namespace=place.namespace,
        service_account=place.service_account,
        manifests=digest if place.manifests else None,
        chart=digest if place.chart else None,
        values=place.values,
        canary=tuple(
            Weight(weight=step.weight, hold_millis=millis(step.hold)) for step in place.canary.steps
        ),
        autoscale=place.autoscale,
        service_type=place.service_type,
        ingress=place.ingress,
        gateway=place.gateway,
        smoke=_smoke(place),
    )


def _smoke(place: Environment) -> SmokeSpec | None:
    smoke = place.smoke
    if smoke is None:
        return None
    return SmokeSpec(
        service=smoke.image or "",
        command=smoke.command,
        deadline_seconds=-(-millis(smoke.deadline) // 1000),
    )


def _health(place: Environment) -> Health:
    health = place.health
    return Health(
        path=health.path,
        ready=health.ready,
        expect=health.expect,
        deadline_seconds=-(-millis(health.deadline) // 1000),
        bake_millis=millis(health.bake),
        hits=health.hits,
    )
