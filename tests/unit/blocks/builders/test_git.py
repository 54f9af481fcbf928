"""The source as git sees it, on real repositories."""

import subprocess
from pathlib import Path

import pytest

from blocks.builders.git import checked_out, recorded_address
from slipway.errors import BadInput, Refused


def run(folder: Path, *argv: str) -> str:
    identity = ["-c", "user.name=Ann Author", "-c", "user.email=ann@example.com"]
    done = subprocess.run(
        ["git", *identity, *argv], cwd=folder, check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository whose app lies in a folder of it."""
    top = tmp_path / "repo"
    app = top / "app"
    (app / "src").mkdir(parents=True)
    (app / "src" / "main.py").write_text("print(1)\n")
    (app / "run").write_text("#!/bin/sh\n")
    (app / "run").chmod(0o755)
    (app / ".gitignore").write_text("site/\n")
    (top / "beside").write_text("not of the app\n")
    run(top, "init", "-q")
    run(top, "add", "-A")
    run(top, "commit", "-qm", "First")
    return top


def test_who_what_and_where_from(repository: Path) -> None:
    """S1-16: revision, author, repository; never a credential (G8)."""
    run(repository, "remote", "add", "origin", "https://bot:tok3n@git.example/team/app.git?x=1")
    with checked_out(repository / "app") as tree:
        found = tree.checkout
    assert found.revision == run(repository, "rev-parse", "HEAD")
    assert found.tree == run(repository, "rev-parse", "HEAD:app")
    assert found.author == "Ann Author <ann@example.com>"
    assert found.repository == "https://git.example/team/app.git"
    assert found.changed == ()


def test_insteadof_rewrites_do_not_count(repository: Path) -> None:
    """F10: .git/config must not make another origin of ours."""
    run(repository, "remote", "add", "origin", "https://git.example/a.git")
    run(repository, "config", "url.https://evil.example/.insteadOf", "https://git.example/")
    with checked_out(repository / "app") as tree:
        assert tree.checkout.repository == "https://git.example/a.git"


@pytest.mark.parametrize("how", ["changed", "staged", "deleted", "untracked"])
def test_uncommitted_changes_are_refused(repository: Path, how: str) -> None:
    main = repository / "app" / "src" / "main.py"
    acts = {
        "changed": lambda: main.write_text("print(2)\n"),
        "staged": lambda: (main.write_text("print(2)\n"), run(repository, "add", "-A")),
        "deleted": main.unlink,
        "untracked": lambda: (main.parent / "new.py").write_text("x"),
    }
    acts[how]()
    with pytest.raises(Refused, match="uncommitted changes"), checked_out(repository / "app"):
        pass
    with checked_out(repository / "app", allow_changes=True) as tree:
        assert tree.checkout.changed
        assert tree.checkout.tree != run(repository, "rev-parse", "HEAD:app")


def test_changes_beside_the_app_do_not_matter(repository: Path) -> None:
    (repository / "beside").write_text("changed\n")
    with checked_out(repository / "app") as tree:
        assert tree.checkout.changed == ()


def test_nothing_is_written_into_the_repository(repository: Path) -> None:
    """Also where the tree of uncommitted changes was made."""
    (repository / "app" / "new.py").write_text("x")
    before = run(repository, "count-objects", "-v") + run(repository, "status", "--porcelain")
    with checked_out(repository / "app", allow_changes=True):
        pass
    after = run(repository, "count-objects", "-v") + run(repository, "status", "--porcelain")
    assert after == before


def test_the_copy_is_what_git_holds(repository: Path, tmp_path: Path) -> None:
    """Ignored and stray files, times and modes of the machine do not exist in it."""
    site = repository / "app" / "site"
    site.mkdir()
    (site / "left-over.py").write_text("x")
    (repository / "app" / "src" / "main.py").chmod(0o600)
    copy = tmp_path / "copy"
    copy.mkdir()
    with checked_out(repository / "app") as tree:
        tree.copy_to(copy)
        committed = tree.checkout.committed
    files = sorted(str(path.relative_to(copy)) for path in copy.rglob("*") if path.is_file())
    assert files == [".gitignore", "run", "src/main.py"]
    assert {path.stat().st_mtime for path in copy.rglob("*")} == {committed}
    modes = {path.name: oct(path.stat().st_mode & 0o777) for path in copy.rglob("*")}
    assert (modes["main.py"], modes["run"]) == ("0o644", "0o755")


def test_files_are_read_from_git_not_from_disk(repository: Path) -> None:
    with checked_out(repository / "app") as tree:
        (repository / "app" / "src" / "main.py").write_text("changed meanwhile\n")
        assert tree.read("src/main.py") == b"print(1)\n"
        assert tree.tree_of("src") == run(repository, "rev-parse", "HEAD:app/src")


@pytest.mark.parametrize(
    "path", ["nothing", "src", "../beside", "--help", "-x", ":/", "src/../run"]
)
def test_paths_that_are_no_file_of_the_app(repository: Path, path: str) -> None:
    """G2, G6."""
    with checked_out(repository / "app") as tree, pytest.raises(BadInput):
        tree.read(path)


def test_a_linked_context_is_no_folder(repository: Path) -> None:
    """F10: a folder that is a link out of the tree."""
    (repository / "app" / "out").symlink_to("/etc")
    run(repository, "add", "-A")
    run(repository, "commit", "-qm", "Link")
    with checked_out(repository / "app") as tree, pytest.raises(BadInput):
        tree.tree_of("out")


def test_hooks_and_monitors_of_the_repository_do_not_run(repository: Path, tmp_path: Path) -> None:
    mark = tmp_path / "ran"
    script = repository / ".git" / "monitor"
    script.write_text(f"#!/bin/sh\ntouch {mark}\n")
    script.chmod(0o755)
    run(repository, "config", "core.fsmonitor", str(script))
    (repository / "app" / "new.py").write_text("x")
    with checked_out(repository / "app", allow_changes=True):
        pass
    assert not mark.exists()


def test_no_repository(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="git rev-parse fails") as caught, checked_out(tmp_path):
        pass
    assert caught.value.next_step is not None


@pytest.mark.parametrize(
    ("url", "recorded"),
    [
        ("https://git.example/a.git", "https://git.example/a.git"),
        ("https://token@git.example/a.git", "https://git.example/a.git"),
        ("https://u:p@git.example:8443/a?token=1#2", "https://git.example:8443/a"),
        ("ssh://git@git.example/a.git", "ssh://git.example/a.git"),
        ("git@git.example:team/a.git", "ssh://git.example/team/a.git"),
        ("/srv/git/a.git", "local"),
        ("https://git.example/a b", "local"),
        ("--upload-pack=evil", "local"),
        ("ext::sh -c evil", "local"),
    ],
)
def test_addresses_are_recorded_without_credentials(url: str, recorded: str) -> None:
    assert recorded_address(url) == recorded
