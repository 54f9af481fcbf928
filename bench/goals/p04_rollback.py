"""P4 on a Docker engine: back to the old digest, beside the chain run again at the old tag."""

import asyncio
import shutil

from bench.chain import Chain, chained
from bench.measured import Result, seconds
from bench.session import Session
from tests.rig.docker_rig import TESTAPP
from tests.rig.doomed import Site
from tests.rig.shells import Shell

MOST = 0.6


def measure(session: Session) -> list[Result]:
    """The engine alone; and a whole command with no Prefect server to be found."""
    site, shell = session.site("rollback"), session.shell("rollback-shell")
    context = session.new_folder("chain-app")
    shutil.copytree(TESTAPP, context, dirs_exist_ok=True)
    site.deploy(site.world.spec("one"))
    shell.run("deploy", shell.app.candidate("one"), "dev")
    with chained(session, context) as chain:
        chain.release("one")
        rounds = [one_round(site, shell, chain, turn) for turn in range(session.rounds + 1)][1:]
    ours, commands, plain = zip(*rounds, strict=True)
    name, beside = "rollback on Docker, to the end", "the chain at the old tag"
    return [
        Result("P4", name, beside, ours, plain, most=MOST),
        Result("P4", f"{name}, as a command, Prefect down", beside, commands, plain, most=MOST),
    ]


def one_round(site: Site, shell: Shell, chain: Chain, turn: int) -> tuple[float, float, float]:
    """Each releases another version first; seconds of the three ways back."""
    version = f"next-{turn}"
    site.deploy(site.world.spec(version))
    shell.run("deploy", shell.app.candidate(version), "dev")
    chain.release(version)
    ours = seconds(lambda: asyncio.run(site.engine().rollback("bench", "measured")))
    command = seconds(lambda: shell.run("rollback", shell.app.name, "dev"))
    return ours, command, chain.release("one")[0]
