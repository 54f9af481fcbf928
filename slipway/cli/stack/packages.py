"""Distribution packages as building material: resolved, fetched, checked and cached by hash.

Nothing is installed: a package is a file that `rootfs` unpacks into an image. Debian 12 only,
as the images name its packages.
"""

import hashlib
import os
import re
import shutil
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from slipway.errors import BadInput, Unreachable

DISTRIBUTION = ("debian", "12")

# Needed by maintainer scripts, which never run here, or pulled in only for a service manager.
LEFT_OUT = frozenset(
    "adduser debconf debconf-2.0 cdebconf dpkg init-system-helpers install-info iproute2 lsb-base "
    "openssl perl perl-base readline-common sysvinit-utils mailcap mime-support tar".split()
)
_DEPENDS = re.compile(r"^  (?:Pre)?Depends: (\S+)$")
_URI = re.compile(r"^'(?P<url>[^']+)' (?P<filename>\S+) \d+ SHA256:(?P<sha256>[0-9a-f]{64})$")


@dataclass(frozen=True)
class Package:
    """One .deb as the distribution's signed index names it."""

    name: str
    filename: str
    sha256: str


def is_supported(os_release: str) -> bool:
    """Whether the text of /etc/os-release is that of the distribution the images are made of."""
    fields = dict(line.split("=", 1) for line in os_release.splitlines() if "=" in line)
    return (
        fields.get("ID", "").strip('"'),
        fields.get("VERSION_ID", "").strip('"'),
    ) == DISTRIBUTION


def direct_dependencies(apt_cache_output: str) -> list[str]:
    """Names in the output of `apt-cache depends`, first alternatives only, in order."""
    names = [match[1] for line in apt_cache_output.splitlines() if (match := _DEPENDS.match(line))]
    return [name for name in names if not name.startswith("<") and name not in LEFT_OUT]


def parse_uris(apt_get_output: str) -> list[Package]:
    """Packages in the output of `apt-get download --print-uris`, sorted by name."""
    found = [match for line in apt_get_output.splitlines() if (match := _URI.match(line.strip()))]
    packages = [Package(m["filename"].split("_")[0], m["filename"], m["sha256"]) for m in found]
    return sorted(packages, key=lambda package: package.name)


@dataclass
class Apt:
    """The distribution's package tools, on the system's index or on a private one."""

    cache: Path
    options: list[str] = field(default_factory=list)

    def private(self) -> "Apt":
        """The same sources with an index of our own, fetched now: needs no root and no lock."""
        home = self.cache / "apt"
        for folder in (home / "lists" / "partial", home / "archives" / "partial"):
            folder.mkdir(parents=True, exist_ok=True)
        options = [
            *("-o", f"Dir::State::Lists={home / 'lists'}"),
            *("-o", f"Dir::Cache={home}"),
            *("-o", "APT::Sandbox::User=root"),
        ]
        apt = Apt(self.cache, options)
        apt._run("apt-get", "update")
        return apt

    def resolve(self, names: Iterable[str]) -> list[Package]:
        """These packages and all that they depend on at run time."""
        seen: set[str] = set()
        wanted = sorted(set(names))
        while wanted:
            seen.update(wanted)
            flags = ["recommends", "suggests", "conflicts", "breaks", "replaces", "enhances"]
            output = self._run("apt-cache", "depends", *(f"--no-{f}" for f in flags), *wanted)
            wanted = sorted(set(direct_dependencies(output)) - seen)
        uris = self._run("apt-get", "download", "--print-uris", *sorted(seen))
        return parse_uris(uris)

    def fetch(self, packages: Iterable[Package]) -> list[Path]:
        """Files of these packages from the cache, downloading what is missing; each is hashed.

        Raises:
            Unreachable: the distribution's servers do not answer or serve something else.
        """
        store = self.cache / "debs"
        store.mkdir(parents=True, exist_ok=True)
        wanted = list(packages)
        missing = [p for p in wanted if not _is_intact(store / p.filename, p.sha256)]
        if missing:
            self._run("apt-get", "download", *(pinned(p) for p in missing), cwd=store)
        for package in missing:
            if not _is_intact(store / package.filename, package.sha256):
                raise Unreachable(
                    f"package {package.filename} is not what the index says",
                    allowed=f"sha256 {package.sha256}",
                    next_step="apt-get update, then try again",
                )
        return [store / package.filename for package in wanted]

    def _run(self, tool: str, *arguments: str, cwd: Path | None = None) -> str:
        argv = [tool, *self.options, *arguments]
        environment = {**os.environ, "LC_ALL": "C"}
        done = subprocess.run(
            argv, check=False, capture_output=True, text=True, cwd=cwd, env=environment
        )
        if done.returncode != 0:
            raise Unreachable(
                f"{tool} {arguments[0]} failed",
                evidence=done.stderr.splitlines()[-5:],
                next_step="check the package sources in /etc/apt and the network, then try again",
            )
        return done.stdout


def obtain(names: Iterable[str], cache: Path) -> list[Path]:
    """Files of these packages with their dependencies, sorted by name.

    Raises:
        BadInput: this machine's distribution does not have the packages.
        Unreachable: the package servers did not answer.
    """
    release = Path("/etc/os-release")
    if not shutil.which("apt-get") or not is_supported(release.read_text()):
        raise BadInput(
            "base images can be built from packages on Debian 12 only",
            next_step="make the public registries reachable (see docker/base), then `slipway up`",
        )
    wanted = list(names)
    try:
        apt = Apt(cache)
        return apt.fetch(apt.resolve(wanted))
    except Unreachable:
        apt = Apt(cache).private()
        return apt.fetch(apt.resolve(wanted))


def pinned(package: Package) -> str:
    """The package as apt is told to download it: name and exact version."""
    version = package.filename.split("_")[1].replace("%3a", ":")
    return f"{package.name}={version}"


def _is_intact(path: Path, sha256: str) -> bool:
    return path.is_file() and hashlib.sha256(path.read_bytes()).hexdigest() == sha256
