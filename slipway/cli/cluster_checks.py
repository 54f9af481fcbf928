"""What `slipway doctor` asks of a cluster: as which account, which version, what it may do."""

import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from slipway.cli.chains import chosen_targets, open_ledger
from slipway.cli.checks import Check, State, ask
from slipway.errors import BadInput, Refused, SlipwayError, Unreachable
from slipway.settings import RuntimeSettings

if TYPE_CHECKING:
    from blocks.platforms.kubernetes_api import Cluster
    from slipway.release import ReleaseSpec

NEWEST = (1, 37)
"""The newest Kubernetes whose published API our objects were held to."""
WHO_AM_I = "/apis/authentication.k8s.io/v1/selfsubjectreviews"
PATIENCE = 5


def is_cluster_used(settings: RuntimeSettings) -> bool:
    """Whether this installation names a cluster, or runs in one."""
    from blocks.platforms.kubernetes_access import is_in_cluster

    return bool(settings.kubeconfig or settings.kube_context) or is_in_cluster()


@dataclass(frozen=True)
class Used:
    """What the environments on the cluster need, as the ledger and the operator say."""

    namespaces: Sequence[str]
    has_charts: bool


def used(settings: RuntimeSettings, namespaces: Sequence[str], *, charts: bool) -> Used:
    """The given namespaces, or those of what was released; charts where asked or released."""
    specs = list(released(settings))
    known = {spec.kubernetes.namespace for spec in specs if spec.kubernetes}
    has = any(spec.kubernetes and spec.kubernetes.chart for spec in specs)
    return Used(tuple(namespaces) or tuple(sorted(known)), charts or has)


def released(settings: RuntimeSettings) -> Iterator["ReleaseSpec"]:
    """The newest release of each target of the ledger."""
    from slipway.history import good_releases

    for target in chosen_targets(settings, None, None):
        if good := good_releases(open_ledger(settings, target).records()):
            yield good[-1].spec


def cluster_checks(settings: RuntimeSettings, needs: Used) -> list[Check]:
    """The cluster and what is needed there; one line where it does not answer."""
    from blocks.platforms.kubernetes_access import by_settings
    from blocks.platforms.kubernetes_api import Cluster

    access = by_settings(settings.kubeconfig, settings.kube_context)
    with closing(Cluster(access, PATIENCE)) as cluster:
        first = ask("cluster", told(cluster, connection))
        if first.state is not State.GOOD:
            return [first]
        return [
            first,
            ask("cluster version", told(cluster, version)),
            *(line for name in needs.namespaces for line in namespace_checks(cluster, name)),
            *([] if needs.namespaces else [unknown_namespaces()]),
            ask("helm", lambda: helm(settings), needed=needs.has_charts),
            ask("kubectl", kubectl, needed=False),
        ]


def told(cluster: "Cluster", question: "Callable[[Cluster], str]") -> Callable[[], str]:
    """The question, with the API's refusal as one of our errors."""
    from blocks.platforms.kubernetes_api import ApiRefused, refusal

    def asked() -> str:
        try:
            return question(cluster)
        except ApiRefused as error:
            raise refusal("a question to the cluster", error) from None

    return asked


def connection(cluster: "Cluster") -> str:
    """Where it is, and as whom it knows us.

    Raises:
        Unreachable: it does not answer. BadInput: no way to one is known.
    """
    review = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
    user = cluster.call("POST", WHO_AM_I, review)["status"]["userInfo"]["username"]
    return f"{cluster.client.configuration.host} as {user}"


def version(cluster: "Cluster") -> str:
    """Its version.

    Raises:
        Refused: older than what the pods of a release need.
    """
    from blocks.platforms.kubernetes_versions import version_fact

    fact = version_fact(cluster).rpartition(" ")[2]
    return fact + newer(fact)


def newer(found: str) -> str:
    """A remark where the version is newer than any that was tried. Pure."""
    digits = found.lstrip("v").split(".")[:2]
    major, minor = (int("".join(filter(str.isdigit, part)) or 0) for part in digits)
    if (major, minor) <= NEWEST:
        return ""
    return f", newer than {NEWEST[0]}.{NEWEST[1]}, the newest that was tried"


def namespace_checks(cluster: "Cluster", name: str) -> list[Check]:
    """Whether releases may be carried out in that namespace."""
    return [
        ask(f"namespace {name}", told(cluster, partial(namespace, name=name))),
        ask(f"permissions {name}", told(cluster, partial(permissions, name=name))),
    ]


def namespace(cluster: "Cluster", name: str) -> str:
    """Raises Refused where it is absent and may not be made."""
    from blocks.platforms.kubernetes_rights import may

    if not may(cluster, name, "", "namespaces", "get"):
        raise Refused(
            f"namespace {name} may not be read",
            allowed="verb get on namespaces, in that namespace",
            next_step=f"kubectl apply -k examples/kubernetes/..., or a Role in {name}",
        )
    if cluster.find(f"/api/v1/namespaces/{name}"):
        return "is there"
    if may(cluster, "", "", "namespaces", "create"):
        return "made by the first release"
    raise Refused(
        f"namespace {name} is absent, and this account may make none",
        next_step=f"kubectl create namespace {name}, or see examples/kubernetes",
    )


def permissions(cluster: "Cluster", name: str) -> str:
    """Raises Refused naming each verb that is missing."""
    from blocks.platforms.kubernetes_rights import permission_facts

    return permission_facts(cluster, name)[0]


def unknown_namespaces() -> Check:
    """Nothing was released to the cluster yet, so nobody knows where to look."""
    return Check(
        name="permissions",
        state=State.ABSENT,
        found="nothing was released to this cluster yet",
        next_step="slipway doctor --namespace APP-ENVIRONMENT",
    )


def helm(settings: RuntimeSettings) -> str:
    """Raises BadInput where Helm is missing or too old; only charts need it."""
    from blocks.platforms.kubernetes_access import by_settings
    from blocks.platforms.kubernetes_helm import Helm

    found = Helm(settings.helm, by_settings(settings.kubeconfig, settings.kube_context))
    major, minor = found.version
    return f"{major}.{minor} at {found.path}"


def kubectl() -> str:
    """Raises Unreachable where it is missing; only people need it, no release does."""
    if found := shutil.which("kubectl"):
        return found
    raise Unreachable("kubectl is not on PATH", next_step="install it to look around by hand")


def checks_of(
    settings: RuntimeSettings, namespaces: Sequence[str], *, charts: bool
) -> list[Check] | None:
    """The cluster's lines; None where this installation uses none.

    Raises:
        BadInput: namespaces or charts are named, and no cluster.
    """
    if is_cluster_used(settings):
        try:
            needs = used(settings, namespaces, charts=charts)
        except SlipwayError:
            needs = Used(tuple(namespaces), charts)  # the ledger has a line of its own
        return cluster_checks(settings, needs)
    if namespaces or charts:
        raise BadInput(
            "--namespace and --charts are for a cluster, and none is named",
            next_step="set SLIPWAY_KUBECONFIG or SLIPWAY_KUBE_CONTEXT",
        )
    return None
