"""Folders that travel in a candidate, read from git as they are at the revision."""

from collections.abc import Callable, Sequence
from pathlib import PurePosixPath

from blocks.builders.git import Entry, GitTree
from slipway import charts, manifests
from slipway.appfile import AppFile, chart_folders, manifest_folders
from slipway.errors import BadInput

_FOR_PEOPLE = (".md",)


def read_bundles(tree: GitTree, appfile: AppFile) -> dict[str, bytes]:
    """The packed manifests and charts of an app, by folder.

    Raises:
        BadInput: as `read_manifests` and `read_chart`.
    """
    packed = {folder: read_manifests(tree, folder) for folder in manifest_folders(appfile)}
    return packed | {folder: read_chart(tree, folder) for folder in chart_folders(appfile)}


def read_manifests(tree: GitTree, folder: str) -> bytes:
    """The packed manifests of a folder of the app; text for people (*.md) is left out.

    Raises:
        BadInput: no such folder, something else than plain YAML files in it, or too much.
    """
    entries = [e for e in _entries(tree, folder) if _suffix(e) not in _FOR_PEOPLE]
    for entry in entries:
        if _suffix(entry) not in manifests.SUFFIXES:
            raise BadInput(
                f"{_shown(folder, entry)} is no manifest",
                found=ascii(PurePosixPath(entry.path).name),
                allowed="*.yaml and *.yml, and *.md for people",
                next_step="move it out of the folder; a chart has a key of its own",
            )
    _hold_to_limits(folder, entries, manifests.MAX_DOCUMENTS, manifests.BUNDLE_BYTES)
    return _packed(manifests.pack, tree, folder, entries)


def read_chart(tree: GitTree, folder: str) -> bytes:
    """The packed chart of a folder of the app, with everything that git holds there.

    Raises:
        BadInput: no such folder, no chart, something else than plain files in it, or too much.
    """
    entries = _entries(tree, folder)
    _hold_to_limits(folder, entries, charts.MAX_FILES, charts.CHART_BYTES)
    return _packed(charts.pack, tree, folder, entries)


def _packed(
    pack: Callable[[str, dict[str, bytes]], bytes],
    tree: GitTree,
    folder: str,
    entries: Sequence[Entry],
) -> bytes:
    return pack(folder, {entry.path: tree.blob(entry) for entry in entries})


def _entries(tree: GitTree, folder: str) -> list[Entry]:
    try:
        entries = tree.entries(folder)
    except BadInput:
        raise BadInput(
            f"folder {folder!a}, which the app file names, is not in the commit",
            found="no such folder of the app",
            allowed="a folder that git holds",
            next_step=f"correct slipway.yaml, or commit {folder!a}",
        ) from None
    for entry in entries:
        if not entry.mode.startswith("100"):
            shown = _shown(folder, entry)
            raise BadInput(f"{shown} is no plain file", found=_kind(entry), allowed="a file in git")
    return entries


def _suffix(entry: Entry) -> str:
    return PurePosixPath(entry.path).suffix


def _shown(folder: str, entry: Entry) -> str:
    return ascii(f"{folder}/{entry.path}")


def _kind(entry: Entry) -> str:
    return {"120000": "a symbolic link", "160000": "a submodule"}.get(entry.mode, entry.mode)


def _hold_to_limits(folder: str, entries: Sequence[Entry], most: int, limit: int) -> None:
    """Refuses before anything is read."""
    size = sum(entry.size for entry in entries)
    if len(entries) > most or size > limit:
        raise BadInput(
            f"{folder}: more than a candidate carries",
            found=f"{len(entries)} files, {size} bytes",
            allowed=f"{most} files, {limit} bytes in all",
        )
