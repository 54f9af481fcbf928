"""The edges of the gateway: smuggling, limits, TLS, its log, credentials that change."""

import json
import socket
import ssl
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from tests.rig.gateway import FOLDER, JENKINS, OPERATOR, SECRET, VARIABLE, WORD, GatewayRig
from tests.rig.ports import free_port

pytestmark = [pytest.mark.prefect, pytest.mark.timeout(300)]


@pytest.fixture
def second(gateway: GatewayRig, tmp_path: Path) -> Iterator[GatewayRig]:
    """Another gateway, not started, before the same server, with files of its own."""
    made = replace(gateway, folder=tmp_path, gateway_port=free_port())
    for name in ("users", "server-auth"):
        (tmp_path / name).write_bytes((gateway.folder / name).read_bytes())
    yield made
    made.processes.stop("gateway")


def raw(rig: GatewayRig, text: str) -> str:
    """All that comes back for these bytes."""
    with socket.create_connection(("127.0.0.1", rig.gateway_port), timeout=10) as connection:
        connection.sendall(text.encode())
        connection.shutdown(socket.SHUT_WR)
        parts = iter(lambda: connection.recv(65536), b"")
        return b"".join(parts).decode(errors="replace")


HIDDEN = f"GET /api/variables/name/{VARIABLE} HTTP/1.1\r\nHost: x\r\n\r\n"


@pytest.mark.parametrize(
    "framing",
    [
        "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n",
        "Content-Length: 0\r\nContent-Length: 200\r\n",
        "Content-Length: +0\r\n",
        "Transfer-Encoding: xchunked\r\n",
        "Transfer-Encoding : chunked\r\n",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n",
        "Transfer-Encoding: chunked\r\n",
        "Content-Length: 5\r\n",
        "Transfer_Encoding: chunked\r\nContent-Length: 5\r\n",
    ],
)
def test_no_request_hides_behind_another(gateway: GatewayRig, framing: str) -> None:
    """G11, G12: what two readers would cut differently is refused, or sent on anew."""
    header = gateway.authorization(JENKINS)["Authorization"]
    head = f"POST /api/flows/filter HTTP/1.1\r\nHost: x\r\nAuthorization: {header}\r\n{framing}\r\n"
    before = len(entries(gateway))
    text = raw(gateway, f"{head}0\r\n\r\n{HIDDEN}")
    assert gateway.canary not in text
    mine = entries(gateway)[before:]
    assert not [e for e in mine if VARIABLE in e["path"] and e["status"] != 401]


def test_a_body_in_chunks_is_looked_into(gateway: GatewayRig) -> None:
    """G11: its length is not known before."""
    with gateway.client(JENKINS) as client:
        chunks = iter([b'{"include_', b'secrets": true}'])
        answer = client.post("/api/flows/filter", content=chunks)
    assert answer.headers[WORD] == "secrets"


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-32", "utf-8-sig"])
def test_a_body_in_another_encoding_is_refused(gateway: GatewayRig, encoding: str) -> None:
    """G11: Python's JSON reads UTF-16 and UTF-32 as well."""
    body = '{"parameters": {"x": {"__prefect_kind": "jinja"}}}'.encode(encoding)
    json_type = {"Content-Type": "application/json"}
    with gateway.client(JENKINS) as client:
        answer = client.post("/api/flows/filter", content=body, headers=json_type)
    assert answer.headers[WORD] in {"malformed", "secrets"}


def test_bodies_have_their_limits(gateway: GatewayRig) -> None:
    """G12: 1 MiB where it is looked into, 8 MiB elsewhere."""
    with gateway.client(JENKINS) as client:
        looked_into = client.post("/api/flows/filter", json={"x": "y" * 2_000_000})
        logs = client.post("/api/logs/", json=[{"x": "y" * 3_000_000}])
        any_body = client.post("/api/logs/", content=b"[" + b" " * 9_000_000 + b"]")
    assert (looked_into.status_code, looked_into.headers[WORD]) == (403, "too-large")
    assert WORD not in logs.headers
    assert (any_body.status_code, any_body.headers[WORD]) == (413, "too-large")


