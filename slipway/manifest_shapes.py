"""The shape of what rendering touches in manifests; the API server judges the rest. Pure."""

from collections.abc import Iterator
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from slipway.appfile_errors import Problem
from slipway.canonical import JsonObject
from slipway.manifest_documents import identity
from slipway.manifest_pods import templates_in
from slipway.strict_yaml import Path


class _Part(BaseModel):
    """Part of an object: more keys are fine, no type is guessed for another."""

    model_config = ConfigDict(strict=True, extra="allow")


class _Named(_Part):
    name: str


class _Mount(_Part):
    mountPath: str  # noqa: N815 - the API's name


class _Port(_Part):
    containerPort: int  # noqa: N815


class _Container(_Named):
    image: str
    env: list[_Named] | None = None
    envFrom: list[dict[str, Any]] | None = None  # noqa: N815
    volumeMounts: list[_Mount] | None = None  # noqa: N815
    ports: list[_Port] | None = None
    securityContext: dict[str, Any] | None = None  # noqa: N815


class _Pod(_Part):
    containers: Annotated[list[_Container], Field(min_length=1)]
    initContainers: list[_Container] | None = None  # noqa: N815
    volumes: list[_Named] | None = None
    securityContext: dict[str, Any] | None = None  # noqa: N815


class _Metadata(_Part):
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}


class _Template(_Part):
    metadata: _Metadata = _Metadata()
    spec: _Pod


class _Templated(_Part):
    template: _Template


class _Workload(_Part):
    spec: _Templated


class _RoleBinding(_Part):
    subjects: list[dict[str, Any]] = []


_MODELS: dict[tuple[str, str], type[_Part]] = {
    ("apps", "Deployment"): _Workload,
    ("apps", "StatefulSet"): _Workload,
    ("apps", "DaemonSet"): _Workload,
    ("batch", "Job"): _Workload,
    ("rbac.authorization.k8s.io", "RoleBinding"): _RoleBinding,
}


def problems(document: JsonObject) -> Iterator[Problem]:
    """What has another shape than the Kubernetes API takes."""
    model = _MODELS.get(identity(document)[:2])
    if model:
        yield from _held_to(model, document, ())
    else:
        for path, template in templates_in(document):
            yield from _held_to(_Template, template, path)


def _held_to(model: type[_Part], value: JsonObject, path: Path) -> Iterator[Problem]:
    try:
        model.model_validate(value)
    except ValidationError as error:
        for details in error.errors(include_url=False, include_input=False):
            allowed = details["msg"].removeprefix("Input should be ")
            missing = details["type"] == "missing"
            found = "nothing" if missing else "another shape"
            what = "missing" if missing else "not valid"
            yield Problem((*path, *details["loc"]), what, found, allowed)
