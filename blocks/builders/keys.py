"""Remembers which image came of which inputs, signed, so that the registry can hold the memory.

The tag `key-HEX` leads from a build key to a digest on any agent. Whoever may push could set it, so
it counts only with a statement beside it that this builder signed.
"""

from collections.abc import Sequence

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from blocks.builders.inputs import BuildInputs
from blocks.registries.artifacts import pull_attestations, push_attestations
from blocks.registries.oci import Registry
from slipway.dsse import IN_TOTO, seal, unseal
from slipway.errors import BadInput, Busy, SignatureRefused, TagMoved, Tampered
from slipway.names import Reference
from slipway.statement import Statement, parse_statement, subject

KEY_TYPE = "urn:slipway:build-key:v1"


def remember(
    registry: Registry, image: Reference, inputs: BuildInputs, key: Ed25519PrivateKey
) -> None:
    """Keep that these inputs gave this image. The tag comes last: a death before it forgets.

    Raises:
        Busy: another agent built the same inputs meanwhile, and its image counts.
    """
    predicate = {"key": inputs.key, "inputs": inputs.model_dump(mode="json")}
    statement = Statement(subject(image), KEY_TYPE, predicate)
    push_attestations(registry, image, [seal(statement.payload(), IN_TOTO, key)])
    try:
        registry.tag(image.path, image.digest, inputs.tag)
    except TagMoved as error:
        raise Busy(
            f"another agent built {inputs.image} of the same inputs meanwhile",
            found=error.found,
            next_step="run again: its image is taken, nothing is built twice",
            stage="push",
        ) from error


def recall(
    registry: Registry, path: str, inputs: BuildInputs, keys: Sequence[Ed25519PublicKey]
) -> str | None:
    """The digest of the image that these inputs gave before, None where there is none.

    Args:
        keys: whose statements count.

    Raises:
        Tampered: the tag is there and no statement of this builder speaks for it.
    """
    digest = registry.head(path, inputs.tag)
    if digest is None:
        return None
    image = Reference(f"{registry.host}/{path}", digest)
    for envelope in _envelopes(registry, image):
        try:
            statement = parse_statement(unseal(envelope, IN_TOTO, keys))
        except (SignatureRefused, BadInput):
            continue
        wanted = (KEY_TYPE, subject(image), inputs.key)
        if (statement.predicate_type, statement.subjects, statement.predicate.get("key")) == wanted:
            return digest
    raise Tampered(
        f"{registry.host}/{path}:{inputs.tag} was not put there by this builder",
        found=f"{digest} without a statement of a key that counts",
        allowed="an image that this builder pushed",
        next_step="see who pushed it; after a change of the key, SLIPWAY_BUILD_TRUSTED_KEYS",
        stage="build",
    )


def _envelopes(registry: Registry, image: Reference) -> list[bytes]:
    try:
        return pull_attestations(registry, image)
    except BadInput:
        return []  # something else lies under their tag, which speaks for nothing
