"""A platform in memory, with the contract of the real ones and faults on request."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from slipway.errors import ImageMissing, Superseded, WayBackMissing
from slipway.platform import Evidence, Observation, Stage, Step, StepContext
from slipway.release import ReleaseSpec, Target


@dataclass
class MemoryPlatform:
    """Releases as a dictionary.

    Attributes:
        actions: every effect that changed something, in order, as `verb spec-id`.
        faults: step name and spec id to a function that raises.
        gone: spec ids whose images the registry lost.
        secrets: id of a set of versions to its values, written once as a platform must.
    """

    running: dict[str, ReleaseSpec] = field(default_factory=dict)
    serving: str | None = None
    fenced: int = 0
    drift: int = 0
    actions: list[str] = field(default_factory=list)
    faults: dict[tuple[str, str], Callable[[StepContext], None]] = field(default_factory=dict)
    gone: set[str] = field(default_factory=set)
    secrets: dict[str, dict[str, str]] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def render(self, spec: ReleaseSpec) -> dict[str, str]:
        fields = {f"{s.name}.image": s.digest for s in spec.services}
        fields |= {f"{s.name}.replicas": str(s.replicas) for s in spec.services}
        return fields | {f"secret.{name}": version for name, version in spec.secrets.items()}

    def observe(self, target: Target) -> Observation:
        spec = self.running.get(self.serving or "")
        fields = self.render(spec) if spec else {}
        return Observation(fields, f"{self.serving}-{self.drift}", self.serving)

    def prove(self, spec: ReleaseSpec) -> list[str]:
        if spec.id in self.gone:
            raise WayBackMissing(f"images of release {spec.id} are gone")
        return [f"images of {spec.id} can be pulled"]

    def fence(self, target: Target, token: int) -> dict[str, int]:
        with self.lock:
            self.fenced = max(self.fenced, token)
        return {"token": token}

    def forward(self, spec: ReleaseSpec, previous: ReleaseSpec | None) -> Sequence[Step]:
        written = self._step("secrets written", Stage.APPLY, spec, self._write)
        return [
            self._step("images present", Stage.APPLY, spec, self._pull),
            *([written] if spec.secrets else []),
            self._step("containers running", Stage.APPLY, spec, self._start),
            self._step("containers healthy", Stage.SETTLE, spec, lambda s, c: None),
            self._step("traffic switched", Stage.SWITCH, spec, self._switch),
            self._step("release verified", Stage.VERIFY, spec, lambda s, c: None),
        ]

    def retire(self, target: Target, keep: Sequence[ReleaseSpec]) -> Sequence[Step]:
        kept = {spec.id for spec in keep}

        def remove(context: StepContext) -> dict[str, int]:
            for spec_id in [i for i in self.running if i not in kept]:
                del self.running[spec_id]
                self.actions.append(f"remove {spec_id}")
            if self.serving not in self.running:
                self.serving = None
            return {"kept": len(kept)}

        return [Step("old releases removed", Stage.RETIRE, remove)]

    def evidence(self, spec: ReleaseSpec) -> list[Evidence]:
        return [Evidence("log", (f"last words of {spec.id}",))]

    def _step(
        self,
        name: str,
        stage: Stage,
        spec: ReleaseSpec,
        act: Callable[[ReleaseSpec, StepContext], None],
    ) -> Step:
        def run(context: StepContext) -> dict[str, str]:
            if fault := self.faults.get((name, spec.id)):
                fault(context)
            act(spec, context)
            return {"spec": spec.id}

        return Step(name, stage, run)

    def _pull(self, spec: ReleaseSpec, context: StepContext) -> None:
        if spec.id in self.gone:
            raise ImageMissing(f"image of {spec.id} is gone")

    def _write(self, spec: ReleaseSpec, context: StepContext) -> None:
        if spec.secrets_id not in self.secrets:
            values = context.values(spec.secrets)
            self.secrets[spec.secrets_id] = {k: v.get_secret_value() for k, v in values.items()}
            self.actions.append(f"write {spec.secrets_id}")

    def _start(self, spec: ReleaseSpec, context: StepContext) -> None:
        if spec.id not in self.running:
            self.running[spec.id] = spec
            self.actions.append(f"start {spec.id}")

    def _switch(self, spec: ReleaseSpec, context: StepContext) -> None:
        with self.lock:
            if context.token < self.fenced:
                raise Superseded(f"token {context.token} is older than {self.fenced}")
            if self.serving != spec.id:
                self.serving = spec.id
                self.actions.append(f"switch {spec.id}")
