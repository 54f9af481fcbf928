"""The node's programs: Kubernetes from Go modules, the rest from Debian packages, in the cache."""

import re
import subprocess
from collections.abc import Callable
from pathlib import Path

from slipway.cli.stack import packages
from slipway.cli.stack.settings import default_cache
from tests.cluster.cache import cluster_cache, key_of, make_once
from tests.cluster.config import Binaries
from tests.cluster.golang import find_go, run_go

SOURCE = Path(__file__).with_name("go")
PROGRAMS = (
    "kube-apiserver kube-controller-manager kube-scheduler kubelet kube-proxy kubectl coredns"
).split()
PACKAGES = "containerd containernetworking-plugins etcd-server nftables runc".split()
_VERSION = re.compile(r"^\tk8s\.io/kubernetes v(\S+)$", re.MULTILINE)

Say = Callable[[str], None]


def kubernetes_version() -> str:
    """As go.mod names it, without the v."""
    match = _VERSION.search((SOURCE / "go.mod").read_text())
    if not match:
        raise ValueError(f"{SOURCE / 'go.mod'} names no k8s.io/kubernetes")
    return match[1]


def version_flags(version: str) -> str:
    """What the linker writes into the programs, as Kubernetes' own build does."""
    major, minor, _ = version.split(".")
    values = {
        "k8s.io/component-base/version.gitVersion": f"v{version}",
        "k8s.io/component-base/version.gitMajor": major,
        "k8s.io/component-base/version.gitMinor": minor,
        "k8s.io/component-base/version.gitTreeState": "clean",
        "k8s.io/component-base/version.buildDate": "1970-01-01T00:00:00Z",
        "k8s.io/client-go/pkg/version.gitVersion": f"v{version}",
    }
    return " ".join(["-s -w", *(f"-X {name}={value}" for name, value in values.items())])


def build_arguments(version: str, output: Path) -> list[str]:
    """`go build` of both programs; without debugging data the build takes half the disk."""
    return [
        "build",
        "-trimpath",
        "-tags=grpcnotrace",
        "-gcflags=all=-dwarf=false",
        f"-ldflags={version_flags(version)}",
        f"-o={output}/",
        "./kube",
        "./pause",
    ]


def ensure_kubernetes(say: Say) -> Path:
    """Folder of the Kubernetes programs; the first time takes minutes.

    Raises:
        Unreachable: no Go, or no module proxy.
    """
    version = kubernetes_version()
    sources = [path.read_bytes() for path in sorted(SOURCE.rglob("*")) if path.is_file()]
    flags = " ".join(build_arguments(version, Path())).encode()

    def make(folder: Path) -> None:
        say(f"building Kubernetes {version} from its Go modules; once, 5 minutes on two cores")
        go = find_go(cluster_cache())
        run_go(go, SOURCE, *build_arguments(version, folder))
        for name in PROGRAMS:
            (folder / name).symlink_to("kube")

    return make_once(cluster_cache() / f"kubernetes-{version}-{key_of([*sources, flags])}", make)


def ensure_debian(say: Say) -> Path:
    """A root of unpacked packages; none is installed, so none of their services starts.

    Raises:
        BadInput: not Debian 12.
        Unreachable: the package servers do not answer.
    """

    def make(folder: Path) -> None:
        say(f"unpacking {', '.join(PACKAGES)} from Debian packages")
        for deb in packages.obtain(PACKAGES, default_cache()):
            if not deb.name.startswith("libc6_"):  # goes with the machine's own loader
                subprocess.run(["dpkg-deb", "--extract", str(deb), str(folder)], check=True)

    name = f"debian-{packages.DISTRIBUTION[1]}-{key_of(name.encode() for name in PACKAGES)}"
    return make_once(cluster_cache() / name, make)


def ensure_binaries(say: Say) -> Binaries:
    """All that a node runs, made where it is missing."""
    return Binaries(ensure_kubernetes(say), ensure_debian(say))
