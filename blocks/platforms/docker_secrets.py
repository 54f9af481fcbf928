"""Runtime secrets as files: a volume for each set of versions and user, written once.

Values go from the source into the engine's archive interface, inside one call; they are never in a
container's environment, an argument list or the inspect document.
"""

import io
import tarfile

import docker
from docker.errors import NotFound

from blocks.platforms import docker_names as names
from blocks.platforms.docker_engine import engine_errors
from blocks.platforms.docker_networks import refuse_foreign
from blocks.platforms.docker_session import archive
from slipway.canonical import JsonObject
from slipway.platform import StepContext
from slipway.release import ReleaseSpec, Target

FOLDER = "/run/secrets"
COMPLETE = ".complete"


def writer_request(volume: str, image: str, target: Target) -> JsonObject:
    """Body of POST /containers/create for the container that is never started."""
    return {
        "Image": image,
        "Labels": {**names.target_labels(target), names.ROLE: "secrets"},
        "NetworkDisabled": True,
        "HostConfig": {"Binds": [f"{volume}:{FOLDER}"], "NetworkMode": "none"},
    }


def secrets_archive(values: dict[str, bytes], user: int) -> bytes:
    """The files, readable by the user alone, and last the mark that all are there."""
    return archive({**values, COMPLETE: b""}, mode=0o400, user=user)


def ensure_secrets(
    api: docker.APIClient, spec: ReleaseSpec, image: str, context: StepContext
) -> list[str]:
    """Make every secrets volume of the release hold its files; the volumes that were written.

    Raises:
        SecretMissing, Unreachable: the source does not give a value.
        BadInput: another program owns the volume's name.
    """
    written = []
    for service in spec.services if spec.secrets else ():
        volume = names.secrets_volume(spec, service.user)
        if is_complete(api, spec, volume, image):
            continue
        context.check()
        values = {
            name: value.get_secret_value().encode()
            for name, value in context.values(spec.secrets).items()
        }
        _write(api, spec, volume, image, secrets_archive(values, int(service.user)))
        written.append(volume)
    return written


def is_complete(api: docker.APIClient, spec: ReleaseSpec, volume: str, image: str) -> bool:
    """Whether the volume holds every file of the release."""
    return set(spec.secrets) | {COMPLETE} <= read_files(api, spec.target, volume, image).keys()


def _write(api: docker.APIClient, spec: ReleaseSpec, volume: str, image: str, files: bytes) -> None:
    with engine_errors(f"secrets volume {volume}"):
        labels = {**names.target_labels(spec.target), names.SECRETS: spec.secrets_id}
        api.create_volume(volume, labels=labels)
        writer = api.create_container_from_config(writer_request(volume, image, spec.target))
        try:
            api.put_archive(writer["Id"], FOLDER, files)
        finally:
            api.remove_container(writer["Id"], force=True)


def read_files(api: docker.APIClient, target: Target, volume: str, image: str) -> dict[str, bytes]:
    """Names and contents of the volume's files; empty where there is no such volume.

    Raises:
        BadInput: the volume was not made by Slipway for this target.
    """
    with engine_errors(f"secrets volume {volume}"):
        try:
            found = api.inspect_volume(volume)
        except NotFound:
            return {}
        refuse_foreign(f"volume {volume}", found.get("Labels"), target)
        reader = api.create_container_from_config(writer_request(volume, image, target))
        try:
            pieces, _ = api.get_archive(reader["Id"], f"{FOLDER}/.")
            return _files(b"".join(pieces))
        finally:
            api.remove_container(reader["Id"], force=True)


def _files(data: bytes) -> dict[str, bytes]:
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        members = [member for member in tar.getmembers() if member.isfile()]
        return {
            member.name.rpartition("/")[2]: content.read()
            for member in members
            if (content := tar.extractfile(member))
        }
