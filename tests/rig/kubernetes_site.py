"""The shipped namespaces, accounts and policies on a cluster, under names of one test's own.

Policies hold for a whole cluster, so here they are bound to this site's namespaces alone.
"""

import json
import re
import uuid
from dataclasses import dataclass, field
from typing import Any

from slipway.canonical import JsonObject
from tests.rig.kubernetes_files import MANIFESTS, kustomized
from tests.rig.kubernetes_rig import Cluster, KubectlFailed

SHIPPED = re.compile(r"\b(vouchers|slipway)-(dev|stage|prod)\b")
POLICY = "ValidatingAdmissionPolicy"
LABEL = "slipway.dev/test"


@dataclass
class Site:
    """dev and prod of the shipped manifests, and a namespace without Pod Security.

    Attributes:
        registry: the only one that the policies allow.
    """

    cluster: Cluster
    registry: str
    suffix: str = field(default_factory=lambda: f"t{uuid.uuid4().hex[:8]}")

    def namespace(self, part: str) -> str:
        """`app dev`, `runner prod` or `bare`."""
        words = {"app": "vouchers", "runner": "slipway"}
        name, _, environment = part.partition(" ")
        return "-".join(filter(None, (words.get(name, name), environment, self.suffix)))

    def account(self, who: str, environment: str = "dev") -> str:
        """The user name of a service account of that environment."""
        return f"system:serviceaccount:{self.namespace(f'runner {environment}')}:slipway-{who}"

    def up(self) -> "Site":
        made = [doc for part in ("dev", "prod", "policies") for doc in self.shipped(part)]
        bare = {"name": self.namespace("bare"), "labels": {LABEL: self.suffix}}
        namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": bare}
        self.applied([namespace, *made])
        return self

    def shipped(self, part: str) -> list[JsonObject]:
        """One folder of the manifests, as it is but for names, labels and the registry."""
        text = json.dumps(kustomized(self.cluster.program, MANIFESTS / part).documents)
        renamed = SHIPPED.sub(lambda found: f"{found[0]}-{self.suffix}", text)
        return [self.own(document) for document in json.loads(renamed)]

    def own(self, document: Any) -> JsonObject:
        kind, metadata = document["kind"], document["metadata"]
        if kind == "Namespace":
            metadata.setdefault("labels", {})[LABEL] = self.suffix
        if kind.startswith(POLICY):
            metadata["name"] += f"-{self.suffix}"
        if kind == f"{POLICY}Binding":
            selected = {"namespaceSelector": {"matchLabels": {LABEL: self.suffix}}}
            document["spec"]["matchResources"] = selected
            document["spec"]["policyName"] += f"-{self.suffix}"
        if metadata["name"].startswith("slipway-registries") and kind == POLICY:
            allowed = document["spec"]["variables"][0]
            assert allowed["name"] == "allowed"
            allowed["expression"] = json.dumps([self.registry])
        return dict(document)

    def down(self) -> None:
        """Namespaces end in the background."""
        names = [self.namespace("bare")]
        names += [
            self.namespace(f"{part} {e}") for part in ("app", "runner") for e in ("dev", "prod")
        ]
        self.kubectl("delete", "namespace", "--wait=false", "--ignore-not-found", *names)
        for kind in (f"{POLICY}Binding", POLICY):
            policies = [
                f"slipway-{n}-{self.suffix}"
                for n in ("digests", "registries", "hardening", "guards")
            ]
            self.kubectl("delete", kind, "--ignore-not-found", *policies)

    def applied(self, documents: list[JsonObject]) -> None:
        self.kubectl("apply", "--server-side", "-f", "-", given=documents)

    def kubectl(self, *argv: str, given: list[JsonObject] | None = None) -> str:
        """What kubectl prints; a refusal fails the test."""
        items = {"apiVersion": "v1", "kind": "List", "items": given}
        return self.cluster.kubectl(*argv, given=json.dumps(items) if given else "")

    def tried(self, *argv: str, given: list[JsonObject] | None = None) -> tuple[bool, str]:
        """Whether kubectl was obeyed, and what it printed or why not."""
        try:
            return True, self.kubectl(*argv, given=given)
        except KubectlFailed as error:
            return False, str(error)

    def reviewed(self, documents: list[JsonObject], *argv: str) -> list[JsonObject]:
        """The answer, that is the status, of each review of access or of rules."""
        told = self.kubectl(
            "create", "-f", "-", "-o", "jsonpath={.status}{'\\n'}", *argv, given=documents
        )
        return [json.loads(line) for line in told.splitlines()]
