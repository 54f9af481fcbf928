"""What Helm is called with, and what its refusals mean. Pure.

https://helm.sh/docs/helm/helm_upgrade/
"""

import base64
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from kubernetes.client import Configuration

from blocks.platforms import kubernetes_names as names
from slipway.canonical import JsonObject
from slipway.errors import BadInput, Cause, SlipwayError, StepFailed, Unreachable
from slipway.names import short_digest
from slipway.release import ReleaseSpec

CHART_FILE = "chart.tgz"
CHART = "slipway.dev/chart"
DESCRIBED = "slipway release "
HISTORY = 10
OLDEST = (3, 17)  # the first that takes ownership of objects which are there already
_VERSION = re.compile(r"v?(\d+)\.(\d+)")
# What a program of ours may see: how to reach things, never credentials.
_SEEN = frozenset(
    "PATH LANG TZ SSL_CERT_FILE SSL_CERT_DIR HTTP_PROXY HTTPS_PROXY NO_PROXY "
    "http_proxy https_proxy no_proxy".split()
)


@dataclass(frozen=True, slots=True)
class Act:
    """How a chart is installed.

    Attributes:
        major: of Helm's version.
        token: the claim's number, a label of the revision.
        candidate: for people who read `helm history`.
        take_over: take fields that another manager owns; a way back does.
        is_dry: let the API server judge, and keep nothing.
    """

    major: int
    token: int = 0
    candidate: str = ""
    take_over: bool = False
    is_dry: bool = False


def upgrade(spec: ReleaseSpec, act: Act) -> list[str]:
    """`helm upgrade --install`; the values come on stdin, the chart lies in the working folder.

    Without `--atomic`, `--rollback-on-failure` and `--wait`: the engine watches, keeps the evidence
    before pods vanish, and goes back with config and secrets.
    """
    labels = {names.RELEASE: spec.id, CHART: chart_id(spec), names.CLAIM: str(act.token)}
    argv = ["upgrade", "--install", "--values=-", f"--namespace={names.namespace_of(spec)}"]
    argv += ["--reset-values", "--take-ownership", f"--history-max={HISTORY}", "--output=json"]
    argv += [f"--timeout={max(spec.health.deadline_seconds, 1)}s"]
    argv += [f"--labels={','.join(f'{key}={value}' for key, value in sorted(labels.items()))}"]
    argv += [f"--description={description(spec, act.candidate)}"]
    if act.major >= 4:
        argv += ["--server-side=true", *(["--force-conflicts"] if act.take_over else [])]
    if act.is_dry:
        argv += ["--dry-run=server", "--hide-secret"]
    return [*argv, "--", release_name(spec), CHART_FILE]


def uninstall(release: str, namespace: str) -> list[str]:
    """`helm uninstall`, also of a release that is half there."""
    return ["uninstall", f"--namespace={namespace}", "--cascade=background", "--", release]


def release_name(spec: ReleaseSpec) -> str:
    """A namespace belongs to one environment, so the app's name is enough."""
    return spec.target.app


def chart_id(spec: ReleaseSpec) -> str:
    """12 hex digits that name the chart's content."""
    return short_digest(spec.kubernetes.chart or "") if spec.kubernetes else ""


def description(spec: ReleaseSpec, candidate: str) -> str:
    """What `helm history` shows of a revision of ours."""
    _, _, digest = candidate.partition("@")
    return f"{DESCRIBED}{spec.id}" + (f" of {short_digest(digest)}" if digest else "")


def version(text: str) -> tuple[int, int]:
    """Major and minor out of `helm version --template`.

    Raises:
        BadInput: older than OLDEST, or no version.
    """
    found = _VERSION.match(text.strip())
    parsed = (int(found[1]), int(found[2])) if found else (0, 0)
    if parsed < OLDEST:
        raise BadInput(
            "Helm is too old",
            found=ascii(text.strip()[:40]),
            allowed="Helm 3.17 or newer, or 4",
            next_step="install a newer one, or name it by SLIPWAY_HELM",
        )
    return parsed


