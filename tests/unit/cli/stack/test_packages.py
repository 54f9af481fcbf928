"""Package tools' output, read."""

import pytest

from slipway.cli.stack.packages import (
    Package,
    direct_dependencies,
    is_supported,
    parse_uris,
    pinned,
)

DEPENDS = """\
haproxy
  PreDepends: dpkg
  Depends: libc6
 |Depends: first
  Depends: second
  Depends: libsystemd0
    libelogind0
  Depends: <virtual>
    provider
  Suggests: vim
libc6
  Depends: libgcc-s1
"""
SHA = "3d3fdbe91d4660c873e14b092c213fe81c1da6362daa236eb25d0171eb108744"
URIS = f"""\
'http://host/pool/z_1.deb' zlib1g_1%3a1.2.13.dfsg-1_amd64.deb 86648 SHA256:{SHA}
W: a warning
'http://host/pool/d_1.deb' dash_0.5.12-2_amd64.deb 91848 SHA256:{SHA}
"""


@pytest.mark.parametrize(
    ("os_release", "expected"),
    [
        ('ID=debian\nVERSION_ID="12"\n', True),
        ("ID=debian\nVERSION_ID=12\n", True),
        ('ID=debian\nVERSION_ID="13"\n', False),
        ('ID=ubuntu\nVERSION_ID="24.04"\nID_LIKE=debian\n', False),
        ("", False),
    ],
)
def test_is_supported(os_release: str, expected: bool) -> None:
    assert is_supported(os_release) is expected


def test_dependencies_leave_out_what_only_maintainer_scripts_need() -> None:
    assert direct_dependencies(DEPENDS) == ["libc6", "second", "libsystemd0", "libgcc-s1"]


def test_uris_become_packages_in_order() -> None:
    assert parse_uris(URIS) == [
        Package("dash", "dash_0.5.12-2_amd64.deb", SHA),
        Package("zlib1g", "zlib1g_1%3a1.2.13.dfsg-1_amd64.deb", SHA),
    ]


def test_a_download_names_the_exact_version() -> None:
    assert [pinned(package) for package in parse_uris(URIS)] == [
        "dash=0.5.12-2",
        "zlib1g=1:1.2.13.dfsg-1",
    ]
