"""What runs in one environment: the target and the specification of a release.

A specification holds everything that travels together: images by digest, config, secret versions,
resources. It is recorded whole in the ledger, so that a rollback deploys exactly what ran before.
"""

from functools import cached_property
from typing import Annotated, Any, Literal

from pydantic import (
    Field,
    JsonValue,
    SerializerFunctionWrapHandler,
    ValidationError,
    model_serializer,
)

from slipway.analysis import Analysis
from slipway.appfile_fields import Namespace, ServiceAccount
from slipway.appfile_objects import Autoscale, Gateway, Ingress, ServiceType
from slipway.canonical import content_digest
from slipway.errors import BadInput
from slipway.frozen import Frozen as Frozen  # noqa: PLC0414 - read from here by what is kept
from slipway.names import ConfigKey, Digest, Name, ReferenceText, check_name, short_digest


class Target(Frozen):
    """One environment of one app: where a chain of records and a running release belong."""

    app: Name
    environment: Name

    def __str__(self) -> str:
        return f"{self.app}/{self.environment}"


def parse_target(app: str, environment: str) -> Target:
    """A target from outside.

    Raises:
        BadInput: a name outside the grammar.
    """
    return Target(app=check_name(app), environment=check_name(environment))


class Resources(Frozen):
    """Limits of one container: memory in bytes, cpu in thousandths of a core, processes."""

    memory_bytes: Annotated[int, Field(ge=6 * 1024 * 1024)]
    cpu_millis: Annotated[int, Field(ge=1)]
    pids: Annotated[int, Field(ge=1)]


class Health(Frozen):
    """How a release is proved healthy: what is asked, what counts, for how long."""

    path: str = "/health"
    ready: str = "/ready"
    expect: tuple[int, ...] = (200,)
    deadline_seconds: int = 60
    bake_millis: int = 5000
    hits: int = 3


class ServiceSpec(Frozen):
    """One image of the release set, as it runs."""

    name: Name
    image: ReferenceText
    user: str
    resources: Resources
    replicas: Annotated[int, Field(ge=1, le=64)] = 1
    port: Annotated[int, Field(ge=1, le=65535)] | None = None
    command: tuple[str, ...] | None = None
    config: dict[ConfigKey, str] = Field(default_factory=dict)
    writable: tuple[str, ...] = ()
    stop_seconds: Annotated[int, Field(ge=0, le=3600)] = 10

    @property
    def digest(self) -> str:
        """The image's digest alone."""
        return self.image.partition("@")[2]


class Weight(Frozen):
    """One step of a canary: percent of the traffic, and how long it is watched there."""

    weight: Annotated[int, Field(ge=1, le=99)]
    hold_millis: Annotated[int, Field(ge=0)]


class SmokeSpec(Frozen):
    """A test that runs as a Job: by which service's image, what, and for how long at most."""

    service: Name
    command: tuple[str, ...]
    deadline_seconds: Annotated[int, Field(ge=1)]


OF_OBJECTS = ("values", "canary", "autoscale", "service_type", "ingress", "gateway", "smoke")


class KubernetesSpec(Frozen):
    """Where on a cluster a release runs, and as whom; neither is secret.

    Attributes:
        manifests: digest of the bundle that is applied (slipway.manifests), or
        chart: of the chart that is installed (slipway.charts); None where objects are generated.
            The bytes lie beside the ledger under this digest.
        values: of the chart, references not filled in (slipway.chart_values).
        canary: rising weights of strategy `canary`.
        autoscale, service_type, ingress, gateway, smoke: of generated objects.

    What says no more than its default is absent from what is written, so that ids on record stay as
    they are.
    """

    namespace: Namespace
    service_account: ServiceAccount
    manifests: Digest | None = None
    chart: Digest | None = None
    values: dict[str, JsonValue] = Field(default_factory=dict)
    canary: tuple[Weight, ...] = ()
    autoscale: Autoscale | None = None
    service_type: ServiceType = "ClusterIP"
    ingress: Ingress | None = None
    gateway: Gateway | None = None
    smoke: SmokeSpec | None = None

    @model_serializer(mode="wrap")
    def _without_what_is_absent(self, written: SerializerFunctionWrapHandler) -> dict[str, Any]:
        value: dict[str, Any] = written(self)
        for key in OF_OBJECTS:
            field = type(self).model_fields[key]
            if getattr(self, key) == field.get_default(call_default_factory=True):
                del value[key]
        return value


class ReleaseSpec(Frozen):
    """Everything that runs together in one environment.

    Attributes:
        platform: which platform runs it, as the app file says; a rollback needs no app file.
        front: name of the service that receives traffic.
        port: where users reach it on the platform's address.
        secrets: runtime secret name to version; never a value.
        kubernetes: absent on other platforms, also from what is written, so that the ids of their
            releases on record stay as they are.
        analysis: what the release must show before it counts as good; absent in the same way.
        migration: `forward-only` where older code may not work on the data that it leaves behind;
            absent in the same way.
    """

    target: Target
    platform: str = "docker"
    services: tuple[ServiceSpec, ...]
    front: Name
    port: Annotated[int, Field(ge=1, le=65535)]
    strategy: str = "blue-green"
    secrets: dict[Name, str] = Field(default_factory=dict)
    health: Health = Health()
    kubernetes: KubernetesSpec | None = None
    analysis: Analysis | None = None
    migration: Literal["forward-only"] | None = None

    @model_serializer(mode="wrap")
    def _without_what_is_absent(self, written: SerializerFunctionWrapHandler) -> dict[str, Any]:
        value: dict[str, Any] = written(self)
        for absent in ("kubernetes", "analysis", "migration"):
            if getattr(self, absent) is None:
                del value[absent]
        return value

    @cached_property
    def id(self) -> str:
        """12 hex digits that name the contents: the same contents, the same id."""
        return short_digest(content_digest(self.model_dump(mode="json")))

    @cached_property
    def secrets_id(self) -> str:
        """12 hex digits that name the set of secret versions."""
        return short_digest(content_digest(dict(self.secrets)))

    @property
    def front_service(self) -> ServiceSpec:
        """The service that receives traffic."""
        return next(service for service in self.services if service.name == self.front)


def parse_spec(body: dict[str, Any]) -> ReleaseSpec:
    """A specification out of a record.

    Raises:
        BadInput: the record's body is not a specification.
    """
    try:
        return ReleaseSpec.model_validate(body)
    except ValidationError as error:
        raise BadInput(
            "the record holds no valid release specification",
            found=f"{error.error_count()} errors, first at {error.errors()[0]['loc']}",
            next_step="slipway audit verify",
        ) from error
