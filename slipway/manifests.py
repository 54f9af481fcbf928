"""Plain Kubernetes manifests as a candidate carries them: read, packed, read back. Pure.

A bundle is canonical JSON, so that comments and the order of keys change nothing:

    [{"documents": [{"apiVersion": "v1", ...}], "path": "web/service.yaml"}, ...]

by path, which is relative to the folder. The same bytes lie in the candidate and, under the same
digest, beside the ledger: a rollback finds them without the registry.
"""

import json
from collections.abc import Mapping
from typing import Annotated

from pydantic import Field, TypeAdapter, ValidationError

from slipway.appfile_fields import InsidePath
from slipway.canonical import JsonObject, canonical_json
from slipway.errors import BadInput
from slipway.release import Frozen
from slipway.strict_yaml import Document, dotted, load_all

BUNDLE_TYPE = "application/vnd.slipway.manifests.v1+json"
FILE_BYTES = 256 * 1024
BUNDLE_BYTES = 2 * 1024 * 1024
MAX_DOCUMENTS = 200
MAX_DEPTH = 32
SUFFIXES = (".yaml", ".yml")


class ManifestFile(Frozen):
    """One file of the folder and what it says, in its order."""

    path: InsidePath
    documents: Annotated[tuple[JsonObject, ...], Field(min_length=1, max_length=MAX_DOCUMENTS)]


_FILES: TypeAdapter[tuple[ManifestFile, ...]] = TypeAdapter(tuple[ManifestFile, ...])


def pack(folder: str, files: Mapping[str, bytes]) -> bytes:
    """The bundle of a folder's YAML files.

    Args:
        folder: names it in errors.
        files: path in the folder to contents.

    Raises:
        BadInput: not YAML as we take it, or more than a candidate carries.
    """
    found = [_file(folder, path, files[path]) for path in sorted(files)]
    bundle = [file.model_dump(mode="json") for file in found if file]
    data = canonical_json(bundle)
    _hold_to_limits(folder, sum(len(file["documents"]) for file in bundle), len(data))
    return data


def unpack(data: bytes) -> tuple[ManifestFile, ...]:
    """The files of a bundle, by path.

    Raises:
        BadInput: not what `pack` writes, byte for byte.
    """
    try:
        files = _FILES.validate_python(json.loads(data))
        again = canonical_json([file.model_dump(mode="json") for file in files])
    except (ValueError, ValidationError, RecursionError) as error:
        raise _not_a_bundle(type(error).__name__) from None
    paths = [file.path for file in files]
    if again != data or paths != sorted(set(paths)):
        raise _not_a_bundle("another order or form")
    _hold_to_limits("manifests", sum(len(file.documents) for file in files), len(data))
    return files


def _file(folder: str, path: str, data: bytes) -> ManifestFile | None:
    source = f"{folder}/{path}"
    documents = load_all(data, source, FILE_BYTES, MAX_DEPTH)
    for document in documents:
        _refuse_fractions(source, document)
    if not documents:
        return None
    return ManifestFile(path=path, documents=tuple(document.value for document in documents))


def _refuse_fractions(source: str, document: Document) -> None:
    """A fraction has no text of its own, so two readers might write two."""
    for path, text in document.texts.items():
        if "." in text:
            raise BadInput(
                f"{source}: {dotted(path)} (line {document.lines[path]}): a fraction",
                found=text,
                allowed=f'text, as in "{text}", or a whole number of a smaller unit',
                next_step=f'write it in quotes: "{text}"',
            )


def _hold_to_limits(folder: str, documents: int, size: int) -> None:
    if not documents:
        raise BadInput(
            f"{folder}: no manifest",
            found="no document",
            allowed="at least one, in *.yaml or *.yml",
        )
    if documents > MAX_DOCUMENTS or size > BUNDLE_BYTES:
        raise BadInput(
            f"{folder}: more manifests than a candidate carries",
            found=f"{documents} documents, {size} bytes",
            allowed=f"{MAX_DOCUMENTS} documents, {BUNDLE_BYTES} bytes in all",
        )


def _not_a_bundle(found: str) -> BadInput:
    return BadInput(
        "manifests have another shape than Slipway writes",
        found=found,
        allowed="what `integrate` packed, byte for byte",
    )
