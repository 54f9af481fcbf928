"""What the deployer's account may do, by the API server's own word.

Sources: SelfSubjectRulesReview and SelfSubjectAccessReview of authorization.k8s.io/v1. The first
answers for a whole namespace at once, unless an authorizer cannot list its rules.
"""

from collections.abc import Mapping, Sequence

from blocks.platforms.kubernetes_api import Cluster
from slipway.canonical import JsonObject
from slipway.errors import Cause, Refused
from slipway.manifest_kinds import HOOK_KIND
from slipway.release import ReleaseSpec

GROUP = "authorization.k8s.io/v1"
RULES = f"/apis/{GROUP}/selfsubjectrulesreviews"
REVIEWS = f"/apis/{GROUP}/selfsubjectaccessreviews"
NARROWER = {
    HOOK_KIND: ("get", "list", "watch", "create", "patch", "delete"),
    "Namespace": ("get", "patch"),
}
WRITING = ("get", "list", "create", "patch", "update", "delete")

# group, resource (with subresource): verbs that a release uses
Verbs = Mapping[tuple[str, str], tuple[str, ...]]
VERBS: Verbs = {
    ("apps", "deployments"): (*WRITING, "watch"),
    ("apps", "replicasets"): ("list", "watch"),
    ("", "services"): WRITING,
    ("", "configmaps"): WRITING,
    ("", "secrets"): WRITING,
    ("", "serviceaccounts"): ("get", "list", "create", "delete"),
    ("", "pods"): ("list", "watch"),
    ("", "pods/log"): ("get",),
    ("", "pods/portforward"): ("get", "create"),
    ("", "events"): ("list", "watch"),
    ("", "resourcequotas"): ("list",),
    ("policy", "poddisruptionbudgets"): WRITING,
    ("autoscaling", "horizontalpodautoscalers"): WRITING,
    ("networking.k8s.io", "networkpolicies"): WRITING,
    ("networking.k8s.io", "ingresses"): WRITING,
    ("batch", "jobs"): NARROWER[HOOK_KIND],
    ("discovery.k8s.io", "endpointslices"): ("list",),
    ("", "namespaces"): ("get",),
    ("coordination.k8s.io", "leases"): ("get", "create", "update"),
}
"""Of every release; one with manifests writes the kinds that these hold as well."""
ROUTED: Verbs = {("gateway.networking.k8s.io", "httproutes"): WRITING}
"""Of a release with a gateway, besides."""


def needed(spec: ReleaseSpec) -> Verbs:
    """What a release of generated objects uses. Pure."""
    is_routed = spec.kubernetes is not None and spec.kubernetes.gateway is not None
    return {**VERBS, **(ROUTED if is_routed else {})}


def permission_facts(cluster: Cluster, namespace: str, needed: Verbs = VERBS) -> list[str]:
    """Raises Refused naming every verb that the deployer's account lacks."""
    rules = listed(cluster, namespace)
    lacking = [
        f"{verb} {resource}" + (f".{group}" if group else "")
        for (group, resource), verbs in needed.items()
        for verb in verbs
        if not (
            is_granted(rules, group, resource, verb)
            or may(cluster, namespace, group, resource, verb)
        )
    ]
    if lacking:
        raise Refused(
            f"the deployer's account lacks permissions in namespace {namespace}",
            found="may not " + ", ".join(lacking),
            allowed="every verb that a release uses; docs/kubernetes-platform.md lists them",
            next_step=f"grant them by a Role and a RoleBinding in {namespace}",
            cause=Cause.PERMISSION,
        )
    return [f"all {sum(map(len, needed.values()))} permissions are there in {namespace}"]


def listed(cluster: Cluster, namespace: str) -> list[JsonObject]:
    """The rules that grant something there; none where an authorizer cannot tell all of its own.

    One of those might deny what another one's rules grant.
    """
    body = {"apiVersion": GROUP, "kind": "SelfSubjectRulesReview", "spec": {"namespace": namespace}}
    status = cluster.call("POST", RULES, body)["status"]
    return [] if status.get("incomplete", True) else status.get("resourceRules") or []


def is_granted(rules: Sequence[JsonObject], group: str, resource: str, verb: str) -> bool:
    """Whether a rule grants the verb on every object of the resource. Pure."""
    sub = resource.partition("/")[2]
    named = {resource, "*", *([f"*/{sub}"] if sub else [])}
    return any(
        not rule.get("resourceNames")
        and {verb, "*"} & set(rule.get("verbs") or ())
        and {group, "*"} & set(rule.get("apiGroups") or ())
        and named & set(rule.get("resources") or ())
        for rule in rules
    )


def may(cluster: Cluster, namespace: str, group: str, resource: str, verb: str) -> bool:
    """The API server's own answer for this account."""
    name, _, sub = resource.partition("/")
    attributes = {"namespace": namespace, "verb": verb, "group": group, "resource": name}
    body: JsonObject = {
        "apiVersion": GROUP,
        "kind": "SelfSubjectAccessReview",
        "spec": {"resourceAttributes": {**attributes, **({"subresource": sub} if sub else {})}},
    }
    return bool(cluster.call("POST", REVIEWS, body)["status"]["allowed"])
