"""Schemas of many Kubernetes versions, for what no cluster here can run: made once, offline after.

Built-in kinds come from the wheel kubernetes-validate, pinned by hash; custom ones from the
operators' own definitions, by the Go checksum of the module that holds them.
"""

import json
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from slipway.canonical import JsonObject
from tests.cluster.cache import cluster_cache, key_of, make_once
from tests.cluster.golang import find_go, run_go

VERSIONS = ("1.28.0", "1.30.0", "1.32.0", "1.34.0", "1.36.0", "1.37.0")
LOCK = Path(__file__).with_name("schemas.txt")
TEMPLATE = (
    "{{ .NormalizedKubernetesVersion }}-standalone{{ .StrictSuffix }}"
    "/{{ .ResourceKind }}{{ .KindSuffix }}.json"
)
KINDS = (
    *("configmap-v1", "limitrange-v1", "namespace-v1", "pod-v1", "resourcequota-v1"),
    *("service-v1", "serviceaccount-v1", "deployment-apps-v1", "job-batch-v1"),
    *("horizontalpodautoscaler-autoscaling-v2", "poddisruptionbudget-policy-v1"),
    *(
        "networkpolicy-networking-v1",
        "ingress-networking-v1",
        "role-rbac-v1",
        "rolebinding-rbac-v1",
    ),
    "validatingadmissionpolicy-admissionregistration-v1",
    "validatingadmissionpolicybinding-admissionregistration-v1",
)


@dataclass(frozen=True)
class Operator:
    """A Go module that brings custom resource definitions; `file` is inside the module."""

    module: str
    version: str
    checksum: str
    file: str


KYVERNO = Operator(
    "github.com/kyverno/kyverno",
    "v1.19.1",
    "h1:/MkgFii3/VlQfKR1JpC9tVwNNVNQTt2S4U6qCsafsTU=",
    "config/crds/policies.kyverno.io/policies.kyverno.io_validatingpolicies.yaml",
)
OPERATORS = (
    Operator(
        "github.com/kedacore/keda/v2",
        "v2.21.0",
        "h1:R6z2HZvstK4RLUMxroNACzBj74xGxt3kG59b5Xc+Xps=",
        "config/crd/bases/keda.sh_scaledobjects.yaml",
    ),
    KYVERNO,
)


def make_schemas() -> str:
    """Where kubeconform finds them in the cache; made where they are absent."""

    def make(folder: Path) -> None:
        with tempfile.TemporaryDirectory() as scratch:
            for name, schema in (*built_in(Path(scratch)), *custom()):
                path = folder / name
                path.parent.mkdir(exist_ok=True)
                path.write_text(json.dumps(schema))

    key = key_of([Path(__file__).read_bytes(), LOCK.read_bytes()])
    return f"{make_once(cluster_cache() / f'schemas-{key}', make)}/{TEMPLATE}"


def built_in(scratch: Path) -> Iterator[tuple[str, JsonObject]]:
    """File name and schema of each kind in each version that has it."""
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--require-hashes"]
    subprocess.run([*pip, "--dest", str(scratch), "--requirement", str(LOCK)], check=True)
    with zipfile.ZipFile(next(scratch.glob("*.whl"))) as wheel:
        there = set(wheel.namelist())
        for version in VERSIONS:
            source = f"kubernetes_validate/kubernetes-json-schema/v{version}-local-strict"
            definitions = json.loads(wheel.read(f"{source}/_definitions.json"))
            known = definitions.get("$defs") or definitions["definitions"]
            for kind in KINDS:
                if f"{source}/{kind}.json" in there:
                    schema = json.loads(wheel.read(f"{source}/{kind}.json"))
                    yield f"v{version}-standalone-strict/{kind}.json", resolved(schema, known)


def resolved(schema: Any, known: JsonObject, within: tuple[str, ...] = ()) -> Any:
    """Without references: a definition that holds itself is open from there on."""
    if isinstance(schema, list):
        return [resolved(part, known, within) for part in schema]
    if not isinstance(schema, dict):
        return schema
    name = str(schema.get("$ref", "")).rpartition("/")[2]
    if name:
        return {} if name in within else resolved(known[name], known, (*within, name))
    return {key: resolved(part, known, within) for key, part in schema.items()}


def custom() -> Iterator[tuple[str, JsonObject]]:
    """The same of the operators' kinds, which are the same in all versions."""
    for operator in OPERATORS:
        definition = yaml.safe_load((downloaded(operator) / operator.file).read_text())
        spec = definition["spec"]
        group = spec["group"].split(".")[0]
        for served in spec["versions"]:
            name = f"{spec['names']['kind'].lower()}-{group}-{served['name']}.json"
            schema = closed(served["schema"]["openAPIV3Schema"])
            for version in VERSIONS:
                yield f"v{version}-standalone-strict/{name}", schema


def downloaded(operator: Operator) -> Path:
    """Folder of the module, whose content is what it was when this was written."""
    named = f"{operator.module}@{operator.version}"
    with tempfile.TemporaryDirectory() as empty:
        go, extra = find_go(cluster_cache()), {"GOFLAGS": ""}
        text = run_go(go, Path(empty), "mod", "download", "-json", named, extra=extra)
    told = json.loads(text)
    if told["Sum"] != operator.checksum:
        raise ValueError(f"{operator.module}: {told['Sum']} is not {operator.checksum}")
    return Path(told["Dir"])


def closed(schema: Any) -> Any:
    """With unknown fields refused, as the API server drops them."""
    if isinstance(schema, list):
        return [closed(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    made = {key: closed(part) for key, part in schema.items()}
    is_open = schema.get("x-kubernetes-preserve-unknown-fields")
    if (
        isinstance(schema.get("properties"), dict)
        and schema.get("type") == "object"
        and not is_open
    ):
        made.setdefault("additionalProperties", False)
    return made
