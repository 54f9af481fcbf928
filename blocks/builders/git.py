"""The source as git sees it: who, what, where from, and a clean copy of exactly that."""

import os
import re
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from pydantic import ValidationError

from slipway.errors import BadInput, Refused
from slipway.explanations import printable
from slipway.source import Source

LOCAL = "local"
_SECONDS = 120
_SCP_LIKE = re.compile(r"(?:[^@/:\s]+@)?(?P<host>[A-Za-z0-9.-]+):(?P<path>[^\s:]+)")


@dataclass(frozen=True, slots=True)
class Checkout:
    """What was checked out.

    Attributes:
        folder: the app's folder on disk.
        top: the work tree's top folder.
        revision: the commit, 40 or 64 hex digits.
        author: name and address of the commit's author.
        repository: where it came from, without credentials; `local` where there is no remote.
        tree: git's id of the app folder's contents.
        changed: paths that differ from the commit; empty in a clean tree.
        committed: seconds since 1970 of the commit.
    """

    folder: Path
    top: Path
    revision: str
    author: str
    repository: str
    tree: str
    changed: tuple[str, ...]
    committed: int

    @property
    def source(self) -> Source:
        """As a candidate records it."""
        return Source(
            repository=self.repository,
            revision=self.revision,
            author=self.author,
            tree=self.tree,
            uncommitted=bool(self.changed),
        )


@dataclass(frozen=True, slots=True)
class Entry:
    """Something in a folder that git holds; a plain file where `mode` starts with 100."""

    path: str
    mode: str
    size: int
    blob: str


def git(folder: Path, *argv: str, env: Mapping[str, str] | None = None) -> bytes:
    """Output of one git command that neither asks, hooks, nor speaks to a network.

    Raises:
        BadInput: git says no; the message holds its last line.
    """
    command = ["git", "-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null"]
    command += ["-c", "protocol.allow=never", "-C", str(folder), *argv]
    keep = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    quiet = {"GIT_TERMINAL_PROMPT": "0", "GIT_OPTIONAL_LOCKS": "0", "LC_ALL": "C"}
    try:
        done = subprocess.run(
            command,
            env={**keep, **quiet, **(env or {})},
            capture_output=True,
            timeout=_SECONDS,
            check=False,
        )
    except (FileNotFoundError, subprocess.TimeoutExpired) as error:
        raise BadInput("git cannot be run", found=type(error).__name__) from error
    if done.returncode != 0:
        said = done.stderr.decode(errors="replace").strip().splitlines() or ["nothing"]
        raise BadInput(
            f"git {argv[0]} fails in {folder}",
            found=printable(said[-1][:300]),
            next_step="run it in a clone of the app's repository, with at least one commit",
        )
    return done.stdout


def recorded_address(url: str) -> str:
    """The repository's address as a candidate records it; `local` where it is no such address.

    Pure. User, password, query and fragment are left out.
    """
    url = url.strip()
    if "://" in url:
        parts = urlsplit(url)
        url = urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))
    elif scp := _SCP_LIKE.fullmatch(url):
        url = f"ssh://{scp['host']}/{scp['path'].lstrip('/')}"
    try:
        return Source(repository=url, revision="0" * 40).repository
    except ValidationError:
        return LOCAL


@contextmanager
def checked_out(folder: Path, *, allow_changes: bool = False) -> Iterator["GitTree"]:
    """The app's source; objects made for uncommitted changes are gone afterwards.

    Raises:
        BadInput: no git repository, or no commit.
        Refused: there are uncommitted changes and they are not allowed.
    """
    with tempfile.TemporaryDirectory(prefix="slipway-source-") as scratch:
        yield _read(folder.resolve(), Path(scratch), allow_changes=allow_changes)


def _read(folder: Path, scratch: Path, *, allow_changes: bool) -> "GitTree":
    if not folder.is_dir():
        raise BadInput("the app's folder is not there", found=str(folder))
    top = Path(os.fsdecode(git(folder, "rev-parse", "--show-toplevel").rstrip(b"\n")))
    changed = _changed(folder)
    if changed and not allow_changes:
        raise Refused(
            "the source has uncommitted changes",
            found=f"{len(changed)} paths, first {changed[0]!a}",
            allowed="a clean work tree; changes only with --dev, for the first environment",
            next_step="commit or remove them (git status)",
            stage="checkout",
        )
    prefix = folder.relative_to(top.resolve()).as_posix()
    env = _environment(folder, scratch)
    tree = _tree(top, prefix, env, with_changes=bool(changed))
    shown = git(folder, "log", "-1", "--no-show-signature", "--format=%H%x00%an <%ae>%x00%ct")
    revision, author, committed = shown.decode(errors="replace").rstrip("\n").split("\0")
    checkout = Checkout(
        folder=folder,
        top=top,
        revision=revision,
        author=printable(author)[:200],
        repository=_repository(folder),
        tree=tree,
        changed=changed,
        committed=int(committed),
    )
    return GitTree(checkout, env, scratch)


