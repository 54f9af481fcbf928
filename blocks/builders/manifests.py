"""Folders of plain manifests, read from git as they are at the revision."""

from collections.abc import Sequence
from pathlib import PurePosixPath

from blocks.builders.git import Entry, GitTree
from slipway.errors import BadInput
from slipway.manifests import BUNDLE_BYTES, FILE_BYTES, MAX_DOCUMENTS, SUFFIXES, pack

_LEFT_OUT = (".md",)


def read_bundle(tree: GitTree, folder: str) -> bytes:
    """The packed manifests of a folder of the app; text for people (*.md) is left out.

    Raises:
        BadInput: no such folder, something else than plain YAML files in it, or too much.
    """
    entries = [entry for entry in _entries(tree, folder) if not _is_text(entry)]
    for entry in entries:
        _check(folder, entry)
    _hold_to_limits(folder, entries)
    return pack(folder, {entry.path: tree.blob(entry) for entry in entries})


def _entries(tree: GitTree, folder: str) -> list[Entry]:
    try:
        return tree.entries(folder)
    except BadInput as error:
        raise BadInput(
            f"the folder of manifests {folder!a} is not in the commit",
            found=error.found,
            allowed="a folder of the app that git holds",
            next_step=f"correct `manifests` in slipway.yaml, or commit {folder!a}",
        ) from None


def _is_text(entry: Entry) -> bool:
    return PurePosixPath(entry.path).suffix in _LEFT_OUT


def _check(folder: str, entry: Entry) -> None:
    shown = f"{folder}/{entry.path}"
    if not entry.mode.startswith("100"):
        raise BadInput(f"{shown!a} is no plain file", found=_kind(entry), allowed="a file in git")
    if PurePosixPath(entry.path).suffix not in SUFFIXES:
        raise BadInput(
            f"{shown!a} is no manifest",
            found=ascii(PurePosixPath(entry.path).name),
            allowed="*.yaml and *.yml, and *.md for people",
            next_step="move it out of the folder; a chart has a key of its own",
        )
    if entry.size > FILE_BYTES:
        raise BadInput(
            f"{shown!a} is too large", found=f"{entry.size} bytes", allowed=f"{FILE_BYTES} bytes"
        )


def _kind(entry: Entry) -> str:
    return {"120000": "a symbolic link", "160000": "a submodule"}.get(entry.mode, entry.mode)


def _hold_to_limits(folder: str, entries: Sequence[Entry]) -> None:
    """Refuses before anything is read."""
    size = sum(entry.size for entry in entries)
    if len(entries) > MAX_DOCUMENTS or size > BUNDLE_BYTES:
        raise BadInput(
            f"{folder}: more manifests than a candidate carries",
            found=f"{len(entries)} files, {size} bytes",
            allowed=f"{MAX_DOCUMENTS} files, {BUNDLE_BYTES} bytes in all",
        )
