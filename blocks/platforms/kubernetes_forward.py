"""HTTP requests to a pod through a port-forward of the API server, which is ended after them."""

import ssl
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from typing import Any, cast

from certifi import where
from kubernetes.client import ApiException, Configuration
from kubernetes.stream.ws_client import PortForward, get_websocket_url, websocket_proxycare
from websocket import WebSocket, WebSocketException

from blocks.platforms.kubernetes_api import Cluster, path_of

SECONDS = 5.0
PROTOCOL = "v4.channel.k8s.io"


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer; status 0 where there was none."""

    status: int
    text: str

    def __str__(self) -> str:
        return f"{self.status}: {self.text}" if self.status else self.text


def http_get(
    cluster: Cluster, namespace: str, pod: str, port: int, paths: Sequence[str]
) -> list[Answer]:
    """GET each path from the pod's port, through as few forwards as the app lets us.

    Never raises: what went wrong is the last answer.
    """
    answers: list[Answer] = []
    while len(answers) < len(paths):
        left = paths[len(answers) :]
        try:
            with forwarded(cluster, namespace, pod, port) as connection:
                answers.extend(asked(connection, pod, left))
        except (ApiException, WebSocketException, HTTPException, OSError) as error:
            reason = error.reason if isinstance(error, ApiException) else error
            text = f"no answer from {pod}:{port}: {type(error).__name__} {reason}"
            return [*answers, Answer(0, text[:200])]
    return answers


def asked(connection: HTTPConnection, pod: str, paths: Sequence[str]) -> Iterator[Answer]:
    """Answers of one connection, until the app ends it; at least one.

    Raises:
        HTTPException, OSError: there was none.
    """
    for number, path in enumerate(paths):
        wanted = "close" if path == paths[-1] else "keep-alive"
        try:
            connection.request("GET", path, headers={"Host": pod, "Connection": wanted})
            response = connection.getresponse()
            text = response.read(2000).decode(errors="replace").strip()
        except (HTTPException, OSError):
            if number == 0:
                raise
            return
        yield Answer(response.status, text[:200])
        if response.will_close or not response.isclosed():
            return


@contextmanager
def forwarded(cluster: Cluster, namespace: str, pod: str, port: int) -> Iterator[HTTPConnection]:
    """A connection to the pod's port meanwhile."""
    forward = opened(cluster, namespace, pod, port)
    try:
        stream = forward.socket(port)
        stream.settimeout(SECONDS)
        connection = HTTPConnection("localhost", port, timeout=SECONDS)
        connection.sock = cast(Any, stream)
        connection.auto_open = 0
        yield connection
    finally:
        forward.close()


def opened(cluster: Cluster, namespace: str, pod: str, port: int) -> Any:
    """A port-forward with a `socket(port)`, to be closed.

    Raises:
        ApiException, WebSocketException: the API server opens none.
    """
    return PortForward(connected(cluster, namespace, pod, port), [port])


def connected(cluster: Cluster, namespace: str, pod: str, port: int) -> Any:
    """The way to the pod; the client's own has no bound, and waits while a kubelet hangs."""
    api, path = cluster.client, path_of("Pod", namespace, f"{pod}/portforward")
    query = [("ports", str(port))]
    asked = api.param_serialize("GET", path, query_params=query, auth_settings=["BearerToken"])
    url, headers = get_websocket_url(asked[1], None), asked[2]
    options = {"header": [f"{key}: {value}" for key, value in wanted_headers(headers)]}
    if api.configuration.proxy:
        options = websocket_proxycare(options, api.configuration, url, headers)
    made: Any = WebSocket(sslopt=tls_options(api.configuration), skip_utf8_validation=False)
    try:
        made.connect(url, timeout=SECONDS, **options)
        # The forward's thread reads only what is there; a bound of its own would end it halfway.
        made.settimeout(None)
    except OSError as error:
        raise ApiException(status=0, reason=str(error)) from None
    return made


def wanted_headers(headers: Mapping[str, str]) -> list[tuple[str, str]]:
    """Those of an upgrade: the login where there is one, and the protocol. Pure."""
    login = [(key, value) for key, value in headers.items() if key.lower() == "authorization"]
    return [*login, ("sec-websocket-protocol", PROTOCOL)]


def tls_options(settings: Configuration) -> dict[str, Any]:
    """How the server is known, and this client to it. Pure."""
    options: dict[str, Any] = {"cert_reqs": ssl.CERT_NONE}
    if settings.verify_ssl:
        options = {"cert_reqs": ssl.CERT_REQUIRED, "ca_certs": settings.ssl_ca_cert or where()}
        if settings.assert_hostname is not None:
            options["check_hostname"] = settings.assert_hostname
    given = {
        "certfile": settings.cert_file,
        "keyfile": settings.key_file,
        "server_hostname": settings.tls_server_name,
    }
    return options | {key: value for key, value in given.items() if value}
