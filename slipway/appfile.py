"""The app file `slipway.yaml`: what an app is made of and where it runs. Never a secret's value.

It lives in the app's own repository, is untrusted input, and travels inside the candidate, so that
a release or a rollback needs no checkout. docs/appfile.md explains every key.
"""

import json
from datetime import timedelta
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import Field, JsonValue, ValidationError
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core.core_schema import DictSchema

from slipway import appfile_checks, strict_yaml
from slipway.appfile_analysis import Check
from slipway.appfile_defaults import resolved
from slipway.appfile_errors import bad_app_file, problems_of
from slipway.appfile_fields import (
    Argv,
    ConfigValue,
    FolderPath,
    InsidePath,
    MountPath,
    Namespace,
    Owner,
    PlatformName,
    Section,
    ServiceAccount,
    TargetName,
    UrlPath,
    UserId,
)
from slipway.appfile_objects import Autoscale, Gateway, Ingress, ServiceType, Smoke
from slipway.canary import Canary
from slipway.canonical import JsonObject
from slipway.names import ConfigKey, Name
from slipway.quantities import Cpus, Duration, Memory, format_duration
from slipway.scan_policy import ScanPolicy

SOURCE = "slipway.yaml"
SCHEMA_ID = "urn:slipway:schema:appfile:v1"

Port = Annotated[int, Field(ge=1, le=65535)]
Config = Annotated[dict[ConfigKey, ConfigValue], Field(max_length=200)]
Values = Annotated[dict[Annotated[str, Field(min_length=1)], JsonValue], Field(max_length=200)]
Strategy: TypeAlias = Literal["rolling", "recreate", "blue-green", "canary"]


class Image(Section):
    """One container image of the app."""

    context: InsidePath = "."
    """Folder handed to the build, relative to the app file."""
    dockerfile: InsidePath = "Dockerfile"
    """Dockerfile, relative to the context."""
    target: TargetName | None = None
    """Stage of the Dockerfile to build; the last one by default."""
    build_args: Annotated[dict[ConfigKey, ConfigValue], Field(max_length=100)] = Field(
        default_factory=dict
    )
    """Build arguments. They can be read from the image: never a secret."""
    build_secrets: tuple[Name, ...] = ()
    """Ids of secret mounts that the build may use (`RUN --mount=type=secret,id=...`)."""
    port: Port | None = None
    """Port the container listens on; none for a worker."""
    user: UserId = "65532"
    """Numeric uid, never root."""
    command: Argv | None = None
    """Replaces the image's command."""
    writable: Annotated[tuple[MountPath, ...], Field(max_length=20)] = ()
    """Folders in memory that the container may write; the rest of its root is read-only."""
    stop_seconds: Annotated[int, Field(ge=0, le=3600)] = 10
    """Seconds between the signal to stop and the kill."""
    config: Config = Field(default_factory=dict)
    """Environment variables of this image alone."""


class Secret(Section):
    """What a runtime secret must look like; the value stays in the secret source."""

    format: Literal["text", "url", "json", "list"] = "text"
    """Checked before anything is changed; `list` is separated by commas."""
    owner: Owner
    """Who rotates it."""
    maximum_age_days: Annotated[int, Field(ge=1, le=3650)] | None = None
    """Older than this, the secrets audit reports it."""


class Resources(Section):
    """Limits of one container."""

    memory: Memory = Field(default_factory=lambda: 128 * 2**20, ge=6 * 2**20)
    """Memory, at least 6MiB; 128MiB by default."""
    cpus: Cpus = 0.5
    """Cores, as in 0.5."""
    pids: Annotated[int, Field(ge=1, le=32_768)] = 64
    """Processes and threads."""


class Gate(Section):
    """Who must agree before a release enters the environment."""

    approvals: int = Field(default_factory=int, ge=0, le=9)
    """Signed approvals by different people, not the requester; by default 1 for stage and prod."""
    timeout: Duration = Field(default_factory=lambda: timedelta(minutes=10))
    """How long a release waits for them; by default 30m for prod, else 10m."""


class Health(Section):
    """How a release is proved healthy before and after it receives traffic."""

    path: UrlPath = "/health"
    """Answers while the process is alive."""
    ready: UrlPath = "/ready"
    """Answers once it can serve."""
    expect: Annotated[
        tuple[Annotated[int, Field(ge=100, le=599)], ...], Field(min_length=1, max_length=20)
    ] = (200,)
    """Statuses that count as healthy; a first-run Jenkins answers 403."""
    deadline: Duration = timedelta(seconds=60)
    """Time to become ready."""
    bake: Duration = timedelta(seconds=5)
    """Time under traffic before the release counts as good."""
    hits: Annotated[int, Field(ge=1, le=100)] = 3
    """Good answers in a row that verification needs."""


class Drill(Section):
    """The rehearsed rollback."""

    budget: Duration = timedelta(seconds=30)
    """Longest time to restore; over it the drill fails."""


