"""How the counting client reaches each environment."""

import socket
import ssl
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from slipway.cli.demo.cluster import DemoCluster
from slipway.errors import SlipwayError

if TYPE_CHECKING:
    from blocks.platforms.kubernetes_api import Cluster

ROUTE_SECONDS = 1.0


@dataclass(frozen=True)
class Way:
    """Where to send requests, and by what connections.

    Attributes:
        keeps: whether a kept connection outlives a release. A Service's own address has no proxy
            that would hold it, so there a kept one ends with its pod.
        verify, headers: of the Kubernetes API.
    """

    url: str
    keeps: bool = True
    verify: ssl.SSLContext | bool = True
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)


Find = Callable[[str], Way | None]


def as_named(address: str) -> Way | None:
    """The address itself."""
    return Way(address)


@dataclass(frozen=True)
class ServiceWays:
    """Ways to Services of a cluster, each named as `http://SERVICE.NAMESPACE.svc:PORT`."""

    cluster: DemoCluster
    is_routed: bool

    def __call__(self, address: str) -> Way | None:
        """The way; None as long as there is no such Service."""
        from blocks.platforms.kubernetes_api import ApiRefused, path_of

        name, namespace, port = parts(address)
        with suppress(ApiRefused, SlipwayError), self.cluster.opened() as cluster:
            if made := cluster.find(path_of("Service", namespace, name)):
                return self._way(cluster, made, port)
        return None

    def _way(self, cluster: "Cluster", service: Any, port: int) -> Way:
        if self.is_routed:
            return Way(f"http://{service['spec']['clusterIP']}:{port}", keeps=False)
        metadata = service["metadata"]
        path = (
            f"/api/v1/namespaces/{metadata['namespace']}/services/{metadata['name']}:{port}/proxy"
        )
        given = cluster.client.configuration
        token = given.get_api_key_with_prefix("authorization") or given.get_api_key_with_prefix(
            "BearerToken"
        )
        headers = {"Authorization": token} if token else {}
        return Way(f"{given.host}{path}", verify=tls(given), headers=headers)


def tls(configuration: Any) -> ssl.SSLContext:
    """The cluster's authority, and the certificate of whoever asks."""
    context = ssl.create_default_context(cafile=configuration.ssl_ca_cert)
    if configuration.cert_file:
        context.load_cert_chain(configuration.cert_file, configuration.key_file)
    return context


def parts(address: str) -> tuple[str, str, int]:
    """Service, namespace and port. Pure."""
    host, _, port = address.removeprefix("http://").partition(":")
    name, namespace, _ = host.split(".", 2)
    return name, namespace, int(port)


def are_services_routed(cluster: "Cluster") -> bool:
    """Whether this machine reaches the addresses of Services, as nodes and pods do."""
    found = cluster.get("/api/v1/namespaces/default/services/kubernetes")["spec"]
    try:
        address = (found["clusterIP"], found["ports"][0]["port"])
        socket.create_connection(address, timeout=ROUTE_SECONDS).close()
    except OSError:
        return False
    return True