def environment(seen: Mapping[str, str], folder: Path) -> dict[str, str]:
    """Variables of the process: all of Helm's own folders, and the kubeconfig, in ours."""
    own = {key: value for key, value in seen.items() if key in _SEEN}
    homes = {
        f"HELM_{kind}_HOME": str(folder / kind.lower()) for kind in ("CACHE", "CONFIG", "DATA")
    }
    private = {"HOME": str(folder), "TMPDIR": str(folder), "KUBECONFIG": str(folder / "kubeconfig")}
    return {**own, **homes, **private, "HELM_DRIVER": "secret"}


def kubeconfig(made: Configuration) -> JsonObject:
    """A kubeconfig for the cluster and the credentials of a client. Holds secrets."""
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "slipway",
        "contexts": [{"name": "slipway", "context": {"cluster": "slipway", "user": "slipway"}}],
        "clusters": [{"name": "slipway", "cluster": _cluster(made)}],
        "users": [{"name": "slipway", "user": _user(made)}],
    }


def _cluster(made: Configuration) -> JsonObject:
    cluster: JsonObject = {"server": made.host}
    if not made.verify_ssl:
        cluster["insecure-skip-tls-verify"] = True
    elif made.ssl_ca_cert:
        cluster["certificate-authority-data"] = _content(made.ssl_ca_cert)
    if name := getattr(made, "tls_server_name", None):
        cluster["tls-server-name"] = name
    if made.proxy:
        cluster["proxy-url"] = made.proxy
    return cluster


def _user(made: Configuration) -> JsonObject:
    user: JsonObject = {}
    if made.cert_file and made.key_file:
        user["client-certificate-data"] = _content(made.cert_file)
        user["client-key-data"] = _content(made.key_file)
    settings: JsonObject = {**made.auth_settings()}
    header = str((settings.get("BearerToken") or {}).get("value") or "")
    if header.startswith("Bearer "):
        user["token"] = header.removeprefix("Bearer ")
    return user


def _content(path: str) -> str:
    return base64.b64encode(Path(path).read_bytes()).decode()


# Words of Helm or of the API server, and what they mean; the first that is found counts.
_MEANINGS: Sequence[tuple[str, Cause]] = (
    ("don't meet the specifications of the schema", Cause.INPUT),
    ("another operation (install/upgrade/rollback) is in progress", Cause.CONFLICT),
    ("exceeded quota", Cause.QUOTA),
    ("violates PodSecurity", Cause.POLICY),
    ("admission webhook", Cause.POLICY),
    ("ValidatingAdmissionPolicy", Cause.POLICY),
    ("cannot be imported into the current release", Cause.CONFLICT),
    ("conflict", Cause.CONFLICT),
    (" is forbidden", Cause.PERMISSION),
    ("cluster unreachable", Cause.NETWORK),
    ("connection refused", Cause.NETWORK),
    ("i/o timeout", Cause.NETWORK),
    ("etcdserver", Cause.NETWORK),
    ("hooks failed", Cause.VERIFICATION),
    ("timed out waiting", Cause.TIMEOUT),
    ("parse error", Cause.INPUT),
    ("execution error", Cause.INPUT),
    ("error validating", Cause.INPUT),
    ("unable to build kubernetes objects", Cause.INPUT),
    ("is invalid", Cause.INPUT),
)


def cause_of(said: str) -> Cause:
    """The class of a failure of Helm by its words."""
    return next((cause for words, cause in _MEANINGS if words in said), Cause.VERIFICATION)


def failure(doing: str, said: str) -> SlipwayError:
    """What Helm refused, as one of our errors."""
    text = " ".join(said.replace("Error: ", "").split())[-600:] or "nothing was said"
    cause = cause_of(said)
    if cause is Cause.NETWORK:
        step = "see that the API server is well, then slipway recover"
        return Unreachable(f"{doing}: the cluster did not answer", found=text, next_step=step)
    if "specifications of the schema" in said:
        return BadInput(
            f"{doing}: the values do not fit the chart's values.schema.json",
            found=text,
            allowed="what the schema describes",
            next_step="correct `values` in slipway.yaml; nothing was changed",
        )
    if cause is Cause.INPUT:
        step = "see it by `helm template`; correct chart or `values`"
        return BadInput(f"{doing}: the chart cannot be rendered", found=text, next_step=step)
    return StepFailed(f"{doing}: Helm failed", found=text, cause=cause)
