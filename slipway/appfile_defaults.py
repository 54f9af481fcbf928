"""Defaults of the app file that depend on something else in it. Pure."""

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from slipway.appfile_checks import default_namespace, folders_of, front_of
from slipway.appfile_fields import on_kubernetes
from slipway.canary import DEFAULT
from slipway.chart_values import merged

if TYPE_CHECKING:
    from slipway.appfile import AppFile, Environment, Gate

_GATES = {"stage": (1, 10), "staging": (1, 10), "prod": (1, 30), "production": (1, 30)}


def resolved(appfile: "AppFile") -> "AppFile":
    """The checked app file with `front` and each environment's dependent defaults filled in."""
    names = list(appfile.environments)
    environments = {
        name: environment.model_copy(
            update={
                "after": _after(names, name, environment),
                "gate": _gate(name, environment.gate),
                **_platform(appfile, name, environment),
            }
        )
        for name, environment in appfile.environments.items()
    }
    return appfile.model_copy(update={"front": front_of(appfile), "environments": environments})


def _after(names: list[str], name: str, environment: "Environment") -> str | None:
    if "after" in environment.model_fields_set or names[0] == name:
        return environment.after
    return names[names.index(name) - 1]


def _gate(name: str, given: "Gate") -> "Gate":
    """The gate with its defaults by name: production waits for people unless told otherwise."""
    approvals, minutes = _GATES.get(name, (0, 10))
    defaults = {"approvals": approvals, "timeout": timedelta(minutes=minutes)}
    missing = {key: v for key, v in defaults.items() if key not in given.model_fields_set}
    return given.model_copy(update=missing)


def _platform(appfile: "AppFile", name: str, environment: "Environment") -> dict[str, Any]:
    if not on_kubernetes(environment.platform):
        return {"strategy": environment.strategy or "blue-green"}
    folders = folders_of(appfile, environment)
    has_default = environment.strategy == "canary" and not environment.canary.steps
    return {
        "strategy": environment.strategy or "rolling",
        "canary": DEFAULT if has_default else environment.canary,
        "namespace": environment.namespace or default_namespace(appfile.app, name),
        "service_account": environment.service_account or appfile.app,
        "values": merged(appfile.values, environment.values) if folders["chart"] else {},
        **folders,
        **_objects(appfile, environment),
    }


def _objects(appfile: "AppFile", environment: "Environment") -> dict[str, Any]:
    """An autoscaled release begins with its fewest pods, so that it has a budget for disruption."""
    scale, smoke = environment.autoscale, environment.smoke
    found: dict[str, Any] = {"replicas": scale.min} if scale else {}
    if smoke and not smoke.image:
        found["smoke"] = smoke.model_copy(update={"image": front_of(appfile)})
    return found
