"""What is shipped for clusters, rendered by its users' tools, and held to schemas and checks."""

import json
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from slipway.canonical import JsonObject

ROOT = Path(__file__).parents[2]
CHART = ROOT / "examples" / "fastapi" / "chart"
MANIFESTS = ROOT / "examples" / "kubernetes"
ENVIRONMENTS = ("dev", "stage", "prod")
DIGEST = "sha256:" + "a" * 64
LEAST: JsonObject = {
    "image": {"repository": "registry.example.org/vouchers/web", "digest": DIGEST},
    "secret": {"name": "vouchers-secrets-0123456789ab"},
}


@dataclass(frozen=True)
class Rendering:
    """Documents, or what the tool said in refusing them."""

    documents: list[JsonObject]
    refused: str

    def one(self, kind: str, name: str = "") -> JsonObject:
        """The only document of that kind (and name)."""
        found = [
            document
            for document in self.documents
            if document["kind"] == kind and name in ("", document["metadata"]["name"])
        ]
        assert len(found) == 1, f"{len(found)} of {kind} {name}: {self.refused}"
        return found[0]

    def kinds(self) -> list[str]:
        return sorted(document["kind"] for document in self.documents)


def run(*argv: str | Path, given: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(word) for word in argv], input=given, capture_output=True, text=True, check=False
    )


def template(helm: Path, values: JsonObject, *more: str, kube: str = "1.36.0") -> Rendering:
    """The chart with these values, as `helm template` prints it."""
    argv = [helm, "template", "vouchers", CHART, "--namespace", "vouchers-prod"]
    argv += ["--kube-version", kube, "--values", "-", *more]
    done = run(*argv, given=json.dumps(values))
    return Rendering(documents_of(done.stdout), done.stderr)


def kustomized(kubectl: Path, folder: Path) -> Rendering:
    """A folder of manifests, as `kubectl apply -k` would send them."""
    done = run(kubectl, "kustomize", folder)
    return Rendering(documents_of(done.stdout), done.stderr)


def documents_of(text: str) -> list[JsonObject]:
    return [document for document in yaml.safe_load_all(text) if document]


def problems(
    kubeconform: Path, schemas: str, version: str, documents: Iterable[JsonObject]
) -> list[str]:
    """What one version's API would refuse or drop; a kind that it lacks counts."""
    argv = [kubeconform, "-strict", "-output", "json", "-kubernetes-version", version]
    done = run(*argv, "-schema-location", schemas, "-", given=yaml.safe_dump_all(documents))
    assert done.returncode in (0, 1), done.stderr
    told = json.loads(done.stdout)
    return [f"{one['kind']} {one['name']}: {one['msg']}" for one in told.get("resources", [])]


def misconfigurations(
    trivy: Path, cache: Path, target: Path, ignored: Path, *more: str
) -> list[str]:
    """Findings of Trivy's built-in checks that nobody accepted, of any severity."""
    argv = [trivy, "config", "--quiet", "--skip-check-update", "--skip-version-check"]
    argv += ["--cache-dir", cache, "--ignorefile", ignored, "--format", "json", *more]
    done = run(*argv, target)
    assert done.returncode == 0, done.stderr
    results = json.loads(done.stdout).get("Results", [])
    assert results, "nothing was checked"
    return [
        f"{result['Target']}: {found['ID']} {found['Message']}"
        for result in results
        for found in result.get("Misconfigurations", [])
    ]


def images_of(documents: Sequence[JsonObject]) -> set[str]:
    """Every image that any of them names."""
    found: set[str] = set()
    parts: list[object] = list(documents)
    while parts:
        part = parts.pop()
        if isinstance(part, dict):
            found |= {str(part["image"])} if isinstance(part.get("image"), str) else set()
            parts += part.values()
        elif isinstance(part, list):
            parts += part
    return found
