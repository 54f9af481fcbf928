"""The story, one function a chapter: from a commit to production, and back."""

from collections.abc import Callable
from dataclasses import dataclass

from slipway.cli.demo.flow_runs import FAILED
from slipway.cli.demo.scene import Scene, short
from slipway.cli.demo.traffic import Traffic
from slipway.cli.stack.prefect import SERVER, Prefect
from slipway.cli.stack.processes import ProcessRecord
from slipway.cli.stack.stack import processes_of
from slipway.errors import VerificationFailed
from slipway.explanations import Explanation
from slipway.history import serving_release
from slipway.ledger import Kind

PRODUCTION = "prod"
DRILLED = "stage"
FIRST, SECOND = "1.0.0", "1.1.0"


@dataclass
class Story:
    """What the chapters hand on: the candidates by version, the server that was started again."""

    scene: Scene
    traffic: Traffic
    good: str = ""
    better: str = ""
    server: ProcessRecord | None = None

    def chapters(self) -> list[Callable[[], None]]:
        """In order."""
        return [
            self.a_commit_becomes_a_candidate,
            self.a_candidate_goes_to_production,
            self.nothing_new_does_nothing,
            self.one_line_goes_through,
            self.a_bad_release_goes_back_by_itself,
            self.back_without_a_server,
            self.what_was_done_is_on_record,
            self.the_way_back_is_rehearsed,
        ]

    def a_commit_becomes_a_candidate(self) -> None:
        """Test, build, scan, push, sign."""
        self._chapter("A commit becomes a candidate: test, build, scan, push, sign")
        self.good = self.scene.integrate()
        self._proved(f"one string is handed over: candidate {short(self.good)}")

    def a_candidate_goes_to_production(self) -> None:
        """Dev, stage, a signed approval, prod; traffic from the first moment."""
        self._chapter("The candidate goes through dev, stage, a signed approval, prod")
        self.scene.release(self.good, typed=True)
        self._serves(PRODUCTION, self.good)

    def nothing_new_does_nothing(self) -> None:
        """An unchanged commit: no build, no push, no restart, no record."""
        self._chapter("The same commit again does nothing")
        before = self._records()
        again = self.scene.integrate()
        self.scene.release(again)
        if again != self.good or self._records() != before:
            raise VerificationFailed(
                "an unchanged commit changed something",
                found=f"candidate {short(again)}, {self._records()} records",
                allowed=f"candidate {short(self.good)}, {before} records",
            )
        self._proved("nothing was built, pushed, restarted or recorded")

    def one_line_goes_through(self) -> None:
        """A one-line change reaches production."""
        self._chapter("A one-line change")
        revision = self.scene.source.change_line(
            "vouchers/__init__.py", FIRST, SECOND, f"Call it {SECOND}"
        )
        self.scene.teller.say(f"Ada commits {revision[:12]}: version {SECOND}")
        self.better = self.scene.integrate()
        self.scene.release(self.better)
        self._serves(PRODUCTION, self.better)

    def a_bad_release_goes_back_by_itself(self) -> None:
        """It turns ready, takes traffic, breaks; what served before serves again."""
        self._chapter("A release turns ready, then breaks: it goes back by itself")
        self.scene.source.overlay("broken", "Show exchange rates")
        bad = self.scene.integrate()
        self.scene.release(bad, expect=FAILED)
        for environment in self.scene.appfile.environments:
            self._serves(environment, self.better)
        self._explain()

    def back_without_a_server(self) -> None:
        """A manual rollback while the Prefect server is stopped."""
        self._chapter("A manual rollback, with the Prefect server stopped")
        settings = self.scene.settings
        processes = processes_of(settings)
        processes.stop(SERVER)
        self.scene.teller.say(f"the Prefect server at {settings.prefect_url} is stopped")
        try:
            target = self.scene.target(PRODUCTION)
            reason = "customers dislike the number"
            self.scene.slipway("rollback", target.app, target.environment, "--reason", reason)
        finally:
            self.server = self._prefect.start_server()
        self._serves(PRODUCTION, self.good)

    def what_was_done_is_on_record(self) -> None:
        """History and audit, which need no Prefect server: it starts again meanwhile."""
        self._chapter("What was done is on record")
        target = self.scene.target(PRODUCTION)
        self.scene.slipway("history", target.app, target.environment, "--limit", "5")
        self.scene.slipway("audit", "verify", target.app)

    def the_way_back_is_rehearsed(self) -> None:
        """The drill: N to N-1, verify, back to N, verify."""
        self._chapter(f"The way back is rehearsed in {DRILLED}")
        if self.server:
            self._prefect.wait_for_server(self.server)
            self.scene.teller.say("the Prefect server runs again")
        target = self.scene.target(DRILLED)
        self.scene.run_flow("rollback_drill", {"app": target.app, "environment": DRILLED})
        drill = self.scene.watcher.last(Kind.DRILL)
        millis, budget = drill["restore_millis"], drill["budget_millis"]
        self._serves(DRILLED, self.better)
        self._proved(f"restored in {millis / 1000:.1f} s, budget {budget / 1000:.0f} s")

    @property
    def _prefect(self) -> Prefect:
        settings = self.scene.settings
        return Prefect(settings, processes_of(settings), self.scene.teller.say)

    def _chapter(self, title: str) -> None:
        self.scene.teller.chapter(title)

    def _proved(self, line: str) -> None:
        counted = f"{self.traffic.requests} requests so far, {self.traffic.failures} failed"
        self.scene.teller.proved(f"{line} ({counted})")

    def _records(self) -> int:
        watcher = self.scene.watcher
        return sum(len(watcher.records(target)) for target in watcher.targets)

    def _serves(self, environment: str, candidate: str) -> None:
        """Raises VerificationFailed unless the ledger says that this candidate serves there."""
        serving = serving_release(self.scene.watcher.records(self.scene.target(environment)))
        found = serving.candidate if serving else "nothing"
        if found != candidate:
            raise VerificationFailed(
                f"another release serves in {environment}", found=found, allowed=candidate
            )
        self._proved(f"{environment} serves {short(candidate)}, verified")

    def _explain(self) -> None:
        body = self.scene.watcher.last(Kind.FAILED)
        self.scene.teller.say("why, as the operator sees it:")
        for line in Explanation.model_validate(body["explanation"]).lines():
            self.scene.teller.step(line)
