"""SLW001: a base image without a digest names a version, never `latest` or nothing."""

from collections.abc import Iterator

from slipway.lint.dockerfile import arguments, resolve, stages
from slipway.lint.finding import Hit, Rule
from slipway.lint.source import Kind, Project, Source


def _check(source: Source, project: Project) -> Iterator[Hit]:  # noqa: ARG001
    defaults = arguments(source.instructions)
    for stage in stages(source.instructions):
        image = resolve(stage.base.words[0], defaults) if stage.base.words else None
        if image is None or image == "scratch" or stage.chain or "@sha256:" in image:
            continue
        _, _, tag = image.rpartition("/")[2].partition(":")
        if tag in {"", "latest"}:
            yield Hit(stage.base.line, f"base image {image} may be another one tomorrow")


RULE = Rule(
    id="SLW001",
    title="Base images are pinned",
    fix="name a version, best with its digest: IMAGE:TAG@sha256:...",
    kinds=frozenset({Kind.DOCKERFILE}),
    check=_check,
)
