"""Ways to a cluster: each is a callable that gives a configured client, called again when the
credentials that it had were refused.
"""

import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import urllib3
from kubernetes import client, config
from kubernetes.config.config_exception import ConfigException

from slipway.errors import BadInput

Access = Callable[[], client.ApiClient]
DEFAULT_KUBECONFIG = Path("~/.kube/config")
KEPT_SECONDS = 60.0


class Kept:
    """A way to a cluster that gives the same client for a minute.

    The steps of a release follow each other closely: they need not shake hands with the API server
    one by one.
    """

    def __init__(self, access: Access, clock: Callable[[], float] = time.monotonic) -> None:
        self.opens = access
        self._clock = clock
        self._lock = threading.Lock()
        self._client: client.ApiClient | None = None
        self._opened = 0.0

    def __call__(self) -> client.ApiClient:
        with self._lock:
            if self._client is None or self._clock() - self._opened >= KEPT_SECONDS:
                self._client, self._opened = self.opens(), self._clock()
            return self._client

    def forget(self) -> None:
        """Its credentials were refused: the next one is opened anew."""
        with self._lock:
            self._client = None


def kept(access: Access) -> Kept:
    return access if isinstance(access, Kept) else Kept(access)


def by_settings(kubeconfig: Path | None, context: str | None) -> Access:
    """The kubeconfig that is named; else the pod's own service account; else the default one."""
    if kubeconfig or context or not is_in_cluster():
        return lambda: from_file(kubeconfig or default_kubeconfig(), context)
    return from_service_account


def by_content(content: Mapping[str, Any], context: str) -> Access:
    """A kubeconfig given as data, as a saved block holds it."""

    def opened() -> client.ApiClient:
        with _config_errors("the saved kubeconfig", context):
            made = new_configuration()
            config.load_kube_config_from_dict(
                dict(content), context=context, client_configuration=made
            )
            return client.ApiClient(made)

    return opened


def is_in_cluster() -> bool:
    """Whether this process runs in a pod that has a service account's token."""
    token = Path("/var/run/secrets/kubernetes.io/serviceaccount/token")
    return bool(os.environ.get("KUBERNETES_SERVICE_HOST")) and token.exists()


def default_kubeconfig() -> Path:
    """Where kubectl looks: KUBECONFIG's first file, else ~/.kube/config."""
    named = os.environ.get("KUBECONFIG", "").split(os.pathsep)[0]
    return Path(named) if named else DEFAULT_KUBECONFIG.expanduser()


def from_file(path: Path, context: str | None) -> client.ApiClient:
    """A client out of a kubeconfig file.

    Raises:
        BadInput: no such file or context, or it cannot be read.
    """
    with _config_errors(f"kubeconfig {path}", context):
        if not path.is_file():
            raise ConfigException("there is no such file")
        made = new_configuration()
        config.load_kube_config(str(path), context=context, client_configuration=made)
        return client.ApiClient(made)


def from_service_account() -> client.ApiClient:
    """A client with the pod's own token, which it reads again as the kubelet renews it."""
    made = new_configuration()
    with _config_errors("the pod's service account", None):
        config.load_incluster_config(client_configuration=made)
    return client.ApiClient(made)


def new_configuration() -> client.Configuration:
    """No retries below us: a write is repeated only where we know that it may be."""
    made = client.Configuration()
    made.retries = urllib3.Retry(0)
    return made


@contextmanager
def _config_errors(where: str, context: str | None) -> Iterator[None]:
    """Turns what the loader raises into BadInput; never tells what a kubeconfig holds."""
    try:
        yield
    except (ConfigException, OSError, ValueError, KeyError, TypeError) as error:
        named = f", context {context}" if context else ""
        raise BadInput(
            f"no way to a cluster by {where}{named}",
            found=str(error)[:200] if isinstance(error, ConfigException) else None,
            allowed="a kubeconfig with that context, or a pod's service account",
            next_step="set SLIPWAY_KUBECONFIG and SLIPWAY_KUBE_CONTEXT",
        ) from None
