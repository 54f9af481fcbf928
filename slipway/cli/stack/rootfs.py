"""A root file system from unpacked packages: no shell, no package manager unless asked for.

The result is a pure function of the packages and the definition, so the image made of it has
the same digest on every machine and builds on top of it stay cached.
"""

import io
import subprocess
import tarfile
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath

NONROOT = 65532
ALWAYS_DROPPED = (
    "usr/share/man",
    "usr/share/locale",
    "usr/share/lintian",
    "usr/share/info",
    "usr/share/bug",
    "var/cache",
    "lib/systemd",
    "usr/lib/systemd",
    "etc/init.d",
    "etc/cron.daily",
)
_PASSWD = (
    "root:x:0:0:root:/root:/sbin/nologin\n"
    f"nonroot:x:{NONROOT}:{NONROOT}:nonroot:/home/nonroot:/sbin/nologin\n"
)
_GROUP = f"root:x:0:\nnonroot:x:{NONROOT}:\n"
_CERTIFICATES = "usr/share/ca-certificates/"

Entry = tuple[tarfile.TarInfo, bytes | None]


class Rootfs:
    """Entries by path; the later one wins, except that a folder never replaces a link."""

    def __init__(self) -> None:
        self.entries: dict[str, Entry] = {}
        self.newest = 0

    def add_package(self, deb: Path, dropped: Iterable[str] = ()) -> None:
        """Unpack one .deb and note it in status.d, where scanners of such images look."""
        unwanted = (*ALWAYS_DROPPED, *dropped)
        with tarfile.open(fileobj=io.BytesIO(_data_archive(deb))) as archive:
            for member in archive:
                member.name = _normal(member.name)
                if member.name and not _is_dropped(member.name, unwanted):
                    self._add_member(archive, member)
        control = _control(deb)
        name = control.split("Package: ", 1)[1].split("\n", 1)[0]
        self.add_file(f"var/lib/dpkg/status.d/{name}", control.encode())

    def add_file(self, path: str, content: bytes, mode: int = 0o644, owner: int = 0) -> None:
        entry = _new_entry(path, tarfile.REGTYPE, mode, owner)
        entry.size = len(content)
        self._put(entry, content)

    def add_folder(self, path: str, mode: int = 0o755, owner: int = 0) -> None:
        self._put(_new_entry(path, tarfile.DIRTYPE, mode, owner), None)

    def add_link(self, path: str, target: str) -> None:
        entry = _new_entry(path, tarfile.SYMTYPE, 0o777, 0)
        entry.linkname = target
        self._put(entry, None)

    def add_accounts(self) -> None:
        """The nonroot user, its home, and a writable /tmp."""
        self.add_file("etc/passwd", _PASSWD.encode())
        self.add_file("etc/group", _GROUP.encode())
        self.add_folder("home", 0o755)
        self.add_folder("home/nonroot", 0o755, NONROOT)
        self.add_folder("tmp", 0o1777)

    def add_certificates(self) -> None:
        """One bundle of the certificate authorities that the ca-certificates package brings."""
        names = sorted(name for name in self.entries if name.startswith(_CERTIFICATES))
        parts = [self.entries[name][1] or b"" for name in names if name.endswith(".crt")]
        self.add_file("etc/ssl/certs/ca-certificates.crt", b"".join(parts))

    def layer(self) -> bytes:
        """The uncompressed layer; own entries carry the newest package's time."""
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as archive:
            for name in sorted(self.entries, key=lambda path: path.split("/")):
                entry, content = self.entries[name]
                entry.mtime = entry.mtime or self.newest
                archive.addfile(entry, io.BytesIO(content) if content is not None else None)
        return buffer.getvalue()

    def _add_member(self, archive: tarfile.TarFile, member: tarfile.TarInfo) -> None:
        content = None
        if member.isreg() or member.islnk():
            opened = archive.extractfile(member)
            content = opened.read() if opened else b""
            # a hard link could be sorted before its target
            member.type, member.linkname, member.size = tarfile.REGTYPE, "", len(content)
        member.pax_headers = {}
        member.mtime = int(member.mtime)
        self.newest = max(self.newest, int(member.mtime))
        self._put(member, content)

    def _put(self, entry: tarfile.TarInfo, content: bytes | None) -> None:
        known = self.entries.get(entry.name)
        if known and known[0].issym() and entry.isdir():
            return
        self.entries[entry.name] = (entry, content)


def build_layer(
    debs: Iterable[Path],
    *,
    files: Mapping[str, bytes] | None = None,
    links: Mapping[str, str] | None = None,
    dropped: Iterable[str] = (),
    certificates: bool = False,
) -> tuple[bytes, int]:
    """The layer, and the newest time in it (seconds since 1970)."""
    rootfs = Rootfs()
    unwanted = list(dropped)
    for deb in debs:
        rootfs.add_package(deb, unwanted)
    rootfs.add_accounts()
    if certificates:
        rootfs.add_certificates()
    for path, target in (links or {}).items():
        rootfs.add_link(path, target)
    for path, content in (files or {}).items():
        executable = content.startswith(b"#!")
        rootfs.add_file(path, content, 0o755 if executable else 0o644)
    return rootfs.layer(), rootfs.newest


def _data_archive(deb: Path) -> bytes:
    argv = ["dpkg-deb", "--fsys-tarfile", str(deb)]
    return subprocess.run(argv, check=True, capture_output=True).stdout


def _control(deb: Path) -> str:
    argv = ["dpkg-deb", "-f", str(deb)]
    return subprocess.run(argv, check=True, capture_output=True, text=True).stdout


def _normal(path: str) -> str:
    normal = str(PurePosixPath("/", path)).lstrip("/")
    return "" if normal == "." else normal


def _is_dropped(path: str, unwanted: tuple[str, ...]) -> bool:
    if path.startswith("usr/share/doc/"):
        return not path.endswith("/copyright") and path.count("/") > 3
    return any(path == prefix or path.startswith(prefix + "/") for prefix in unwanted)


def _new_entry(path: str, kind: bytes, mode: int, owner: int) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(path)
    entry.type, entry.mode, entry.uid, entry.gid = kind, mode, owner, owner
    return entry
