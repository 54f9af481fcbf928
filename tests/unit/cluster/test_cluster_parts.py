"""Parts of the test cluster that need no cluster: addresses, arguments, choices, the cache."""

import ipaddress
import itertools
import re
import time
from pathlib import Path

import pytest
from cryptography import x509

from slipway.errors import BadInput, Unreachable
from tests.cluster import cluster, config, etcd, golang, host, registries
from tests.cluster.binaries import build_arguments, kubernetes_version
from tests.cluster.cache import key_of, make_once
from tests.cluster.choice import Choice, choose, lacks_registry
from tests.cluster.layout import SLOTS, Layout
from tests.cluster.node import next_act
from tests.cluster.pki import write_pki

FOLDER = Path("/tmp/c")
LAYOUT = Layout(FOLDER, 3)
BINARIES = config.Binaries(Path("/k"), Path("/d"))
ADDRESS = re.compile(r"\b\d+\.\d+\.\d+\.\d+\b")


def test_no_two_slots_share_an_address() -> None:
    layouts = [Layout(FOLDER, slot) for slot in range(SLOTS)]
    networks = [ipaddress.IPv4Network(n) for one in layouts for n in (one.pods, one.services)]
    assert not any(a.overlaps(b) for a, b in itertools.combinations(networks, 2))
    own = [ipaddress.ip_address(a) for o in layouts for a in (o.host_address, o.node_address)]
    assert len({*own}) == 2 * SLOTS
    assert not any(address in network for address in own for network in networks)
    tests_of_networks = ipaddress.IPv4Network("198.18.0.0/15")
    assert all(tests_of_networks.supernet_of(network) for network in networks)


def test_a_link_has_a_name_that_the_kernel_takes() -> None:
    assert len(Layout(FOLDER, SLOTS - 1).link) <= 15


def test_daemons_listen_on_loopback_and_the_cluster_link_alone() -> None:
    told = [*itertools.chain(*config.daemons(LAYOUT, BINARIES).values())]
    told += [str(config.kubelet_configuration(LAYOUT)), str(config.proxy_configuration(LAYOUT))]
    told += [config.corefile(LAYOUT), config.containerd_configuration(LAYOUT, BINARIES)]
    found = {address for text in told for address in ADDRESS.findall(text)}
    services = {LAYOUT.dns_service, str(ipaddress.IPv4Network(LAYOUT.services)[0])}
    pods = str(ipaddress.IPv4Network(LAYOUT.pods)[0])
    assert found - services - {pods} == {"127.0.0.1", LAYOUT.node_address}


@pytest.mark.parametrize(
    ("wanted", "state", "act"),
    [
        ("running", "running", ""),
        ("running", "stopped", "start"),
        ("running", "paused", "resume"),
        ("paused", "running", "pause"),
        ("paused", "stopped", "start"),
        ("paused", "paused", ""),
        ("stopped", "running", "kill"),
        ("stopped", "paused", "kill"),
        ("stopped", "stopped", ""),
        ("nonsense", "running", ""),
    ],
)
def test_what_the_first_process_does_next(wanted: str, state: str, act: str) -> None:
    assert next_act(wanted, state) == act


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, Choice()),
        ({"SLIPWAY_TEST_HOME": "/tmp/h"}, Choice(folder=Path("/tmp/h/cluster"), is_kept=False)),
        ({"SLIPWAY_TEST_HOME": "/tmp/h", "SLIPWAY_TEST_CLUSTER": "/c"}, Choice(folder=Path("/c"))),
        (
            {"SLIPWAY_TEST_KUBECONTEXT": "kind-a", "SLIPWAY_TEST_CLUSTER": "/c"},
            Choice(context="kind-a"),
        ),
    ],
)
def test_the_environment_chooses_the_cluster(environment: dict[str, str], expected: Choice) -> None:
    assert choose(environment) == expected


@pytest.mark.parametrize(
    ("choice", "word"),
    [
        (Choice(), None),
        (Choice(context="kind-a", registry="127.0.0.1:5001"), None),
        (Choice(context="kind-a"), "SLIPWAY_TEST_KUBEREGISTRY"),
        (Choice(context="kind-a", registry="registry.example:5000"), "127.0.0.1:PORT"),
    ],
)
def test_an_existing_cluster_needs_a_registry(choice: Choice, word: str | None) -> None:
    reason = lacks_registry(choice)
    assert reason is None if word is None else word in str(reason)


@pytest.mark.parametrize(
    "folder", ["/run/c", "/var/lib/c", "/var/log", "relative", "/tmp/" + "long" * 20]
)
def test_a_folder_that_cannot_be_used_is_refused(folder: str) -> None:
    with pytest.raises(BadInput, match="cannot live in this folder"):
        cluster.refuse_unless_usable(Path(folder))


def test_a_machine_without_what_a_node_needs_says_what_is_missing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "SLIPWAY_TEST_KUBECONTEXT" in str(host.lacks_namespaces())


