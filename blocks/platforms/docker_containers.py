"""One container of a release: its request to the engine, and its fields as the engine tells them.

Pure. `fields_of` reads back what `container_request` asked for, so that a release that runs as
specified shows no difference.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from blocks.platforms import docker_names as names
from slipway.canonical import JsonObject, canonical_json
from slipway.errors import BadInput
from slipway.quantities import format_memory
from slipway.release import ReleaseSpec, ServiceSpec

SECRETS_PATH = "/run/secrets"
NANO_PER_MILLI = 1_000_000
NANO = 1_000_000_000
HEALTH_RETRIES = 3
HEALTH_TIMEOUT_SECONDS = 5
LIMITS = ("memory", "cpu", "pids")
TMPFS = "rw,noexec,nosuid,nodev,size=64m,mode=1777"


@dataclass(frozen=True, slots=True)
class Maker:
    """Who makes a container: the claim's number, and the candidate it was made for first."""

    token: int
    candidate: str


def container_request(
    spec: ReleaseSpec,
    service: ServiceSpec,
    replica: int,
    *,
    maker: Maker,
    health_seconds: int,
    address: str,
) -> JsonObject:
    """Body of POST /containers/create: non-root, read-only root, no capabilities, limits.

    Args:
        health_seconds: seconds between two runs of the image's HEALTHCHECK.
        address: in the release's network; fixed, since others may have looked it up only once.

    Raises:
        BadInput: the service would run as root.
    """
    network = names.release_network(spec)
    return {
        "Image": service.image,
        "User": checked_user(service),
        "Hostname": service.name,
        "Env": [f"{key}={value}" for key, value in sorted(service.config.items())],
        **({"Cmd": list(service.command)} if service.command else {}),
        "Labels": labels_of(spec, service, replica, maker),
        "Healthcheck": healthcheck(spec, health_seconds),
        "StopTimeout": service.stop_seconds,
        "HostConfig": host_config(spec, service, network),
        "NetworkingConfig": {
            "EndpointsConfig": {
                network: {"Aliases": [service.name], "IPAMConfig": {"IPv4Address": address}}
            }
        },
    }


def checked_user(service: ServiceSpec) -> str:
    """The numeric user.

    Raises:
        BadInput: root, or a name whose number only the image knows.
    """
    if not service.user.isdecimal() or int(service.user) == 0:
        raise BadInput(
            f"service {service.name} needs a numeric user other than root",
            found=service.user,
            allowed="1 to 999999999, as in 65532",
            next_step=f"set images.{service.name}.user in slipway.yaml",
        )
    return service.user


def labels_of(
    spec: ReleaseSpec, service: ServiceSpec, replica: int, maker: Maker
) -> dict[str, str]:
    return {
        **names.release_labels(spec),
        names.ROLE: names.SERVICE_ROLE,
        names.SERVICE: service.name,
        names.REPLICA: str(replica),
        names.TOKEN: str(maker.token),
        names.CANDIDATE: maker.candidate,
        names.CONFIG_KEYS: ",".join(sorted(service.config)),
        names.COMMAND: argv_text(service.command) if service.command else "",
        names.SECRETS: canonical_json(spec.secrets).decode(),
        names.SETTINGS: canonical_json(settings_of(spec)).decode(),
    }


def settings_of(spec: ReleaseSpec) -> dict[str, str]:
    """What only Slipway knows of a release; the engine keeps it as a label."""
    health = spec.health
    ports = {f"{s.name}.port": str(s.port) for s in spec.services if s.port}
    return {
        **ports,
        "front": spec.front,
        "strategy": spec.strategy,
        "health.path": health.path,
        "health.ready": health.ready,
        "health.expect": ",".join(map(str, health.expect)),
        "health.deadline": f"{health.deadline_seconds}s",
        "health.bake": f"{health.bake_millis}ms",
        "health.hits": str(health.hits),
    }


def healthcheck(spec: ReleaseSpec, seconds: int) -> JsonObject:
    """The image's own check at our pace; until the deadline it may fail without being unhealthy."""
    return {
        "Interval": seconds * NANO,
        "Timeout": HEALTH_TIMEOUT_SECONDS * NANO,
        "Retries": HEALTH_RETRIES,
        "StartPeriod": spec.health.deadline_seconds * NANO,
    }


def limits(service: ServiceSpec) -> JsonObject:
    """The limits, also the body of POST /containers/{id}/update. No swap: over it, it ends."""
    return {
        "Memory": service.resources.memory_bytes,
        "MemorySwap": service.resources.memory_bytes,
        "NanoCpus": service.resources.cpu_millis * NANO_PER_MILLI,
        "PidsLimit": service.resources.pids,
    }


def host_config(spec: ReleaseSpec, service: ServiceSpec, network: str) -> JsonObject:
    """The limits and the hardening."""
    volume = names.secrets_volume(spec, service.user)
    return {
        "NetworkMode": network,
        "Binds": [f"{volume}:{SECRETS_PATH}:ro"] if spec.secrets else [],
        "Tmpfs": dict.fromkeys(service.writable, TMPFS),
        "ReadonlyRootfs": True,
        "CapDrop": ["ALL"],
        "SecurityOpt": ["no-new-privileges"],
        **limits(service),
        "RestartPolicy": {"Name": "unless-stopped"},
        "LogConfig": {"Type": "json-file", "Config": {"max-size": "10m", "max-file": "3"}},
        "Init": False,
    }


