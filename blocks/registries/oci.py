"""One OCI registry: manifests, blobs and tags. Digests are the registry's own, cross-checked.

Source: the OCI distribution specification 1.1. Nothing is trusted by a tag: each answer's bytes are
hashed, and each write is read back.
"""

import json
from dataclasses import dataclass
from typing import Any, Self
from urllib.parse import urlencode

import httpx

from blocks.registries.hosts import check_upload
from blocks.registries.transport import Answer, Transport
from slipway.canonical import sha256_digest
from slipway.errors import ImageMissing, Refused, TagMoved, Tampered, Unreachable

OK, CREATED, ACCEPTED, NOT_FOUND = (
    httpx.codes.OK,
    httpx.codes.CREATED,
    httpx.codes.ACCEPTED,
    httpx.codes.NOT_FOUND,
)
OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
MANIFEST_TYPES = (
    OCI_MANIFEST,
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
)


@dataclass(frozen=True, slots=True)
class Descriptor:
    """What names content in a registry: media type, digest, size in bytes."""

    media_type: str
    digest: str
    size: int

    def as_json(self) -> dict[str, Any]:
        """As a manifest writes it."""
        return {"mediaType": self.media_type, "digest": self.digest, "size": self.size}


@dataclass(frozen=True, slots=True)
class Manifest:
    """A manifest's exact bytes; `digest` is their sha256."""

    digest: str
    media_type: str
    content: bytes

    @property
    def body(self) -> dict[str, Any]:
        """The bytes as JSON."""
        value = json.loads(self.content)
        return value if isinstance(value, dict) else {}

    @property
    def config_digest(self) -> str | None:
        """Digest of the config blob: the image id as an engine knows it."""
        digest = self.body.get("config", {}).get("digest")
        return digest if isinstance(digest, str) else None

    @property
    def layers(self) -> list[Descriptor]:
        """The layers, in order."""
        return [
            Descriptor(str(layer["mediaType"]), str(layer["digest"]), int(layer["size"]))
            for layer in self.body.get("layers", [])
        ]