@pytest.mark.parametrize(
    ("output", "expected"),
    [
        ("go version go1.26.8 linux/amd64", (1, 26)),
        ("go version go1.19 linux/amd64", (1, 19)),
        ("go version devel go1.27-abcdef", (0, 0)),
        ("", (0, 0)),
    ],
)
def test_version_of_go(output: str, expected: tuple[int, int]) -> None:
    assert golang.version_of(output) == expected


@pytest.mark.parametrize(
    ("named", "expected"),
    [
        ("", "https://proxy.golang.org"),
        ("off", "https://proxy.golang.org"),
        ("direct,https://one.example/go/", "https://one.example/go"),
        ("https://one.example|https://two.example", "https://one.example"),
    ],
)
def test_the_module_proxy_is_the_first_address_named(named: str, expected: str) -> None:
    assert golang.proxy_of({"GOPROXY": named}) == expected


def test_a_toolchain_that_is_not_the_pinned_one_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    import httpx

    def answer(url: str, **_: object) -> httpx.Response:
        return httpx.Response(200, content=b"other", request=httpx.Request("GET", url))

    monkeypatch.setattr(httpx, "get", answer)
    with pytest.raises(Unreachable, match="is not what is pinned"):
        golang.fetch_toolchain(tmp_path)
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == [".lock"]


def test_a_build_that_does_not_end_is_told_of_and_killed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(golang, "TOLD_SECONDS", 0.05)
    go = tmp_path / "go"
    go.write_text("#!/bin/sh\nsleep 60 &\necho $! >started\nwait\n")
    go.chmod(0o755)
    with pytest.raises(Unreachable, match="go build did not end within 1 s"):
        golang.run_go(go, tmp_path, "build", seconds=1)
    assert "go build goes on, 0 s so far" in capsys.readouterr().err
    started = int((tmp_path / "started").read_text())
    until = time.monotonic() + 10
    while (stat := Path(f"/proc/{started}/stat")).exists() and " Z " not in stat.read_text():
        assert time.monotonic() < until
        time.sleep(0.02)


def test_what_a_failed_build_said_is_the_evidence(tmp_path: Path) -> None:
    go = tmp_path / "go"
    go.write_text("#!/bin/sh\necho no such module >&2\nexit 1\n")
    go.chmod(0o755)
    with pytest.raises(Unreachable, match="go build failed") as caught:
        golang.run_go(go, tmp_path, "build")
    assert caught.value.evidence == ("no such module",)


def test_the_build_names_the_version_of_go_mod() -> None:
    version = kubernetes_version()
    arguments = build_arguments(version, Path("/out"))
    flags = next(word for word in arguments if word.startswith("-ldflags="))
    assert f"component-base/version.gitVersion=v{version}" in flags
    assert "-o=/out/" in arguments


def test_what_is_cached_is_made_once(tmp_path: Path) -> None:
    made: list[Path] = []

    def make(folder: Path) -> None:
        made.append(folder)
        (folder / "program").write_text("x")

    target = tmp_path / "cache" / key_of([b"one"])
    assert (make_once(target, make) / "program").read_text() == "x"
    assert make_once(target, make) == target
    assert len(made) == 1


def test_what_could_not_be_made_leaves_nothing_in_the_cache(tmp_path: Path) -> None:
    def fail(folder: Path) -> None:
        (folder / "half").write_text("x")
        raise Unreachable("no network")

    with pytest.raises(Unreachable):
        make_once(tmp_path / "cache" / "a", fail)
    assert [path.name for path in (tmp_path / "cache").iterdir()] == [".lock"]


def test_keys_tell_where_one_part_ends() -> None:
    assert key_of([b"ab", b"c"]) != key_of([b"a", b"bc"])


def test_a_login_is_written_where_the_node_has_one() -> None:
    login = {"username": "u", "password": "p"}
    assert 'Authorization = "Basic dTpw"' in registries.hosts_file("198.18.0.129:5", login)
    assert "Authorization" not in registries.hosts_file("198.18.0.129:5")


def test_a_range_of_keys_ends_after_the_last_with_the_prefix() -> None:
    assert etcd.end_of(b"/registry/") == b"/registry0"


def test_down_of_a_folder_that_is_not_there_does_nothing(tmp_path: Path) -> None:
    assert cluster.down(tmp_path / "none") == 0


def test_certificates_are_signed_by_the_cluster_and_name_its_addresses(tmp_path: Path) -> None:
    layout = Layout(tmp_path, 3)
    write_pki(layout)
    authority = x509.load_pem_x509_certificate((layout.pki / "ca.crt").read_bytes())
    api = x509.load_pem_x509_certificate((layout.pki / "apiserver.crt").read_bytes())
    api.verify_directly_issued_by(authority)
    names = api.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    addresses = {str(address) for address in names.get_values_for_type(x509.IPAddress)}
    assert addresses == {"127.0.0.1", layout.node_address, layout.api_service}
    assert all(path.stat().st_mode & 0o077 == 0 for path in layout.pki.glob("*.key"))
