"""Names that tell what a value is: a secret, and of which tier."""

import re

_SECRET = re.compile(
    r"(^|[_.-])(password|passwd|passphrase|(?<=[_.-])pwd|secret|secrets|token|tokens|apikey|api[_-]key|"
    r"private[_-]key|signing[_-]key|secret[_-]?key|access[_-]key|credential|credentials)($|[_.-])"
)
_HARMLESS = re.compile(
    r"[_.-](file|files|path|dir|name|names|id|ids|url|uri|arn|ref|version|ttl|seconds|block|"
    r"type|length|class|header|endpoint|expiry|expires|lifetime|limit|count|budget|size|policy|"
    r"days|age|enabled|required|timeout|prefix|format|provider|manager|store|backend|scope|mount)$|"
    r"(max|min|num|total)[_-]tokens$|(pull|existing|tls)[_-]secrets?$"
)
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_BUILD = re.compile(
    r"registry[_-]push|slipway[_-]build[_-]|cosign|prefect[_-]api[_-](key|auth)|"
    r"build[_-](signing[_-]key|mail[_-]credentials?)|git[_-]credentials?|jenkins[_-].*(token|password|credential)|"
    r"docker([_-]?hub|[_-]registry)?[_-](username|password|passwd|token|cred)"
)
_RUNTIME = re.compile(
    r"(^|[_-])(database|db|postgres|postgresql|mysql|mongo|mongodb|redis|rabbitmq|stripe|smtp|jwt|"
    r"session[_-]key|kubeconfig|kube[_-]config|external[_-]api[_-]keys?|application[_-]config)"
    r"([_-]|$)"
)
_CONFIG = re.compile(
    r"(^|[_-])((k8s|kube|kubernetes)[_-](namespace|ns|service[_-]?account)|feature[_-]flags?)$"
)
_STAND_IN = re.compile(
    r"|x+|\*+|[.-]+|<.*>|\$.*|\{\{.*|%.*%|__.*|.*filled-in-later.*|(?:your|my|replace|insert|change|"
    r"example|dummy|test|todo|fake|placeholder|sample)(?:$|[-_ ]?\w.*)|"
    r"null|none|true|false|password|passwd|secret|token",
    re.IGNORECASE,
)


def looks_secret(name: str) -> bool:
    """Whether a variable or key of that name holds a secret, by its words."""
    plain = _plain(name)
    return bool(_SECRET.search(plain)) and not _HARMLESS.search(plain)


def is_build_tier(name: str) -> bool:
    """Whether the name is of a credential that belongs to the building tier alone."""
    return bool(_BUILD.search(_plain(name)))


def is_runtime_tier(name: str) -> bool:
    """Whether the name is of a secret that belongs to running apps alone."""
    return not is_build_tier(name) and bool(_RUNTIME.search(_plain(name)))


def is_config(name: str) -> bool:
    """Whether the name is of a setting that is no secret, as a namespace (S0-22)."""
    return bool(_CONFIG.search(_plain(name)))


def is_stand_in(value: str) -> bool:
    """Whether a value only shows where the real one goes, as in `changeme` or `${TOKEN}`."""
    return bool(_STAND_IN.fullmatch(value.strip()))


def same_name(one: str, other: str) -> bool:
    """Whether two spellings name the same, as `voucher-key` and `VOUCHER_KEY`."""
    return _plain(one).replace("_", "-") == _plain(other).replace("_", "-")


def _plain(name: str) -> str:
    return _CAMEL.sub("_", name).lower()
