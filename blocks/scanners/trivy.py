"""Trivy: vulnerabilities and SBOM of one image. Whatever goes wrong, nothing passes.

The database is fetched apart from scans (`slipway up`, or a mirror), so a scan is a function of
image and database, needs no network beyond the image's registry, and can be repeated.
"""

import os
import re
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from blocks.process import Finished, harmless, run
from blocks.registries.logins import docker_config
from blocks.registries.transport import Credentials
from blocks.scanners.findings import Findings, parse_database, parse_findings, parse_sbom
from slipway.canonical import JsonObject
from slipway.errors import Cause, DeadlineExceeded, Refused, ScanFailed
from slipway.scan import Database

LABEL_FILE = "slipway-database.json"
# Reported malicious in March 2026.
DENIED_VERSIONS = frozenset({"0.69.4", "0.69.5", "0.69.6"})
_VERSION = re.compile(r"^Version: v?(\S+)")
_REPORT_BYTES = 256 * 1024 * 1024
_EVIDENCE = 15

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Subject:
    """What is scanned: an image of the engine, or one straight from its registry.

    Attributes:
        reference: the engine's name or id of the image; `REGISTRY/PATH@sha256:...` where remote.
        image_id: digest of the image's config; the report must name it.
        remote: read from the registry, without an engine.
        insecure: the registry speaks plain http.
    """

    reference: str
    image_id: str
    remote: bool = False
    insecure: bool = False


@dataclass(frozen=True, slots=True)
class Scanned:
    """One scan: what was found, the SBOM, the database, and Trivy's own report."""

    findings: Findings
    sbom: JsonObject
    database: Database
    raw: bytes


def scan_command(trivy: str, cache: Path, subject: Subject, output: Path) -> list[str]:
    """The argument list of a scan: offline, vulnerabilities only, all packages listed. Pure."""
    command = [trivy, "image", "--quiet", "--cache-dir", str(cache), "--cache-backend", "memory"]
    command += ["--skip-db-update", "--skip-java-db-update", "--offline-scan"]
    command += ["--skip-check-update", "--skip-version-check", "--scanners", "vuln"]
    command += ["--list-all-pkgs", "--format", "json", "--output", str(output)]
    command += ["--image-src", "remote" if subject.remote else "docker"]
    if subject.remote and subject.insecure:
        command += ["--insecure"]
    return [*command, "--", subject.reference]


def sbom_command(trivy: str, report: Path, output: Path) -> list[str]:
    """The argument list that makes the SBOM out of the same report. Pure."""
    command = [trivy, "convert", "--quiet", "--format", "cyclonedx", "--output", str(output)]
    return [*command, "--", str(report)]


def check_version(lines: tuple[str, ...]) -> str:
    """Trivy's version, out of what `--version` prints.

    Raises:
        Refused: a version reported malicious, or one that does not tell.
    """
    found = next((m[1] for line in lines if (m := _VERSION.match(line))), "unknown")
    if found == "unknown" or found in DENIED_VERSIONS:
        raise Refused(
            "this trivy must not be used",
            found=f"version {found}",
            allowed="any version not reported malicious",
            next_step="install another one, or let `slipway up` do it",
            stage="scan",
        )
    return found


@dataclass(frozen=True, slots=True)
class Trivy:
    """A Trivy binary and the folder that holds its database.

    Attributes:
        seconds: longest time of one scan.
        docker_host: the engine, as DOCKER_HOST names it; the environment's where None.
    """

    binary: str
    cache: Path
    seconds: float = 300
    docker_host: str | None = None

    def database(self) -> Database:
        """The database that scans stand on.

        Raises:
            ScanFailed: there is none.
        """
        folder = self.cache / "db"
        label = self.cache / LABEL_FILE
        if not (folder / "trivy.db").is_file() or not (folder / "metadata.json").is_file():
            raise ScanFailed(
                "there is no advisory database, so nothing can pass",
                found=f"no trivy.db in {folder}",
                next_step="slipway up, or trivy image --download-db-only",
                stage="scan",
            )
        marked = label.read_bytes() if label.exists() else None
        return parse_database((folder / "metadata.json").read_bytes(), marked)

    async def scan(self, subject: Subject, credentials: Credentials | None, say: Say) -> Scanned:
        """Scan one image and list what is in it.

        Raises:
            ScanFailed: no database, a crash, or a report that is unreadable or of another image.
            DeadlineExceeded: it took too long.
            Refused: a Trivy that must not be used.
        """
        database = self.database()
        if database.demo:
            say(f"scan uses a {database.name}: it proves nothing about real risks")
        host = subject.reference.partition("/")[0]
        login = credentials if subject.remote else None
        with self._workplace(host, login) as (folder, env):
            version = await run([self.binary, "--version"], env=env, cwd=folder, seconds=30)
            check_version(version.lines)
            report, sbom = folder / "report.json", folder / "sbom.json"
            await self._run(scan_command(self.binary, self.cache, subject, report), folder, env)
            await self._run(sbom_command(self.binary, report, sbom), folder, env)
            raw = _read(report)
            findings = parse_findings(raw, subject.image_id)
            return Scanned(findings, parse_sbom(_read(sbom)), database, raw)

    @contextmanager
    def _workplace(
        self, host: str, login: Credentials | None
    ) -> Iterator[tuple[Path, dict[str, str]]]:
        """An empty folder, where no trivy.yaml or .trivyignore counts, and a clean environment."""
        with (
            tempfile.TemporaryDirectory(prefix="slipway-scan-") as name,
            docker_config(host, login) as config,
        ):
            folder = Path(name)
            engine = self.docker_host or os.environ.get("DOCKER_HOST")
            env = _environment(os.environ, folder, config)
            yield folder, {**env, "DOCKER_HOST": engine} if engine else env

    async def _run(self, command: list[str], folder: Path, env: Mapping[str, str]) -> None:
        done = await run(command, env=env, cwd=folder, seconds=self.seconds)
        if done.late:
            raise DeadlineExceeded(
                f"trivy {command[1]} took longer than {self.seconds:.0f} s",
                evidence=done.lines[-_EVIDENCE:],
                next_step="run it again; nothing is released without a scan",
                stage="scan",
            )
        if done.code != 0:
            raise _crashed(command[1], done)


def _environment(outer: Mapping[str, str], folder: Path, config: Path) -> dict[str, str]:
    """No TRIVY_ variable, token or home of the caller reaches the scanner. Pure."""
    own = {"HOME": str(folder), "TMPDIR": str(folder), "DOCKER_CONFIG": str(config)}
    return {**harmless(outer), **own}


def _read(path: Path) -> bytes:
    if not path.is_file() or path.stat().st_size > _REPORT_BYTES:
        raise ScanFailed(
            "trivy wrote no usable report", found=path.name, next_step="run it again", stage="scan"
        )
    return path.read_bytes()


def _crashed(act: str, done: Finished) -> ScanFailed:
    return ScanFailed(
        f"trivy {act} failed, so nothing passes",
        found=done.how,
        cause=Cause.MEMORY if done.is_out_of_memory else None,
        evidence=[line for line in done.lines if line][-_EVIDENCE:],
        next_step="see the evidence; nothing is released without a scan",
        stage="scan",
    )