def test_too_many_requests_are_put_off(second: GatewayRig) -> None:
    """G12: with a status that Prefect's clients wait at."""
    second.start_gateway(GATEWAY_REQUESTS_PER_SECOND="1")
    answers = [second.ask(JENKINS, "GET /api/health", {}, None) for _ in range(12)]
    assert {a.status for a in answers} == {200, 429}
    assert {a.word for a in answers} == {None, "too-many"}


def test_a_credential_changes_without_a_restart(second: GatewayRig) -> None:
    """S0-12: two count while one is replaced, then the old one is nobody's."""
    second.credentials = dict(second.credentials)
    second.start_gateway()
    old = second.credentials[JENKINS]
    with (second.folder / "users").open("a") as users:
        users.write(second.new_credential(JENKINS))
    assert second.ask(JENKINS, "GET /api/health", {}, None).status == 200
    lines = (second.folder / "users").read_text().splitlines(keepends=True)
    (second.folder / "users").write_text("".join(lines[1:]))
    assert second.ask(JENKINS, "GET /api/health", {}, None).status == 200
    second.credentials[JENKINS] = old
    assert second.ask(JENKINS, "GET /api/health", {}, None).status == 401


def test_a_gateway_without_its_users_lets_nobody_in(second: GatewayRig) -> None:
    """G12: what cannot be read is no permission."""
    second.start_gateway()
    (second.folder / "users").unlink()
    answer = second.ask(OPERATOR, "GET /api/health", {}, None)
    assert (answer.status, answer.word) == (500, "broken")


def test_a_wrong_password_of_the_server_is_told_as_such(second: GatewayRig) -> None:
    """S0-21: and not as the caller's."""
    (second.folder / "server-auth").write_text("server:other")
    second.start_gateway()
    answer = second.ask(JENKINS, "POST /api/flows/filter", {}, "{}")
    assert (answer.status, answer.word) == (502, "misconfigured")
    assert "GATEWAY_AUTH_FILE" in json.loads(answer.text)["next_step"]


def test_a_server_that_is_gone_is_told_as_such(second: GatewayRig) -> None:
    """S0-21."""
    second.start_gateway(GATEWAY_UPSTREAM=f"127.0.0.1:{free_port()}")
    answer = second.ask(JENKINS, "GET /api/health", {}, None)
    assert (answer.status, answer.word) == (502, "unreachable")