def _changed(folder: Path) -> tuple[str, ...]:
    status = git(folder, "status", "--porcelain=v1", "-z", "--no-renames", "--", ".")
    return tuple(
        entry[3:].decode(errors="replace") for entry in status.split(b"\0") if len(entry) > 3
    )


def _repository(folder: Path) -> str:
    try:
        # Read as written: `git remote get-url` would apply insteadOf rewrites.
        url = git(folder, "config", "--get", "remote.origin.url").decode(errors="replace")
    except BadInput:
        return LOCAL
    return recorded_address(url)


def _environment(folder: Path, scratch: Path) -> dict[str, str]:
    """An index and an object store of our own: nothing is written into the repository."""
    objects = git(folder, "rev-parse", "--git-path", "objects").rstrip(b"\n")
    (scratch / "objects").mkdir()
    return {
        "GIT_INDEX_FILE": str(scratch / "index"),
        "GIT_OBJECT_DIRECTORY": str(scratch / "objects"),
        "GIT_ALTERNATE_OBJECT_DIRECTORIES": str((folder / os.fsdecode(objects)).resolve()),
    }


def _tree(top: Path, prefix: str, env: dict[str, str], *, with_changes: bool) -> str:
    git(top, "read-tree", "HEAD", env=env)
    if with_changes:
        git(top, "add", "--all", "--", prefix, env=env)
    whole = git(top, "write-tree", env=env).decode().strip()
    return whole if prefix == "." else _subtree(top, whole, prefix, env)


def _subtree(top: Path, tree: str, path: str, env: dict[str, str]) -> str:
    shown = git(top, "rev-parse", "--verify", "--end-of-options", f"{tree}:{path}", env=env)
    found = shown.decode().strip()
    if git(top, "cat-file", "-t", found, env=env).strip() != b"tree":
        raise BadInput(f"{path!a} is not a folder in git")
    return found


def _entry(line: bytes) -> Entry:
    told, _, path = line.partition(b"\t")
    mode, _, blob, size = told.decode().split()
    return Entry(os.fsdecode(path), mode, int(size) if size.isdigit() else 0, blob)


class GitTree:
    """The contents of a checkout, read from git alone: ignored and stray files do not exist."""

    def __init__(self, checkout: Checkout, env: dict[str, str], scratch: Path) -> None:
        self.checkout = checkout
        self._env = env
        self._scratch = scratch

    def tree_of(self, path: str) -> str:
        """Git's id of a folder of the app, `.` for all of it.

        Raises:
            BadInput: there is no such folder in git.
        """
        if path == ".":
            return self.checkout.tree
        return _subtree(self.checkout.top, self.checkout.tree, path, self._env)

    def read(self, path: str, limit: int = 1024 * 1024) -> bytes:
        """A file of the app as git holds it.

        Raises:
            BadInput: there is no such file, or it is larger than `limit` bytes.
        """
        top, name = self.checkout.top, f"{self.checkout.tree}:{path}"
        try:
            shown = git(top, "rev-parse", "--verify", "--end-of-options", name, env=self._env)
        except BadInput:
            raise BadInput(
                f"{path!a} is not in the commit",
                found=f"no such file in {self.checkout.folder}",
                next_step=f"write {path!a} there and commit it",
            ) from None
        blob = shown.decode().strip()
        size = int(git(top, "cat-file", "-s", blob, env=self._env))
        if size > limit:
            raise BadInput(f"{path!a} is too large", found=f"{size} bytes", allowed=f"{limit}")
        return git(top, "cat-file", "blob", blob, env=self._env)

    def entries(self, path: str) -> list[Entry]:
        """Everything in a folder and below it, by path from there; sizes in bytes.

        Raises:
            BadInput: there is no such folder in git.
        """
        argv = ("ls-tree", "-r", "-l", "-z", "--full-tree", self.tree_of(path))
        listed = git(self.checkout.top, *argv, env=self._env).split(b"\0")
        return [_entry(line) for line in listed if line]

    def blob(self, entry: Entry) -> bytes:
        """The contents of an entry, whose size the caller looked at."""
        return git(self.checkout.top, "cat-file", "blob", entry.blob, env=self._env)

    def copy_to(self, folder: Path) -> None:
        """A clean checkout of the app in an empty folder, all times those of the commit."""
        env = {**self._env, "GIT_INDEX_FILE": str(self._scratch / "copy")}
        top = self.checkout.top
        git(top, "read-tree", self.checkout.tree, env=env)
        git(top, "checkout-index", "--all", "--force", f"--prefix={folder}/", env=env)
        for path in folder.rglob("*"):
            if not path.is_symlink():
                path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)
            os.utime(path, (self.checkout.committed,) * 2, follow_symlinks=False)
