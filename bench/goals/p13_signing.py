"""P13: signing and proving a candidate; reading a long ledger."""

from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from bench.measured import Result, in_turns
from bench.session import Session
from blocks.registries.artifacts import pull_attestations, pull_candidate
from slipway.attestation import Expectations, verify_attestations
from slipway.directory_store import DirectoryStore
from slipway.ledger import Kind, Ledger
from slipway.names import parse_reference
from slipway.release import Target
from tests.rig.prefect_rig import PrefectRig
from tests.rig.shells import Shell

TARGET = Target(app="bench", environment="dev")
FEW, MANY = 100, 1000
RECORDS = ("claim", "intent", "observed", "verified", "closed")


def measure(session: Session) -> list[Result]:
    """Signed and pushed, pulled and verified; the chain read as each command reads it."""
    shell = session.shell("signing")
    turns = iter(range(1000))
    (signed,) = in_turns(session.rounds, lambda: signed_and_verified(shell, f"v{next(turns)}"))
    few, many = (chain(session.new_folder(f"ledger-{n}"), n) for n in (FEW, MANY))
    long, short = in_turns(session.rounds, lambda: read(many), lambda: read(few))
    return [
        Result("P13", "sign, push, pull and verify one image", "", signed, longest=0.5),
        Result("P13", f"history of {MANY} releases", f"of {FEW}", long, short, most=1.2),
    ]


def signed_and_verified(shell: Shell, version: str) -> None:
    """A new candidate with its three statements."""
    rig: PrefectRig = shell.rig
    reference = parse_reference(shell.app.candidate(version))
    with closing(rig.registry()) as registry:
        candidate = pull_candidate(registry, reference)
        envelopes = pull_attestations(registry, reference)
    expectations = Expectations(today=datetime.now(UTC).date())
    verify_attestations(candidate, envelopes, [rig.key.public_key()], expectations)


class Unsynced(DirectoryStore):
    """Makes long chains in time: what it writes is durable for as long as it is measured."""

    def create(self, target: Target, number: int, data: bytes) -> bool:
        path = self.root / target.app / target.environment / "records" / f"{number:09d}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        return True


def chain(folder: Path, releases: int) -> Path:
    """A ledger of that many releases, each of as many records as the smallest has."""
    ledger = Ledger(Unsynced(folder), TARGET, "bench")
    for _ in range(releases * len(RECORDS)):
        ledger.append(Kind.OBSERVED, {"step": "release started", "note": "x" * 200})
    return folder


def read(folder: Path) -> None:
    """Read and verify, as a new command does."""
    Ledger(DirectoryStore(folder), TARGET, "bench").records()
