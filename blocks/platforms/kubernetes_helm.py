"""Runs `helm` as its users know it: by arguments, values on stdin, a private kubeconfig.

The process dies with ours, so a holder that was killed changes nothing afterwards.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from blocks.platforms import kubernetes_helm_argv as argv_of
from blocks.platforms.kubernetes_access import Access
from blocks.platforms.kubernetes_helm_argv import Act
from slipway import chart_values
from slipway.canonical import JsonObject
from slipway.errors import BadInput, DeadlineExceeded
from slipway.release import ReleaseSpec

CHECK_SECONDS = 0.5
EXTRA_SECONDS = 60
FOLDER = "slipway-helm-"
# prctl(PR_SET_PDEATHSIG, SIGKILL); where the parent is gone already, nothing is begun.
GUARD = (
    "import ctypes,os,sys\n"
    "getattr(ctypes.CDLL(None),'prctl',int)(1,9)\n"
    "os.getppid()==int(sys.argv[1]) or os._exit(1)\n"
    "os.execv(sys.argv[2],sys.argv[2:])\n"
)


@dataclass(frozen=True)
class Helm:
    """Helm for one cluster.

    Attributes:
        program: name on PATH, or path.
        access: gives the cluster's address and credentials, read anew for each run.
        check: raises once this holder must stop; Helm is killed then.
    """

    program: str
    access: Access
    check: Callable[[], None] = lambda: None

    @cached_property
    def path(self) -> str:
        """The program.

        Raises:
            BadInput: there is none.
        """
        if found := shutil.which(self.program):
            return found
        raise BadInput(
            "Helm is not installed here",
            found=f"no program {self.program}",
            allowed="Helm 3.17 or newer, or 4",
            next_step="install it on the machine that deploys, or name its path by SLIPWAY_HELM",
        )

    @cached_property
    def version(self) -> tuple[int, int]:
        """Major and minor."""
        asked = ["version", "--template={{.Version}}"]
        return argv_of.version(self._run("helm version", asked, b"", {}, 30))

    def upgrade(self, spec: ReleaseSpec, chart: bytes, act: Act) -> JsonObject:
        """Install the chart or upgrade to it; the revision as Helm reports it.

        Raises:
            BadInput: chart or values cannot be used. StepFailed: Helm or the cluster refused.
            Unreachable: the cluster did not answer. Superseded, Interrupted: by the check.
        """
        values = json.dumps(chart_values.filled(spec)).encode()
        doing = f"chart of release {spec.id}" + (", dry run" if act.is_dry else "")
        files = {argv_of.CHART_FILE: chart}
        seconds = spec.health.deadline_seconds + EXTRA_SECONDS
        told = self._run(doing, argv_of.upgrade(spec, act), values, files, seconds)
        answer: JsonObject = json.loads(told[told.index("{") :])
        return answer

    def uninstall(self, release: str, namespace: str) -> None:
        """Remove the release with everything that its manifest names."""
        argv = argv_of.uninstall(release, namespace)
        self._run(f"Helm release {release}", argv, b"", {}, 5 * EXTRA_SECONDS)

    def _run(
        self,
        doing: str,
        argv: Sequence[str],
        given: bytes,
        files: Mapping[str, bytes],
        seconds: float,
    ) -> str:
        """What Helm printed."""
        with private_folder() as folder:
            document = json.dumps(self._kubeconfig()) if argv[0] != "version" else "{}"
            for name, content in {"kubeconfig": document.encode(), **files}.items():
                write_private(folder / name, content)
            guarded = [sys.executable, "-I", "-S", "-c", GUARD, str(os.getpid()), self.path, *argv]
            process = subprocess.Popen(
                guarded,
                cwd=folder,
                env=argv_of.environment(os.environ, folder),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
            )
            with process:
                out, said = self._ended(doing, process, given, seconds)
        if process.returncode:
            raise argv_of.failure(doing, said)
        return out

    def _ended(
        self, doing: str, process: subprocess.Popen[bytes], given: bytes, seconds: float
    ) -> tuple[str, str]:
        """Both outputs; the process is killed once its holder must stop, or at the deadline."""
        sent: bytes | None = given
        try:
            for _ in range(int(seconds / CHECK_SECONDS)):
                self.check()
                with suppress(subprocess.TimeoutExpired):
                    out, said = process.communicate(sent, timeout=CHECK_SECONDS)
                    return out.decode(errors="replace"), said.decode(errors="replace")
                sent = None
            raise DeadlineExceeded(f"{doing}: Helm did not end within {seconds} s")
        finally:
            process.kill()

    def _kubeconfig(self) -> JsonObject:
        client = self.access()
        try:
            return argv_of.kubeconfig(client.configuration)
        finally:
            client.close()


@contextmanager
def private_folder() -> Iterator[Path]:
    """A folder that nobody else reads; those that killed processes of ours left go first."""
    root = Path(tempfile.gettempdir())
    for left in root.glob(f"{FOLDER}*"):
        owner = left.name.removeprefix(FOLDER).partition("-")[0]
        if owner.isdecimal() and not is_alive(int(owner)):
            shutil.rmtree(left, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix=f"{FOLDER}{os.getpid()}-") as folder:
        yield Path(folder)


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def write_private(path: Path, content: bytes) -> None:
    """Written by whoever may read it alone."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as stream:
        stream.write(content)