@pytest.mark.parametrize(
    ("variables", "says"),
    [
        ({"GATEWAY_LISTEN": "0.0.0.0:4280"}, "without TLS"),
        ({"GATEWAY_UPSTREAM": ""}, "HOST:PORT"),
        ({"GATEWAY_UPSTREAM": "127.0.0.1:1; include /etc/passwd"}, "HOST:PORT"),
        ({"GATEWAY_USERS_FILE": "/no/such/file"}, "missing or empty"),
        ({"GATEWAY_AUTH_FILE": "/no/such/file"}, "missing or empty"),
        ({"GATEWAY_TLS_CERTIFICATE": "/a b"}, "absolute path"),
        ({"GATEWAY_REQUESTS_PER_SECOND": "many"}, "1 to 99999"),
    ],
)
def test_what_it_is_given_is_checked(
    second: GatewayRig, variables: dict[str, str], says: str
) -> None:
    """G12: it does not listen off this machine without TLS."""
    done = subprocess.run(
        ["/bin/sh", str(FOLDER / "start.sh")],
        env={**second.gateway_environment, **variables},
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    assert done.returncode == 2
    assert says in done.stderr


def test_tls_is_modern(second: GatewayRig) -> None:
    """G12: TLS 1.2 and newer, and browsers are told to stay with it."""
    key, certificate = second.folder / "key.pem", second.folder / "certificate.pem"
    make_certificate(key, certificate)
    second.start_gateway(
        GATEWAY_TLS_CERTIFICATE=str(certificate), GATEWAY_TLS_KEY=str(key), scheme="https"
    )
    trusted = ssl.create_default_context(cafile=str(certificate))
    user, password = second.credentials[JENKINS].split(":")
    address = f"https://localhost:{second.gateway_port}/api/health"
    answer = httpx.get(address, auth=(user, password), verify=trusted)
    assert answer.json() is True
    assert "max-age" in answer.headers["Strict-Transport-Security"]
    assert speaks(second, "-tls1_2")
    assert not speaks(second, "-tls1_1")


def speaks(rig: GatewayRig, version: str) -> bool:
    """Whether a client that takes anything comes to terms with the gateway."""
    argv = ["openssl", "s_client", "-connect", f"127.0.0.1:{rig.gateway_port}", version]
    argv += ["-cipher", "ALL:@SECLEVEL=0"]
    done = subprocess.run(argv, input=b"", capture_output=True, timeout=20, check=False)
    return done.returncode == 0


def make_certificate(key: Path, certificate: Path) -> None:
    argv = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1"]
    argv += ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    argv += ["-keyout", str(key), "-out", str(certificate)]
    subprocess.run(argv, check=True, capture_output=True)


def entries(rig: GatewayRig) -> list[dict[str, str]]:
    """The access log; a websocket's second entry has no path."""
    lines = [line for line in rig.log.read_text().splitlines() if line.startswith("{")]
    return [{"path": "", **json.loads(line)} for line in lines]


def test_the_log_says_who_did_what_and_no_secret(gateway: GatewayRig) -> None:
    """S0-12, G12: one JSON object a request, never a credential, query or body."""
    path = f"/api/block_types/slug/secret/block_documents/name/{SECRET}"
    asked = gateway.ask(OPERATOR, f"GET {path}?include_secrets=true&mark=q-u-e-r-y", {}, None)
    assert gateway.canary in asked.text
    gateway.ask(JENKINS, "POST /api/flows/filter", {}, '{"mark": "b-o-d-y"}')
    gateway.ask("nobody", "GET /api/health", {"Authorization": "Basic bWFyazptYXJr"}, None)
    entry = next(e for e in reversed(entries(gateway)) if e["path"] == path)
    assert (entry["user"], entry["role"], entry["status"]) == (OPERATOR, OPERATOR, 200)
    assert entry["route"].endswith("/name/{block_document_name}")
    assert entry["decision"] == "passed"
    text = gateway.log.read_text()
    passwords = [credential.split(":")[1] for credential in gateway.credentials.values()]
    headers = [gateway.authorization(role)["Authorization"][6:] for role in gateway.credentials]
    secret = [gateway.canary, gateway.auth, *passwords, *headers]
    for word in (*secret, "q-u-e-r-y", "b-o-d-y", "bWFyazptYXJr", "mark:mark"):
        assert word not in text


def test_no_credential_is_on_a_command_line(gateway: GatewayRig) -> None:
    """G10, G12: nor in what nginx was started with."""
    record = gateway.processes.read("gateway")
    assert record
    process = record.process()
    assert process
    for one in (process, *process.children(recursive=True)):
        said = " ".join(one.cmdline()) + str(one.environ())
        for credential in (gateway.auth, *gateway.credentials.values()):
            assert credential.split(":")[1] not in said


def test_nothing_of_a_secret_is_left_in_the_private_folder(gateway: GatewayRig) -> None:
    """G12: neither the server's password nor an operator's answer."""
    run = gateway.folder / "run"
    assert run.stat().st_mode & 0o077 == 0
    text = b"".join(path.read_bytes() for path in run.rglob("*") if path.is_file())
    assert gateway.auth.split(":")[1].encode() not in text
    assert gateway.canary.encode() not in text
