"""Which tier does a credential belong to, by its name? Pure.

The build tier lives in Jenkins alone, the runtime tier in the secret store of each environment, and
config is no secret at all. What an app file declares is runtime, unless it is of the build tier.
"""

import re
from collections.abc import Collection
from enum import StrEnum

from slipway.errors import BadInput
from slipway.lint.words import is_build_tier, is_runtime_tier, same_name
from slipway.names import NAME_LENGTH, check_name


class Tier(StrEnum):
    """Where a value belongs."""

    BUILD = "build"
    RUNTIME = "runtime"
    CONFIG = "config"
    UNDECIDED = "undecided"


_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_PULL = re.compile(r"(^|-)pull(-|$)")
_BUILD = (
    ("prefect-api-auth", re.compile(r"^prefect-api-auth")),
    ("prefect-api-key", re.compile(r"^prefect-api-key")),
    ("prefect-api-url", re.compile(r"^prefect-api-url")),
    (
        "docker-registry-credentials",
        re.compile(r"^(docker|container|image)?-?(registry|hub)-|^docker-cred|^(ghcr|ecr|harbor)-"),
    ),
    ("git-credentials", re.compile(r"^(git|github|gitlab|bitbucket)-")),
    ("build-mail-credentials", re.compile(r"^build-mail-")),
    ("build-signing-key", re.compile(r"(^|-)(cosign|signing)-key$|^cosign-")),
)
_CONFIG = re.compile(
    r"(^|-)(namespace|service-account|service-account-name|feature-flags?|log-level|region)$"
)
_RUNTIME = re.compile(r"(^|-)(api-keys?|application-config)$")


def tier_of(name: str, declared: Collection[str] = ()) -> Tier:
    """The tier of a name; UNDECIDED where neither the app file nor the words tell.

    Args:
        declared: runtime secrets of the app file.
    """
    plain = plain_name(name)
    if not _PULL.search(plain) and (jenkins_id(name) or is_build_tier(name)):
        return Tier.BUILD
    if any(same_name(name, one) for one in declared):
        return Tier.RUNTIME
    if _CONFIG.search(plain):
        return Tier.CONFIG
    told = _RUNTIME.search(plain) or _PULL.search(plain) or is_runtime_tier(name)
    return Tier.RUNTIME if told else Tier.UNDECIDED


def jenkins_id(name: str) -> str | None:
    """Id of the Jenkins credential that takes the value, where the pipeline has one for it."""
    plain = plain_name(name)
    return next((known for known, pattern in _BUILD if pattern.search(plain)), None)


def plain_name(name: str) -> str:
    """Lower case words with single dashes, as in `database-url` for `DATABASE_URL`."""
    words = _CAMEL.sub("-", name).lower()
    return re.sub(r"[^a-z0-9]+", "-", words).strip("-")


def store_name(name: str) -> str:
    """The name in the runtime store.

    Raises:
        BadInput: no store takes it; one has to be given.
    """
    try:
        return check_name(plain_name(name))
    except BadInput:
        raise BadInput(
            "an old name gives no name for the store",
            found=ascii(name[:80]),
            allowed=f"letters, digits and dashes, a letter first, at most {NAME_LENGTH}",
            next_step="save it under another name in the old store first",
        ) from None
