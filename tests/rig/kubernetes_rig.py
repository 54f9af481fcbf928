"""The cluster that tests of Kubernetes use, and what they may do to it.

Each test has a namespace of its own. What only a cluster of our own can (read etcd, stop the API
server, lose the registry) is refused for one that was chosen by its context.
"""

import base64
import json
import os
import re
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from slipway.errors import BadInput, DeadlineExceeded
from tests.cluster import cluster, config, host, registries
from tests.cluster.binaries import ensure_binaries
from tests.cluster.choice import Choice
from tests.cluster.layout import Layout
from tests.rig.docker_rig import CREDENTIALS, Rig

JsonObject = dict[str, Any]
PULL_SECRET = "pull"
ETCD_SCRIPT = Path(cluster.__file__).with_name("etcd.py")
_FORWARDING = re.compile(r"^Forwarding from 127\.0\.0\.1:(\d+)", re.MULTILINE)


class KubectlFailed(AssertionError):
    """kubectl ended with another code than 0; its stderr is the text."""


def pull_secret(port: int, credentials: Mapping[str, str]) -> JsonObject:
    """The secret that pods of a namespace pull with, by either name of the registry."""
    pair = f"{credentials['username']}:{credentials['password']}".encode()
    login = {**credentials, "auth": base64.b64encode(pair).decode()}
    logins = {"auths": dict.fromkeys(registries.names(port), login)}
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": PULL_SECRET},
        "type": "kubernetes.io/dockerconfigjson",
        "stringData": {".dockerconfigjson": json.dumps(logins)},
    }


def default_account() -> JsonObject:
    """The service account that pods have unasked, with the login to pull."""
    return {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": {"name": "default"},
        "imagePullSecrets": [{"name": PULL_SECRET}],
    }


def role_of(name: str, rules: list[JsonObject]) -> list[JsonObject]:
    """A service account that may do what the rules say in its namespace, and no more."""
    subject = {"kind": "ServiceAccount", "name": name}
    reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": name}
    rbac = {"apiVersion": "rbac.authorization.k8s.io/v1", "metadata": {"name": name}}
    return [
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name}},
        {**rbac, "kind": "Role", "rules": rules},
        {**rbac, "kind": "RoleBinding", "roleRef": reference, "subjects": [subject]},
    ]


