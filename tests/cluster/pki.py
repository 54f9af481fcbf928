"""Keys and certificates of one cluster, made anew for each; valid for a few days."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from tests.cluster.layout import NODE, Layout

VALID = timedelta(days=7)


@dataclass(frozen=True)
class Authority:
    """Signs the cluster's certificates."""

    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate


def new_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def subject(name: str, group: str = "") -> x509.Name:
    """Kubernetes reads the user from CN and the group from O."""
    parts = [x509.NameAttribute(NameOID.COMMON_NAME, name)]
    if group:
        parts.append(x509.NameAttribute(NameOID.ORGANIZATION_NAME, group))
    return x509.Name(parts)


def alternative_names(names: Iterable[str]) -> x509.SubjectAlternativeName:
    """Addresses and host names, told apart by their look."""
    return x509.SubjectAlternativeName([_general_name(name) for name in names])


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _builder(
    name: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + VALID)
    )


def new_authority() -> Authority:
    key, name = new_key(), subject("slipway-test-cluster")
    builder = _builder(name, name, key).add_extension(x509.BasicConstraints(True, None), True)
    return Authority(key, builder.sign(key, hashes.SHA256()))


def issue(
    authority: Authority, name: x509.Name, key: ec.EllipticCurvePrivateKey, names: list[str]
) -> x509.Certificate:
    """A certificate for client and server use."""
    usage = [ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH]
    builder = _builder(name, authority.certificate.subject, key)
    builder = builder.add_extension(x509.ExtendedKeyUsage(usage), critical=False)
    if names:
        builder = builder.add_extension(alternative_names(names), critical=False)
    return builder.sign(authority.key, hashes.SHA256())


def write_key(path: Path, key: ec.EllipticCurvePrivateKey) -> None:
    text = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.TraditionalOpenSSL,
        serialization.NoEncryption(),
    )
    path.touch(mode=0o600)
    path.write_bytes(text)


def write_pki(layout: Layout) -> None:
    """ca, apiserver, kubelet and admin as NAME.crt and NAME.key, and service-accounts.key."""
    layout.pki.mkdir(exist_ok=True)
    authority = new_authority()
    service = "kubernetes.default.svc"
    api = [layout.node_address, layout.api_service, "127.0.0.1", "localhost"]
    api += ["kubernetes", "kubernetes.default", service, f"{service}.cluster.local"]
    issued = {
        "apiserver": (subject("kube-apiserver"), api),
        "kubelet": (subject(f"system:node:{NODE}", "system:nodes"), [layout.node_address, NODE]),
        "admin": (subject("admin", "system:masters"), []),
    }
    write_key(layout.pki / "service-accounts.key", new_key())
    write_key(layout.pki / "ca.key", authority.key)
    certificates = {"ca": authority.certificate}
    for name, (who, names) in issued.items():
        key = new_key()
        write_key(layout.pki / f"{name}.key", key)
        certificates[name] = issue(authority, who, key, names)
    for name, certificate in certificates.items():
        pem = certificate.public_bytes(serialization.Encoding.PEM)
        (layout.pki / f"{name}.crt").write_bytes(pem)