class Environment(Section):
    """One place where the app runs."""

    platform: PlatformName = "docker"
    """`docker`, `kubernetes`, or a platform block as in slipway-kubernetes-platform/NAME."""
    namespace: Namespace | None = None
    """Kubernetes namespace, of this environment alone; APP-ENVIRONMENT by default."""
    service_account: ServiceAccount | None = None
    """Kubernetes service account of the pods; APP by default."""
    manifests: FolderPath | None = None
    """Folder of plain Kubernetes manifests; by default that of the app, else they are generated."""
    chart: FolderPath | None = None
    """Folder of a Helm chart, instead of manifests; by default that of the app."""
    values: Values = Field(default_factory=dict)
    """Values of the chart; they are merged into those of the app. Never a secret."""
    replicas: Annotated[int, Field(ge=1, le=64)] = 1
    """Containers of each image."""
    autoscale: Autoscale | None = None
    """On Kubernetes instead of `replicas`; `{}` is 2 to 10 pods at 80 % of their cores."""
    service_type: ServiceType = "ClusterIP"
    """On Kubernetes, who can reach the front Service: the cluster, its nodes, a load balancer."""
    ingress: Ingress | None = None
    """On Kubernetes, a name from outside for the front image; none by default."""
    gateway: Gateway | None = None
    """The same by the Gateway API; a canary's weights are then exact shares of its requests."""
    smoke: Smoke | None = None
    """On Kubernetes, a test that every release must pass under traffic; none by default."""
    port: Port
    """Where users reach the front image; on Kubernetes the port of its Service."""
    resources: Resources = Resources()
    config: Config = Field(default_factory=dict)
    """Environment variables; they win over those of the app and of the image."""
    strategy: Strategy | None = None
    """How traffic moves to the new release; `rolling` by default on Kubernetes, else blue-green."""
    canary: Canary = Canary()
    gate: Gate = Gate()
    """By default one approval within 10m for stage, within 30m for prod, none elsewhere."""
    after: Name | None = None
    """Environment that must have verified the candidate; by default the one above in the file."""
    health: Health = Health()
    analysis: Annotated[dict[Name, Check], Field(max_length=20)] = Field(default_factory=dict)
    """Checks that a healthy release must pass before it counts as good, in their order."""
    drill: Drill = Drill()


class AppFile(Section):
    """The app file. `parse` returns it with every default filled in."""

    app: Name
    """Name of the app; candidate and images live under it in the registry."""
    images: Annotated[dict[Name, Image], Field(min_length=1, max_length=16)]
    """The images that are released together, by name."""
    front: Name | None = None
    """The image that receives traffic; may be left out where one image has a port."""
    secrets: Annotated[dict[Name, Secret], Field(max_length=100)] = Field(default_factory=dict)
    """Runtime secrets, mounted as files /run/secrets/NAME."""
    config: Config = Field(default_factory=dict)
    """Environment variables of every image and environment; not secret."""
    manifests: FolderPath | None = None
    """Folder of plain Kubernetes manifests, of every environment that names no other."""
    chart: FolderPath | None = None
    """Folder of a Helm chart, of every environment that names no other."""
    values: Values = Field(default_factory=dict)
    """Values of the chart in every environment; they may refer to images by digest."""
    migration: Literal["reversible", "forward-only"] = "reversible"
    """`forward-only`: older code may not work on the data this release leaves behind."""
    scan: ScanPolicy = ScanPolicy()
    tests: Annotated[tuple[Argv, ...], Field(max_length=50)] = ()
    """Commands that `integrate` runs before it builds: lists of arguments, no shell."""
    environments: Annotated[dict[Name, Environment], Field(min_length=1, max_length=16)]
    """The places it runs, in the order of promotion."""


def parse(data: bytes, source: str = SOURCE) -> AppFile:
    """The app file in `data`, with every default filled in.

    Args:
        data: UTF-8 YAML, at most 64 KiB.
        source: names the text in errors.

    Raises:
        BadInput: every problem, by path and line; `evidence` lists them all.
    """
    document = strict_yaml.load(data, source)
    try:
        shaped = AppFile.model_validate_json(json.dumps(document.value))
    except ValidationError as error:
        raise bad_app_file(source, document, problems_of(error, AppFile, document)) from None
    if problems := appfile_checks.problems(shaped):
        raise bad_app_file(source, document, problems)
    return resolved(shaped)


def dump(appfile: AppFile) -> bytes:
    """Text that `parse` reads as this app file. JSON, which is also YAML."""
    value = appfile.model_dump(mode="json")
    return json.dumps(value, indent=2, ensure_ascii=False).encode() + b"\n"


def json_schema() -> JsonObject:
    """JSON Schema (draft 2020-12) of the app file, for editors."""
    schema = AppFile.model_json_schema(schema_generator=_SchemaInFileWords)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": SCHEMA_ID,
        **schema,
        "title": "slipway.yaml",
    }


def config_of(appfile: AppFile, environment: str, image: str) -> dict[str, str]:
    """Environment variables of one image in one environment; the more specific wins."""
    return {
        **appfile.config,
        **appfile.images[image].config,
        **appfile.environments[environment].config,
    }


def manifest_folders(appfile: AppFile) -> list[str]:
    """The folders of manifests that environments use, by name."""
    places = appfile.environments.values()
    return sorted({place.manifests for place in places if place.manifests})


def chart_folders(appfile: AppFile) -> list[str]:
    """The folders of charts that environments use, by name."""
    return sorted({place.chart for place in appfile.environments.values() if place.chart})


class _SchemaInFileWords(GenerateJsonSchema):
    """Defaults as the file writes them; keys outside the grammar refused."""

    def encode_default(self, dft: Any) -> Any:
        return format_duration(dft) if isinstance(dft, timedelta) else super().encode_default(dft)

    def dict_schema(self, schema: DictSchema) -> JsonSchemaValue:
        found = super().dict_schema(schema)
        return {**found, "additionalProperties": False} if "patternProperties" in found else found