@dataclass
class Cluster:
    """A Kubernetes cluster.

    Attributes:
        kubeconfig, context: how to reach it as administrator.
        program: kubectl.
        images: builds and pushes test images.
        layout: of a cluster of our own; None for an existing one.
    """

    kubeconfig: Path
    context: str
    program: Path
    images: Rig
    layout: Layout | None = None

    @property
    def registry(self) -> str:
        """host:port as images are named, for pods as for this machine."""
        return f"127.0.0.1:{self.images.port}"

    @property
    def credentials(self) -> dict[str, str]:
        """The registry's login: `username` and `password`."""
        return CREDENTIALS

    @property
    def own(self) -> Layout:
        """
        Raises:
            BadInput: an existing cluster was chosen, and it is not ours to stop or read.
        """
        if not self.layout:
            raise BadInput("needs a cluster of the tests' own", found=f"context {self.context}")
        return self.layout

    # What people do

    def kubectl_argv(self, *arguments: str, namespace: str = "") -> list[str]:
        where = [f"--kubeconfig={self.kubeconfig}", f"--context={self.context}"]
        return [
            str(self.program),
            *where,
            *([f"--namespace={namespace}"] if namespace else []),
            *arguments,
        ]

    def kubectl(self, *arguments: str, namespace: str = "", given: str = "") -> str:
        """Output of kubectl.

        Raises:
            KubectlFailed: with what it said.
        """
        argv = self.kubectl_argv(*arguments, namespace=namespace)
        done = subprocess.run(argv, input=given, capture_output=True, text=True, check=False)
        if done.returncode:
            raise KubectlFailed(done.stderr.strip())
        return done.stdout

    def get(self, kind: str, name: str, namespace: str = "") -> JsonObject:
        """One object."""
        text = self.kubectl("get", kind, name, "--output=json", namespace=namespace)
        return dict(json.loads(text))

    def apply(self, *objects: JsonObject, namespace: str = "") -> None:
        """Create or change objects."""
        given = json.dumps({"apiVersion": "v1", "kind": "List", "items": list(objects)})
        self.kubectl("apply", "--validate=false", "--filename=-", namespace=namespace, given=given)

    # Namespaces

    def new_namespace(self, labels: Mapping[str, str] | None = None) -> str:
        """A namespace that nobody else uses, whose default account can pull."""
        name = f"t-{uuid.uuid4().hex[:10]}"
        marks = {"slipway.test": "namespace", **(labels or {})}
        metadata = {"name": name, "labels": marks}
        self.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": metadata})
        secret = pull_secret(self.images.port, self.credentials)
        self.apply(secret, default_account(), namespace=name)
        return name

    def remove_namespace(self, name: str) -> None:
        """Ask for its end; nobody waits for that."""
        self.kubectl("delete", "namespace", name, "--wait=false", "--ignore-not-found")

    # Images

    def push(self, flavour: str = "one") -> str:
        """The test app as `registry/repository@digest`, another for each flavour."""
        return self.images.push_testapp(flavour)

    def needs_login(self, reference: str) -> str:
        """The same image by the name for which the node itself has no login (own cluster)."""
        return reference.replace("127.0.0.1:", "localhost:", 1)

    def unpull(self, reference: str) -> None:
        """Remove the image from the node; the registry keeps it (own cluster)."""
        digest = reference.partition("@")[2]
        with_names = self._ctr("images", "list").splitlines()
        names = [line.split()[0] for line in with_names if digest in line]
        for name in names:
            self._ctr("images", "remove", "--sync", name)

    @contextmanager
    def registry_lost(self) -> Iterator[None]:
        """The node cannot reach the registry meanwhile (own cluster)."""
        registries.disconnect(self.own, self.images.port)
        try:
            yield
        finally:
            registries.connect(self.own, self.images.port)

    def _ctr(self, *arguments: str) -> str:
        binaries = ensure_binaries(print)
        argv = cluster.ctr_argv(self.own, binaries, *arguments)
        environment = binaries.environment(os.environ)
        done = subprocess.run(argv, capture_output=True, text=True, check=True, env=environment)
        return done.stdout

    # Traffic

    def service_address(self, namespace: str, service: str) -> str:
        """The address of a Service that this machine reaches (own cluster)."""
        _ = self.own
        return str(self.get("service", service, namespace)["spec"]["clusterIP"])

    @contextmanager
    def port_forward(self, namespace: str, target: str, port: int) -> Iterator[int]:
        """A port on loopback that leads to `target` (as `service/web`); ended gracefully."""
        argv = self.kubectl_argv("port-forward", target, f":{port}", namespace=namespace)
        process = subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        with process:
            try:
                line = process.stdout.readline() if process.stdout else ""
                match = _FORWARDING.match(line)
                if not match:
                    raise KubectlFailed(process.stderr.read() if process.stderr else line)
                yield int(match[1])
            finally:
                process.terminate()

    # The API server and other daemons (own cluster)

    def set_daemon(self, name: str, state: str, seconds: float = 15) -> None:
        """Bring a daemon of the node to `running`, `paused` or `stopped`, and wait for that."""
        cluster.want(self.own, [name], state)
        until = time.monotonic() + seconds
        while cluster.state_of(self.own, name)[0] != state:
            if time.monotonic() > until:
                raise DeadlineExceeded(f"{name} is not {state}")
            time.sleep(0.02)

    @contextmanager
    def without(self, name: str, state: str = "stopped") -> Iterator[None]:
        """The daemon is killed, or `paused`, meanwhile; afterwards the API answers again."""
        self.set_daemon(name, state)
        try:
            yield
        finally:
            self.set_daemon(name, "running")
            self.await_api()

    def restart(self, name: str) -> None:
        """Kill it; it is started at once, as a node does."""
        with self.without(name):
            pass

    def await_api(self) -> None:
        with cluster.client(self.own) as api:
            cluster.await_answer(self.own, "API", lambda: cluster.answers(api, "/readyz"))

    @contextmanager
    def apiserver_arguments(self, *extra: str) -> Iterator[None]:
        """The API server runs with more arguments meanwhile, such as a token webhook's."""
        path = self.own.folder / "daemons" / "kube-apiserver.json"
        before = path.read_text()
        daemon = json.loads(before)
        path.write_text(json.dumps({**daemon, "argv": [*daemon["argv"], *extra]}))
        try:
            self.restart("kube-apiserver")
            yield
        finally:
            path.write_text(before)
            self.restart("kube-apiserver")

    def etcd(self, prefix: str = "/registry/") -> dict[str, bytes]:
        """Everything that the cluster stores, by key."""
        record = host.processes(self.own.folder).read("node")
        assert record
        argv = host.in_network(record.pid, sys.executable, "-I", str(ETCD_SCRIPT), prefix)
        done = subprocess.run(argv, capture_output=True, check=True)
        pairs = json.loads(done.stdout)
        return {key: base64.b64decode(value) for key, value in pairs.items()}

    # Access

    def limited_kubeconfig(self, namespace: str, rules: list[JsonObject], folder: Path) -> Path:
        """A kubeconfig of a new service account that may do what these RBAC rules say."""
        name = f"limited-{uuid.uuid4().hex[:6]}"
        self.apply(*role_of(name, rules), namespace=namespace)
        return self.account_kubeconfig(namespace, name, folder)

    def account_kubeconfig(self, namespace: str, account: str, folder: Path) -> Path:
        """A kubeconfig of that service account, in the folder; its token lives an hour."""
        token = self.kubectl("create", "token", account, namespace=namespace).strip()
        view = ("config", "view", "--minify", "--raw", "--output=json")
        document = json.loads(self.kubectl(*view))
        document["users"] = [{"name": account, "user": {"token": token}}]
        document["contexts"][0]["context"] |= {"user": account, "namespace": namespace}
        path = folder / f"{account}.kubeconfig"
        path.touch(mode=0o600)
        path.write_text(json.dumps(document))
        return path

    def close(self) -> None:
        if self.layout:
            registries.dismiss(self.layout, self.images.port)


def reach_own(choice: Choice, images: Rig) -> Cluster:
    """The cluster in the chosen folder, which runs; it may pull from the rig's registry."""
    layout = cluster.running(choice.folder)
    if not layout:
        raise BadInput("no cluster runs there", found=str(choice.folder))
    registries.admit(layout, images.port, CREDENTIALS)
    program = ensure_binaries(print).kubectl
    return Cluster(layout.kubeconfig, config.CONTEXT, program, images, layout)


def reach_existing(choice: Choice, images: Rig) -> Cluster:
    """The cluster of the chosen context, in the caller's kubeconfig."""
    named = os.environ.get("KUBECONFIG", "").split(":")[0]
    kubeconfig = Path(named) if named else Path.home() / ".kube" / "config"
    return Cluster(kubeconfig, choice.context, Path("kubectl"), images)


def remove_quietly(cluster: Cluster, namespace: str) -> None:
    """For the end of a test that may have left the API server stopped."""
    with suppress(KubectlFailed):
        cluster.remove_namespace(namespace)
