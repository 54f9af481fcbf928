"""What generated objects must agree on with the rest of the app file. Pure."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from slipway.appfile_errors import Problem, closest
from slipway.appfile_fields import on_kubernetes

if TYPE_CHECKING:
    from slipway.appfile import AppFile, Environment

KEYS = ("autoscale", "ingress", "gateway", "smoke")


def problems(appfile: "AppFile") -> Iterator[Problem]:
    """Everything that contradicts something else, environment by environment."""
    for name, environment in appfile.environments.items():
        yield from _misplaced(appfile, name, environment)
        yield from _scale(name, environment)
        yield from _passing_by(name, environment)
        yield from _smoke(appfile, name, environment)


def _misplaced(appfile: "AppFile", name: str, environment: "Environment") -> Iterator[Problem]:
    """They are for generated objects: manifests and charts hold their own."""
    asked = [key for key in KEYS if getattr(environment, key)]
    asked += ["service_type"] if environment.service_type != "ClusterIP" else []
    for key in asked:
        path = ("environments", name, key)
        if not on_kubernetes(environment.platform):
            yield Problem(path, "for Kubernetes alone", key, "platform: kubernetes")
        elif _is_written(appfile, environment):
            what = "for generated objects; manifests and charts say it themselves"
            yield Problem(path, what, key, "an environment without manifests and chart")


def _is_written(appfile: "AppFile", environment: "Environment") -> bool:
    """Whether manifests or a chart say what runs."""
    keys = ("manifests", "chart")
    own = [getattr(environment, key) for key in keys]
    says = environment.model_fields_set.intersection(keys)
    whole = [getattr(appfile, key) for key in keys if key not in says]
    return any(own) or any(whole)


def _scale(name: str, environment: "Environment") -> Iterator[Problem]:
    scale, path = environment.autoscale, ("environments", name)
    if scale is None:
        return
    if scale.min > scale.max:
        what, allowed = "more than `max`", f"at most {scale.max}"
        yield Problem((*path, "autoscale", "min"), what, str(scale.min), allowed)
    if environment.strategy == "canary":
        what = "not with strategy canary, whose weights are numbers of pods"
        yield Problem((*path, "autoscale"), what, "canary", "rolling, recreate, blue-green")
    if environment.replicas not in (1, scale.min):
        what = "beside `autoscale`, which says how many"
        yield Problem((*path, "replicas"), what, str(environment.replicas), "one of the two")


def _passing_by(name: str, environment: "Environment") -> Iterator[Problem]:
    """Ways in beside a gateway that sets a canary's weights: they would not hold there."""
    if environment.gateway is None or environment.strategy != "canary":
        return
    path, what = ("environments", name), "beside `gateway`, whose weights would not hold for it"
    if environment.ingress:
        yield Problem((*path, "ingress"), what, environment.ingress.host, "one of the two")
    if environment.service_type != "ClusterIP":
        found = environment.service_type
        yield Problem((*path, "service_type"), what, found, "ClusterIP")


def _smoke(appfile: "AppFile", name: str, environment: "Environment") -> Iterator[Problem]:
    smoke, path = environment.smoke, ("environments", name, "smoke")
    if smoke is None:
        return
    known = list(appfile.images)
    if smoke.image and smoke.image not in known:
        hint = closest(smoke.image, known)
        yield Problem((*path, "image"), "no such image", smoke.image, ", ".join(known), hint)
    if not smoke.deadline:
        yield Problem((*path, "deadline"), "no time at all", "0", "1s or more")
