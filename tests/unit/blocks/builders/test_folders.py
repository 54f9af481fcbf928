"""Folders of manifests and charts as git holds them; nothing else gets in (G6, F10)."""

import subprocess
from pathlib import Path

import pytest

from blocks.builders.folders import read_bundles, read_chart, read_manifests
from blocks.builders.git import checked_out
from slipway import charts, manifests
from slipway.appfile import parse
from slipway.errors import BadInput
from slipway.manifests import FILE_BYTES, unpack

SERVICE = "apiVersion: v1\nkind: Service\nmetadata: {name: web}\n"


def run(folder: Path, *argv: str) -> None:
    identity = ["-c", "user.name=Ann Author", "-c", "user.email=ann@example.com"]
    subprocess.run(["git", *identity, *argv], cwd=folder, check=True, capture_output=True)


@pytest.fixture
def app(tmp_path: Path) -> Path:
    app = tmp_path / "repo" / "app"
    (app / "deploy" / "web").mkdir(parents=True)
    (app / "deploy" / "web" / "service.yaml").write_text(SERVICE)
    (app / "deploy" / "README.md").write_text("For people.\n")
    run(app.parent, "init", "-q")
    return app


def commit(app: Path) -> None:
    run(app.parent, "add", "-A")
    run(app.parent, "commit", "-qm", "Change")


def test_reads_what_the_commit_holds(app: Path) -> None:
    """Paths are those in the folder; text for people stays behind."""
    commit(app)
    with checked_out(app) as tree:
        files = unpack(read_manifests(tree, "deploy"))
    assert [file.path for file in files] == ["web/service.yaml"]


def test_reads_uncommitted_changes_where_they_are_allowed(app: Path) -> None:
    commit(app)
    (app / "deploy" / "new.yml").write_text(SERVICE)
    with checked_out(app, allow_changes=True) as tree:
        files = unpack(read_manifests(tree, "deploy"))
    assert [file.path for file in files] == ["new.yml", "web/service.yaml"]


def link(path: Path) -> None:
    path.with_name("link.yaml").symlink_to("/etc/passwd")


REFUSED = {
    "a symbolic link": (link, "'deploy/link.yaml' is no plain file; found: a symbolic link"),
    "another kind of file": (
        lambda path: path.with_name("values.json").write_text("{}"),
        "'deploy/values.json' is no manifest; found: 'values.json'",
    ),
    "a large file": (
        lambda path: path.with_name("a.yaml").write_text("#" * (FILE_BYTES + 1)),
        "deploy/a.yaml: too large; found: 262145 bytes",
    ),
}


@pytest.mark.parametrize("what", REFUSED)
def test_refuses(app: Path, what: str) -> None:
    make, says = REFUSED[what]
    make(app / "deploy" / "README.md")
    commit(app)
    with checked_out(app) as tree, pytest.raises(BadInput) as refused:
        read_manifests(tree, "deploy")
    assert says in str(refused.value)


def test_refuses_too_many_files_before_reading_one(
    app: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(manifests, "MAX_DOCUMENTS", 3)
    for number in range(4):
        (app / "deploy" / f"{number}.yaml").write_text("no: [yaml")
    commit(app)
    with checked_out(app) as tree, pytest.raises(BadInput, match="found: 5 files"):
        read_manifests(tree, "deploy")


def test_names_the_folder_that_is_not_there(app: Path) -> None:
    commit(app)
    with checked_out(app) as tree, pytest.raises(BadInput, match="folder 'deplyo'"):
        read_manifests(tree, "deplyo")


def chart_in(folder: Path) -> None:
    (folder / "templates").mkdir(parents=True)
    (folder / "Chart.yaml").write_text("apiVersion: v2\nname: shop\nversion: 1.0.0\n")
    (folder / "templates" / "web.yaml").write_text("kind: {{ .Values.kind }}\n")


def test_reads_a_chart_with_all_that_git_holds_there(app: Path) -> None:
    chart_in(app / "chart")
    (app / "chart" / ".helmignore").write_text("ci/\n")
    commit(app)
    with checked_out(app) as tree:
        files = charts.unpack(read_chart(tree, "chart"))
    assert sorted(files) == [".helmignore", "Chart.yaml", "templates/web.yaml"]


def test_a_link_in_a_chart_is_refused(app: Path) -> None:
    chart_in(app / "chart")
    link(app / "chart" / "Chart.yaml")
    commit(app)
    with checked_out(app) as tree, pytest.raises(BadInput, match="found: a symbolic link"):
        read_chart(tree, "chart")


def test_reads_what_the_app_file_names(app: Path) -> None:
    chart_in(app / "chart")
    commit(app)
    appfile = parse(
        b"""
app: shop
images: {web: {port: 8000}}
environments:
  dev: {platform: kubernetes, manifests: deploy, port: 80}
  prod: {platform: kubernetes, chart: chart/, port: 80}
"""
    )
    with checked_out(app) as tree:
        assert sorted(read_bundles(tree, appfile)) == ["chart", "deploy"]
