"""The scene on a cluster: the same app with a namespace for each environment."""

import re
from dataclasses import dataclass
from functools import cached_property

from slipway.cli.demo.cluster import DemoCluster
from slipway.cli.demo.pulls import refuse_unreached
from slipway.cli.demo.scene import EXAMPLE, Scene
from slipway.cli.demo.sources import WorkingCopy
from slipway.cli.demo.ways import ServiceWays, are_services_routed
from slipway.cli.stack.prefect import KEEPER, WORKER
from slipway.cli.stack.registry import Registry
from slipway.cli.stack.settings import StackSettings
from slipway.cli.stack.stack import processes_of
from slipway.cli.stack.variables import read_environment

APP = "vouchers-k8s"
# Two sets of prod's pods stand beside each other at times, on a node of two cores.
CPUS = "0.15"
MEASURED = """    analysis:
      front-page: {http: {path: /, count: 4, interval: 500ms}}
"""
OWN = {"SLIPWAY_KUBECONFIG", "SLIPWAY_KUBE_CONTEXT"}


def on_cluster(appfile: str) -> str:
    """The app file of the Docker engine as one of a cluster, under another name. Pure."""
    head, heading, places = appfile.partition("\nenvironments:\n")
    head = re.sub(r"^app: .*$", f"app: {APP}", head, flags=re.MULTILINE)
    place = "platform: kubernetes\n    strategy: blue-green\n    port: 80"
    places = re.sub(r"port: 80\d\d$", place, places, flags=re.MULTILINE)
    # Measured on the preview: what breaks within seconds is found before users are sent there.
    places = re.sub(r"^    health: ", f"{MEASURED}    health: ", places, flags=re.MULTILINE)
    return head + heading + re.sub(r"cpus: [0-9.]+", f"cpus: {CPUS}", places)


@dataclass(frozen=True)
class ClusterCopy(WorkingCopy):
    """The app's repository, whose every commit is for the cluster."""

    def commit(self, subject: str) -> str:
        """As the other one, with the app file for the cluster."""
        file = self.folder / "slipway.yaml"
        if "platform: kubernetes" not in (text := file.read_text()):
            file.write_text(on_cluster(text))
        return super().commit(subject)


@dataclass(frozen=True)
class ClusterScene(Scene):
    """One stack with one app, whose environments are on a cluster."""

    @property
    def cluster(self) -> DemoCluster:
        """Where the app is released to."""
        return DemoCluster(self.settings)

    @cached_property
    def source(self) -> WorkingCopy:
        """The app's repository, made anew."""
        return ClusterCopy.of_example(EXAMPLE, self.folder / APP)

    @cached_property
    def find(self) -> ServiceWays:
        """How the client reaches the Services."""
        with self.cluster.opened() as cluster:
            return ServiceWays(self.cluster, are_services_routed(cluster))

    def addresses(self) -> dict[str, str]:
        """The Services, by the names that they have for pods."""
        front = next(iter(self.appfile.images))
        return {
            name: f"http://{front}.{self.appfile.app}-{name}.svc:{place.port}"
            for name, place in self.appfile.environments.items()
        }

    def prepare(self) -> None:
        """Namespaces that pull from this stack's registry, as an operator makes them."""
        login = {
            **Registry(self.settings).credentials("puller"),
            "registry": self.settings.registry,
        }
        made = self.cluster.prepare(self.watcher.targets, login)
        self.teller.proved(f"namespaces {', '.join(made)}, whose pods may pull")
        registry = self.settings.registry
        with self.cluster.opened() as cluster:
            refuse_unreached(cluster, made[0], self.appfile.app, registry)
        self.teller.proved(f"its nodes reach the registry {registry}")
        way = "their own addresses" if self.find.is_routed else "the Kubernetes API"
        self.teller.proved(f"Services are asked by {way}")


def stop_workers_of_another(settings: StackSettings) -> None:
    """Worker and keeper know one cluster from their start; those of another one start anew."""
    known = read_environment(settings.runtime_environment)
    if {name: known[name] for name in OWN & known.keys()} == settings.cluster_environment:
        return
    processes = processes_of(settings)
    for name in (KEEPER, WORKER):
        processes.stop(name)