def spec_fields(spec: ReleaseSpec) -> dict[str, str]:
    """The fields that a target shows where the specification runs."""
    fields = {"port": str(spec.port), **settings_of(spec)}
    fields |= {f"secrets.{name}": version for name, version in spec.secrets.items()}
    for service in spec.services:
        own = {**service_fields(service), "replicas": str(service.replicas)}
        fields |= {f"{service.name}.{key}": value for key, value in own.items()}
    return fields


def service_fields(service: ServiceSpec) -> dict[str, str]:
    """What `container_fields` tells of each container of the service."""
    shape = {
        "image": service.digest,
        "memory": memory_text(service.resources.memory_bytes),
        "cpu": f"{service.resources.cpu_millis}m",
        "pids": str(service.resources.pids),
        "user": service.user,
        "stop": f"{service.stop_seconds}s",
    }
    if service.command:
        shape["command"] = argv_text(service.command)
    if service.writable:
        shape["writable"] = ",".join(sorted(service.writable))
    return shape | {f"config.{key}": value for key, value in service.config.items()}


def argv_text(argv: Iterable[str]) -> str:
    return canonical_json(list(argv)).decode()


def container_fields(inspected: JsonObject, image: JsonObject) -> dict[str, str]:
    """The fields of one container out of its inspect document and its image's."""
    config, host = inspected["Config"], inspected["HostConfig"]
    fields = {
        "image": running_digest(inspected, image),
        "memory": memory_text(host["Memory"]),
        "cpu": f"{host['NanoCpus'] // NANO_PER_MILLI}m",
        "pids": str(host["PidsLimit"]),
        "user": config["User"],
        "stop": f"{config.get('StopTimeout')}s",
    }
    if command := own_command(config, image["Config"]):
        fields["command"] = command
    if writable := host.get("Tmpfs"):
        fields["writable"] = ",".join(sorted(writable))
    if allowed := weaknesses(host):
        fields["allowed"] = ", ".join(allowed)
    declared = (config["Labels"].get(names.CONFIG_KEYS) or "").split(",")
    own = own_environment(config.get("Env"), image["Config"].get("Env"), declared)
    return fields | {f"config.{key}": value for key, value in own.items()}


def weaknesses(host: JsonObject) -> list[str]:
    """What `host_config` allows no container, and somebody allowed this one by hand."""
    allowed = {
        "privileged": bool(host.get("Privileged")),
        "writable root": not host.get("ReadonlyRootfs"),
        "capabilities": host.get("CapDrop") != ["ALL"] or bool(host.get("CapAdd")),
        "new privileges": "no-new-privileges" not in (host.get("SecurityOpt") or []),
        "the host's network": host.get("NetworkMode") == "host",
    }
    return [name for name, is_allowed in allowed.items() if is_allowed]


def is_as_specified(service: ServiceSpec, inspected: JsonObject, image: JsonObject) -> bool:
    """Whether a container is the service's in all but its limits, which can be set back."""
    found, wanted = container_fields(inspected, image), service_fields(service)
    return {**found, **dict.fromkeys(LIMITS)} == {**wanted, **dict.fromkeys(LIMITS)}


def running_digest(inspected: JsonObject, image: JsonObject) -> str:
    """The registry digest of the image that really runs; the image's id where it has none.

    One image id may be known under several digests: then the one that the container was made from.
    """
    digests = {known.partition("@")[2] for known in image.get("RepoDigests") or []}
    asked = str(inspected["Config"]["Image"]).partition("@")[2]
    if asked in digests:
        return asked
    return min(digests) if digests else str(inspected["Image"])


def own_environment(
    env: Iterable[str] | None, image_env: Iterable[str] | None, declared: Iterable[str]
) -> dict[str, str]:
    """Variables that the release set: declared ones, and whatever the image does not bring."""
    inherited, wanted = set(image_env or ()), set(declared)
    pairs = (entry.partition("=") for entry in env or () if entry)
    return {
        key: value for key, _, value in pairs if key in wanted or f"{key}={value}" not in inherited
    }


def own_command(config: JsonObject, image_config: JsonObject) -> str | None:
    """The command that really runs, where the release or somebody by hand chose it."""
    command = config.get("Cmd") or []
    is_declared = bool(config["Labels"].get(names.COMMAND))
    is_inherited = command == (image_config.get("Cmd") or [])
    return None if is_inherited and not is_declared else argv_text(command)


def memory_text(amount: int) -> str:
    """As people write it; in bytes where somebody set an odd number by hand."""
    return f"{amount}B" if amount % 1024 else format_memory(amount)


def declared_values(labels: Mapping[str, str]) -> list[str]:
    """Names of the variables that are declared config, so may be shown."""
    return (labels.get(names.CONFIG_KEYS) or "").split(",")
