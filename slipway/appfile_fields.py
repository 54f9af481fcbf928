"""Grammar of the app file's fields beyond names: paths, users, commands, texts for people."""

import re
from collections.abc import Callable
from decimal import Decimal
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, WithJsonSchema

from slipway.errors import BadInput
from slipway.names import check_name


class Section(BaseModel):
    """A part of the app file: immutable, unknown keys refused, no type guessed for another."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, use_attribute_docstrings=True
    )


_INSIDE = r"(?:\.|[A-Za-z0-9_][A-Za-z0-9_.-]*(?:/[A-Za-z0-9_][A-Za-z0-9_.-]*)*)"
_MOUNT = r"(?:/[A-Za-z0-9_][A-Za-z0-9_.-]*)+"
_URL_PATH = r"/(?:[A-Za-z0-9._~%=&?-][A-Za-z0-9._~%=&?/-]*)?"
_PLATFORM = r"docker|kubernetes|[a-z][a-z0-9-]*/[a-z0-9][a-z0-9-]*"
_LABEL = r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?"
_TARGET = r"[A-Za-z0-9][A-Za-z0-9_.-]*"
_HOST = r"(?:[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:.]+\])"
_HTTP_ADDRESS = rf"https?://{_HOST}(?::[0-9]{{1,5}})?(?:/[A-Za-z0-9_-][A-Za-z0-9._~-]*)*"
_DECIMAL = r"-?(?:0|[1-9][0-9]{0,17})(?:\.[0-9]{1,18})?"
_SHARE = r"0\.[0-9]{1,4}"
_FINDING = r"[A-Z][A-Z0-9]*(?:-[A-Za-z0-9]+)+"
_RESERVED_MOUNTS = ("/run/secrets", "/proc", "/sys", "/dev", "/etc")


def _matching(pattern: str, kind: str, allowed: str, longest: int) -> tuple[object, object]:
    compiled = re.compile(pattern)

    def check(value: str) -> str:
        if len(value) > longest or not compiled.fullmatch(value):
            raise BadInput(f"{kind} is not valid", found=ascii(value[:80]), allowed=allowed)
        return value

    schema = {"type": "string", "pattern": f"^(?:{pattern})$", "maxLength": longest}
    return AfterValidator(check), WithJsonSchema(schema)


def _refusing(bad: Callable[[str], bool], kind: str, allowed: str) -> AfterValidator:
    def check(value: str) -> str:
        if bad(value):
            raise BadInput(f"{kind} is not valid", found=ascii(value[:80]), allowed=allowed)
        return value

    return AfterValidator(check)


def _subdomain(kind: str) -> tuple[object, object]:
    allowed = "lower case letters, digits, inner dashes and dots, at most 253 characters"
    return _matching(rf"{_LABEL}(?:\.{_LABEL})*", kind, allowed, 253)


def _leaves_root_writable(path: str) -> bool:
    return any(f"{path}/".startswith(f"{reserved}/") for reserved in _RESERVED_MOUNTS)


def _without_user(address: str) -> str:
    """What stands before an @ may be a password, so it is not told."""
    if "@" in address:
        raise BadInput(
            "address is not valid", found="a user or a password", allowed="an address without"
        )
    return address


def _is_of_the_cluster(namespace: str) -> bool:
    return namespace.startswith("kube-")


def _image_or_all(value: str) -> str:
    return value if value == "*" else check_name(value)


InsidePath = Annotated[
    str,
    *_matching(
        _INSIDE,
        "path",
        "a path inside the app's tree as in . or a/b: no .., no space, no dash, dot or slash first",
        200,
    ),
]
FolderPath = Annotated[
    str,
    *_matching(
        f"{_INSIDE}/?",
        "folder",
        "a folder inside the app's tree as in deploy/base: no .., no space, no dash, dot or slash "
        "first",
        200,
    ),
    AfterValidator(lambda path: path.removesuffix("/")),
]
MountPath = Annotated[
    str,
    *_matching(_MOUNT, "mount point", "an absolute path as in /var/cache, without ..", 200),
    _refusing(_leaves_root_writable, "mount point", "not in " + ", ".join(_RESERVED_MOUNTS)),
]
UrlPath = Annotated[
    str,
    *_matching(
        _URL_PATH, "URL path", "a path as in /health, without a host, one / at its front", 200
    ),
]
HttpAddress = Annotated[
    str,
    AfterValidator(_without_user),
    *_matching(
        _HTTP_ADDRESS,
        "address",
        "an address as in http://prometheus:9090, without user, query or / at its end",
        200,
    ),
]
DecimalText = Annotated[
    str, *_matching(_DECIMAL, "number", "a decimal number in quotes, as in 0.05", 40)
]
Share = Annotated[
    str,
    *_matching(_SHARE, "share", "a decimal number in quotes, as in 0.01", 6),
    _refusing(
        lambda share: not Decimal("0.0005") <= Decimal(share) <= Decimal("0.5"),
        "share",
        "at least 0.0005, at most 0.5",
    ),
]
UserId = Annotated[
    str, *_matching(r"[1-9][0-9]{0,8}", "user", "a numeric uid other than root, in quotes", 9)
]
PlatformName = Annotated[
    str,
    *_matching(
        _PLATFORM,
        "platform",
        "docker, kubernetes, or a block as in slipway-docker-platform/NAME",
        120,
    ),
]
Namespace = Annotated[
    str,
    *_matching(
        _LABEL,
        "namespace",
        "lower case letters, digits and inner dashes, at most 63 characters",
        63,
    ),
    _refusing(_is_of_the_cluster, "namespace", "none of the cluster's own, which start with kube-"),
]
ServiceAccount = Annotated[str, *_subdomain("service account")]
ObjectName = Annotated[str, *_subdomain("name")]
HostName = Annotated[
    str,
    *_matching(
        rf"{_LABEL}(?:\.{_LABEL})+",
        "host",
        "a name with a domain as in shop.example.org, in lower case, without port and path",
        253,
    ),
]
TargetName = Annotated[
    str, *_matching(_TARGET, "build target", "the name of a stage in the Dockerfile", 128)
]
FindingId = Annotated[
    str, *_matching(_FINDING, "vulnerability id", "an id as in CVE-2024-22195 or GHSA-...", 64)
]
Argument = Annotated[str, Field(max_length=4096)]
Argv = Annotated[tuple[Argument, ...], Field(min_length=1, max_length=64)]
ConfigValue = Annotated[str, Field(max_length=16_384)]
Text = Annotated[str, Field(min_length=1, max_length=400)]
Owner = Annotated[
    str, Field(min_length=1, max_length=128, pattern=r"^[A-Za-z0-9][A-Za-z0-9 ._@+-]*$")
]
ImageScope = Annotated[str, AfterValidator(_image_or_all)]


def on_kubernetes(platform: str) -> bool:
    """Whether a platform of this name is a Kubernetes cluster."""
    return platform.partition("/")[0] in ("kubernetes", "slipway-kubernetes-platform")
