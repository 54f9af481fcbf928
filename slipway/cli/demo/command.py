"""`slipway demo`: sets the scene, lets traffic run, tells the story, counts."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from slipway.cli import stack
from slipway.cli.demo.cluster import DemoCluster, cluster_settings
from slipway.cli.demo.cluster_scene import ClusterScene, stop_workers_of_another
from slipway.cli.demo.scene import Scene
from slipway.cli.demo.story import Story
from slipway.cli.demo.telling import Teller
from slipway.cli.demo.traffic import Traffic
from slipway.cli.environment import take_stack_variables
from slipway.cli.stack.settings import StackSettings
from slipway.errors import BadInput, VerificationFailed
from slipway.terminal import out, table


class Where(StrEnum):
    """What the story is told on."""

    DOCKER = "docker"
    KUBERNETES = "kubernetes"


def demo(
    chapters: Annotated[int, typer.Option(min=1, help="Tell only so many chapters.")] = 99,
    target: Annotated[Where, typer.Option(help="Where the app is released to.")] = Where.DOCKER,
    context: Annotated[
        str | None, typer.Option(help="The cluster, by its context in the kubeconfig.")
    ] = None,
    kubeconfig: Annotated[
        Path | None, typer.Option(help="The cluster's kubeconfig; kubectl's own by default.")
    ] = None,
) -> None:
    """Tell the whole story: commit to production, and back, while a client counts requests."""
    settings = StackSettings()
    if target is Where.KUBERNETES:
        settings = cluster_settings(kubeconfig, context, settings)
    elif context or kubeconfig:
        raise BadInput("a cluster is named", next_step="add --target kubernetes")
    scene = _set(settings, Teller(out()), target)
    with Traffic(scene.addresses(), scene.find) as traffic:
        for chapter in Story(scene, traffic).chapters()[:chapters]:
            chapter()
        traffic.stop()
        _count(scene.teller, traffic)
    _farewell(scene)


def _set(settings: StackSettings, teller: Teller, target: Where) -> Scene:
    is_cluster = target is Where.KUBERNETES
    beside = ", beside a cluster" if is_cluster else ""
    teller.chapter(f"A registry, a Prefect server and a worker on this machine{beside}")
    if is_cluster:
        teller.proved(f"Kubernetes {DemoCluster(settings).version()} answers")
        stop_workers_of_another(settings)
    services = stack.up(settings, say=teller.step)
    for service in services:
        teller.proved(f"{service.name} {service.address}")
    take_stack_variables()
    scene = ClusterScene(settings, teller) if is_cluster else Scene(settings, teller)
    scene.prepare()
    stored = scene.store_secrets()
    teller.proved(f"{len(stored)} runtime secrets are Prefect Secret blocks: {', '.join(stored)}")
    teller.proved(f"{scene.approver.name} is enrolled as approver, with an SSH key")
    return scene


def _count(teller: Teller, traffic: Traffic) -> None:
    teller.chapter("The count")
    rows = [
        (
            name,
            str(tally.requests),
            str(tally.failures),
            f"{tally.slowest_millis} ms",
            ", ".join(f"{version}: {count}" for version, count in tally.versions.items()),
        )
        for name, tally in traffic.tallies.items()
    ]
    teller.console.print(table("", ["environment", "requests", "failed", "slowest", "by"], rows))
    if traffic.failures or not traffic.requests:
        lines = [f"{n}: {line}" for n, tally in traffic.tallies.items() for line in tally.lines]
        raise VerificationFailed(
            f"{traffic.failures} of {traffic.requests} requests failed",
            allowed="none, and at least one request",
            evidence=lines,
        )
    teller.proved(f"{traffic.requests} requests, none failed, in {teller.seconds:.0f} s")


def _farewell(scene: Scene) -> None:
    say = scene.teller.say
    say("")
    say("Look around:")
    say(f"  {scene.settings.prefect_url}/runs  every run, with its plan, steps and artifacts")
    for name, address in scene.addresses().items():
        if way := scene.find(address):
            say(f"  {way.url}/docs  vouchers in {name}")
    app = scene.appfile.app
    say(f"  slipway status; slipway history {app} prod; slipway rollback {app} prod")
    say("  make down  stops the stack (ARGS=--apps removes the apps, ARGS=--purge everything)")
