"""Rules for images in manifests: of the app, or by digest. Pure."""

from collections.abc import Iterator, Sequence

from slipway.appfile_errors import Problem, closest
from slipway.canonical import JsonObject
from slipway.errors import BadInput
from slipway.manifest_pods import containers_in, image_name
from slipway.names import parse_reference


def problems(document: JsonObject, images: Sequence[str]) -> Iterator[Problem]:
    """Containers whose image is neither of the app nor named by digest.

    Args:
        images: names of the app file's images.
    """
    for path, container in containers_in(document):
        if "ephemeralContainers" in path:
            yield Problem(path, "for debugging alone", "an ephemeral container", "containers")
            continue
        image = container.get("image")
        if isinstance(image, str) and (image_name(image) in images or _is_by_digest(image)):
            continue
        found = ascii(image[:120])[1:-1] if isinstance(image, str) else "no image"
        hint = closest(image_name(found), list(images))
        allowed = f"{', '.join(images)}, or REGISTRY/PATH@sha256:..."
        yield Problem((*path, "image"), "neither of the app nor by digest", found, allowed, hint)


def images_in(document: JsonObject, images: Sequence[str]) -> set[str]:
    """Names of the app's images that a document runs."""
    texts = (container.get("image") for _, container in containers_in(document))
    return {image_name(text) for text in texts if isinstance(text, str)} & set(images)


def _is_by_digest(image: str) -> bool:
    try:
        parse_reference(image)
    except BadInput:
        return False
    return True
