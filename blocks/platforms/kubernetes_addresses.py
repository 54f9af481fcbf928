"""Where users reach a release: its front Service, and Ingresses that lead to it."""

from collections.abc import Iterable, Iterator

from blocks.platforms import kubernetes_names as names
from blocks.platforms.kubernetes_api import Cluster, path_of
from blocks.platforms.kubernetes_resources import known
from slipway.canonical import JsonObject
from slipway.errors import Cause, StepFailed
from slipway.release import ReleaseSpec

PENDING = "no address yet"


def reachable(cluster: Cluster, namespace: str, front: str) -> list[str]:
    """Every address of the front Service, and ways to it, as the cluster tells now."""
    found = cluster.find(path_of("Service", namespace, front)) or {}
    ingresses = cluster.list("Ingress", namespace)
    routes = known("HTTPRoute").list(cluster, namespace, "")
    return [*addresses(found), *of_ingresses(ingresses, front), *of_routes(routes, front)]


def addresses(service: JsonObject) -> list[str]:
    """Its load balancer's addresses, else its ports on every node, else its own. Pure."""
    spec = service.get("spec") or {}
    ports = spec.get("ports") or []
    hosts = _balanced(service)
    if hosts or spec.get("type") == "LoadBalancer":
        return [f"{host}:{port['port']}" for host in hosts or [PENDING] for port in ports]
    found = [f"{spec.get('clusterIP', '')}:{port['port']}" for port in ports]
    nodes = [f"every node:{port['nodePort']}" for port in ports if port.get("nodePort")]
    return [*found, *nodes]


def of_ingresses(ingresses: Iterable[JsonObject], front: str) -> Iterator[str]:
    """URL of each path that leads to the front Service, and where its controller listens. Pure."""
    for made in ingresses:
        spec = made.get("spec") or {}
        secure = {host for tls in spec.get("tls") or [] for host in tls.get("hosts") or []}
        at = ", ".join(_balanced(made)) or PENDING
        for rule in spec.get("rules") or []:
            for path in (rule.get("http") or {}).get("paths") or []:
                service = (path.get("backend") or {}).get("service") or {}
                if service.get("name") == front:
                    host = rule.get("host") or "*"
                    scheme = "https" if host in secure else "http"
                    yield f"{scheme}://{host}{path.get('path') or '/'} at {at}"


def of_routes(routes: Iterable[JsonObject], front: str) -> Iterator[str]:
    """Host and path of each route that leads to the front Service, and its gateway. Pure."""
    for made in routes:
        spec = made.get("spec") or {}
        parents = ", ".join(str(one.get("name")) for one in spec.get("parentRefs") or [])
        for rule in spec.get("rules") or []:
            if front in {one.get("name") for one in rule.get("backendRefs") or []}:
                paths = [(one.get("path") or {}).get("value") for one in rule.get("matches") or []]
                for host in spec.get("hostnames") or ["*"]:
                    yield f"{host}{(paths or ['/'])[0] or '/'} by Gateway {parents}"


def _balanced(made: JsonObject) -> list[str]:
    balancer = (made.get("status") or {}).get("loadBalancer") or {}
    return [str(one.get("hostname") or one.get("ip")) for one in balancer.get("ingress") or []]


def certificate_facts(cluster: Cluster, spec: ReleaseSpec) -> list[str]:
    """Raises StepFailed where the Secret of the Ingress is missing, or holds no certificate."""
    wanted = spec.kubernetes.ingress if spec.kubernetes else None
    if not wanted or not wanted.tls_secret:
        return []
    namespace = names.namespace_of(spec)
    found = cluster.find(path_of("Secret", namespace, wanted.tls_secret))
    lacking = sorted({"tls.crt", "tls.key"} - set((found or {}).get("data") or {}))
    if lacking:
        what = f"lacks {', '.join(lacking)}" if found else "is missing"
        raise StepFailed(
            f"no certificate for {wanted.host}",
            found=f"Secret {wanted.tls_secret} {what} in namespace {namespace}",
            allowed="a Secret of type kubernetes.io/tls, made before the release",
            next_step=f"kubectl -n {namespace} create secret tls {wanted.tls_secret} "
            "--cert=FILE --key=FILE",
            cause=Cause.INPUT,
        )
    return [f"the certificate of {wanted.host} is there"]
