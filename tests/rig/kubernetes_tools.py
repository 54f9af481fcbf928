"""The field's own programs for clusters, each a pinned Go module built once into the cache."""

import sys
from pathlib import Path

from tests.cluster.cache import cluster_cache, make_once
from tests.cluster.golang import find_go, run_go
from tests.rig.kubernetes_schemas import KYVERNO, Operator, downloaded

ABOUT = {
    "helm3": "1 minute",
    "helm4": "1 minute",
    "kubeconform": "seconds",
    "kyverno": "minutes",
    "contour": "2 minutes",
}
MODULES = {
    "helm3": "helm.sh/helm/v3/cmd/helm@v3.22.0",
    "helm4": "helm.sh/helm/v4/cmd/helm@v4.3.1",
    "kubeconform": "github.com/yannh/kubeconform/cmd/kubeconform@v0.8.0",
}

CONTOUR = Operator(
    "github.com/projectcontour/contour",
    "v1.33.8",
    "h1:QoOfwqWws+CVRFpsRC2+f1DmB5IdurtyUtepIsiWfE0=",
    "examples/contour/01-crds.yaml",
)


def tool(name: str) -> Path:
    """The program; the first time takes seconds for kubeconform, minutes for Helm and Kyverno.

    Raises:
        Unreachable: no Go, or no module proxy.
    """
    if name in ("kyverno", "contour"):
        return {"kyverno": kyverno, "contour": contour}[name]()
    module = MODULES[name]
    path, _, version = module.partition("@")

    def make(folder: Path) -> None:
        say(name)
        arguments = ["install", "-trimpath", "-ldflags=-s -w", module]
        extra = {"GOBIN": str(folder), "GOFLAGS": "-buildvcs=false"}
        run_go(find_go(cluster_cache()), folder, *arguments, extra=extra)

    return make_once(cluster_cache() / "tools" / f"{name}-{version}", make) / Path(path).name


def say(name: str) -> None:
    told = f"building {name} from its Go module; once, {ABOUT[name]} on two cores"
    print(told, file=sys.stderr, flush=True)


def kyverno() -> Path:
    """Kyverno's command line, out of the operator's module whose policies are held to its schema.

    Its go.mod replaces a module, which `go install` refuses; so it is built in its own tree.
    """

    def make(folder: Path) -> None:
        say("kyverno")
        flags = ["-trimpath", "-gcflags=all=-dwarf=false", "-ldflags=-s -w", f"-o={folder}/"]
        go, tree = find_go(cluster_cache()), downloaded(KYVERNO)
        run_go(go, tree, "build", *flags, "./cmd/cli/kubectl-kyverno")

    made = make_once(cluster_cache() / "tools" / f"kyverno-{KYVERNO.version}", make)
    return made / "kubectl-kyverno"


def contour() -> Path:
    """The controller of the test gateway, in the module whose definitions the cluster gets."""

    def make(folder: Path) -> None:
        say("contour")
        flags = ["-trimpath", "-gcflags=all=-dwarf=false", "-ldflags=-s -w", f"-o={folder}/"]
        run_go(find_go(cluster_cache()), downloaded(CONTOUR), "build", *flags, "./cmd/contour")

    return make_once(cluster_cache() / "tools" / f"contour-{CONTOUR.version}", make) / "contour"
