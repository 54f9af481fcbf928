"""Whether an image can be pulled: asked of its registry by digest, with the runtime login."""

from collections.abc import Callable

from pydantic import SecretStr

from blocks.platforms.kubernetes_prove import ProveImage
from blocks.registries.oci import Registry
from blocks.registries.transport import Credentials, Transport
from slipway.errors import Unreachable
from slipway.names import parse_reference

Login = Callable[[str], tuple[str, SecretStr] | None]


def in_registry(login: Login) -> ProveImage:
    """A check that raises ImageMissing where the registry does not hold the digest.

    A registry that does not answer here may answer the nodes, which may hold the image already: a
    way back is not refused for it.

    Args:
        login: the login for a registry's host, or None for anonymous.
    """

    def check(image: str) -> str:
        wanted = parse_reference(image)
        pair = login(wanted.registry)
        registry = Registry(Transport(wanted.registry, Credentials(*pair) if pair else None))
        try:
            registry.manifest(wanted.path, wanted.digest)
        except Unreachable as error:
            return f"image {image}: {error.message}; the nodes will tell"
        finally:
            registry.close()
        return f"image {image} can be pulled"

    return check