class Registry:
    """Reads and writes one registry. Paths are repositories without the host, as in `app/web`.

    Every method may raise Unreachable, AccessDenied and Refused (see Transport.send).
    """

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    @property
    def host(self) -> str:
        """Host and port, as references name it."""
        return self._transport.host

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        self.close()

    def close(self) -> None:
        """Release the connections."""
        self._transport.close()

    def head(self, path: str, reference: str) -> str | None:
        """The digest that a tag or digest names now; None where the registry has no such thing.

        Raises:
            Tampered: asked by digest, the registry names another one.
        """
        answer = self._get("HEAD", path, reference)
        if answer.status == NOT_FOUND:
            return None
        digest = answer.headers.get("Docker-Content-Digest")
        if digest is None:
            return self.manifest(path, reference).digest
        return self._same(path, reference, digest)

    def manifest(self, path: str, reference: str) -> Manifest:
        """A manifest with its digest computed from its bytes.

        Raises:
            ImageMissing: the registry has no such tag or digest.
            Tampered: the bytes are not what the digest or the registry's header says.
        """
        answer = self._get("GET", path, reference)
        if answer.status == NOT_FOUND:
            raise self._missing(path, reference)
        digest = self._same(path, reference, sha256_digest(answer.body))
        named = answer.headers.get("Docker-Content-Digest", digest)
        if named != digest:
            raise self._tampered(path, named, digest)
        media_type = answer.headers.get("Content-Type", OCI_MANIFEST).partition(";")[0]
        return Manifest(digest, media_type, answer.body)

    def put_manifest(
        self, path: str, content: bytes, media_type: str, tag: str, *, replaces: str | None = None
    ) -> str:
        """Write a manifest under a tag, read it back, return its digest.

        A tag that exists with the same digest is left alone.

        Args:
            replaces: the digest that the tag may name now; `*` for a tag that moves freely.

        Raises:
            TagMoved: the tag names another digest, before or right after the write.
        """
        digest = sha256_digest(content)
        existing = self.head(path, tag)
        if existing == digest:
            return digest
        if existing is not None and replaces not in {existing, "*"}:
            raise self._moved(path, tag, existing, digest)
        answer = self._send(
            "PUT",
            f"/v2/{path}/manifests/{tag}",
            path,
            content=content,
            headers={"Content-Type": media_type},
        )
        self._expect(answer, {CREATED}, f"manifest {path}:{tag}")
        self._same(path, digest, answer.headers.get("Docker-Content-Digest", digest))
        written = self.head(path, tag)
        if written != digest:
            raise self._moved(path, tag, written or "nothing", digest)
        return digest

    def tag(self, path: str, digest: str, tag: str, *, moves: bool = False) -> None:
        """Give a manifest that is there another tag.

        Raises:
            TagMoved: the tag exists with another digest and is not one that moves.
        """
        if self.head(path, tag) == digest:
            return
        manifest = self.manifest(path, digest)
        self.put_manifest(
            path, manifest.content, manifest.media_type, tag, replaces="*" if moves else None
        )

    def tags(self, path: str) -> list[str]:
        """All tags of a repository, sorted; empty where there is no such repository."""
        found: list[str] = []
        url = f"/v2/{path}/tags/list?n=1000"
        for _ in range(1000):
            answer = self._send("GET", url, path, write=False)
            if answer.status == NOT_FOUND:
                return []
            self._expect(answer, {OK}, f"tags of {path}")
            found += [str(tag) for tag in answer.json().get("tags") or []]
            link = answer.headers.get("Link", "")
            if 'rel="next"' not in link:
                break
            url = check_upload(self._transport.origin, link.partition("<")[2].partition(">")[0])
        return sorted(found)

    def has_blob(self, path: str, digest: str) -> bool:
        """Whether the registry says that it holds the blob."""
        answer = self._send("HEAD", f"/v2/{path}/blobs/{digest}", path, write=False)
        return answer.status == OK

    def blob(self, path: str, digest: str) -> bytes:
        """A blob's bytes, hashed.

        Raises:
            ImageMissing: the registry has no such blob.
            Tampered: the bytes are not what the digest says.
        """
        answer = self._send("GET", f"/v2/{path}/blobs/{digest}", path, write=False)
        if answer.status == NOT_FOUND:
            raise self._missing(path, digest)
        self._expect(answer, {OK}, f"blob {path}@{digest}")
        actual = sha256_digest(answer.body)
        if actual != digest:
            raise self._tampered(path, digest, actual)
        return answer.body

    def put_blob(self, path: str, content: bytes, media_type: str) -> Descriptor:
        """Upload a blob unless it is there."""
        digest = sha256_digest(content)
        descriptor = Descriptor(media_type, digest, len(content))
        if self.has_blob(path, digest):
            return descriptor
        started = self._send("POST", f"/v2/{path}/blobs/uploads/", path, content=b"")
        self._expect(started, {ACCEPTED}, f"upload to {path}")
        session = check_upload(self._transport.origin, started.headers.get("Location", ""))
        separator = "&" if "?" in session else "?"
        answer = self._send(
            "PUT",
            f"{session}{separator}{urlencode({'digest': digest})}",
            path,
            content=content,
            headers={"Content-Type": "application/octet-stream"},
        )
        self._expect(answer, {CREATED}, f"blob {path}@{digest}")
        self._same(path, digest, answer.headers.get("Docker-Content-Digest", digest))
        return descriptor

    def _get(self, method: str, path: str, reference: str) -> Answer:
        answer = self._send(
            method,
            f"/v2/{path}/manifests/{reference}",
            path,
            write=False,
            headers={"Accept": ", ".join(MANIFEST_TYPES)},
        )
        self._expect(answer, {OK, NOT_FOUND}, f"{path} {reference}")
        return answer

    def _send(
        self,
        method: str,
        url: str,
        path: str,
        *,
        write: bool = True,
        headers: dict[str, str] | None = None,
        content: bytes | None = None,
    ) -> Answer:
        scope = f"repository:{path}:{'pull,push' if write else 'pull'}"
        return self._transport.send(method, url, scope=scope, headers=headers, content=content)

    def _expect(self, answer: Answer, allowed: set[int], what: str) -> None:
        if answer.status in allowed:
            return
        errors = answer.json().get("errors") or [{}]
        code = errors[0].get("code", "") if isinstance(errors[0], dict) else ""
        kind = Refused if httpx.codes.is_client_error(answer.status) else Unreachable
        raise kind(
            f"registry {self.host} refuses {what}",
            found=ascii(f"HTTP {answer.status} {code}".strip()),
            next_step="see the registry's log",
        )

    def _same(self, path: str, wanted: str, digest: str) -> str:
        if wanted.startswith("sha256:") and wanted != digest:
            raise self._tampered(path, wanted, digest)
        return digest

    def _missing(self, path: str, reference: str) -> ImageMissing:
        return ImageMissing(
            f"registry {self.host} does not hold {path}",
            found=f"nothing under {reference}",
            next_step="push it again, or choose a candidate whose images are still there",
        )

    def _tampered(self, path: str, wanted: str, digest: str) -> Tampered:
        return Tampered(
            f"content of {self.host}/{path} was tampered with or damaged",
            found=digest,
            allowed=wanted,
            next_step="find out who wrote to the registry's store; restore it from a copy",
        )

    def _moved(self, path: str, tag: str, existing: str, digest: str) -> TagMoved:
        return TagMoved(
            f"tag {self.host}/{path}:{tag} names another digest",
            found=existing,
            allowed=digest,
            next_step="use a new tag or commit; a tag is never written over",
        )
