"""`slipway demo`: sets the scene, lets traffic run, tells the story, counts."""

from typing import Annotated

import typer

from slipway.cli import stack
from slipway.cli.demo.scene import Scene
from slipway.cli.demo.story import Story
from slipway.cli.demo.telling import Teller
from slipway.cli.demo.traffic import Traffic
from slipway.cli.environment import take_stack_variables
from slipway.cli.stack.settings import StackSettings
from slipway.errors import VerificationFailed
from slipway.terminal import out, table


def demo(
    chapters: Annotated[int, typer.Option(min=1, help="Tell only so many chapters.")] = 99,
) -> None:
    """Tell the whole story: commit to production, and back, while a client counts requests."""
    settings = StackSettings()
    teller = Teller(out())
    scene = _set(settings, teller)
    with Traffic(scene.addresses()) as traffic:
        for chapter in Story(scene, traffic).chapters()[:chapters]:
            chapter()
        traffic.stop()
        _count(teller, traffic)
    _farewell(scene)


def _set(settings: StackSettings, teller: Teller) -> Scene:
    teller.chapter("A registry, a Prefect server and a worker on this machine")
    services = stack.up(settings, say=teller.step)
    for service in services:
        teller.proved(f"{service.name} {service.address}")
    take_stack_variables()
    scene = Scene(settings, teller)
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
        say(f"  {address}/docs  vouchers in {name}")
    say("  slipway status; slipway history vouchers prod; slipway rollback vouchers prod")
    say("  make down  stops the stack (ARGS=--apps removes the apps, ARGS=--purge everything)")
