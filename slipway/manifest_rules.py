"""What manifests may not say, whatever the cluster would admit. Pure.

They are held to the rules where a commit is integrated and again before a release: a candidate that
another version of Slipway built is refused as well.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from slipway.appfile import AppFile
from slipway.appfile_errors import Problem
from slipway.canonical import JsonObject
from slipway.errors import BadInput
from slipway.manifest_documents import hook_of, identity, shape_problems
from slipway.manifest_documents import problems as object_problems
from slipway.manifest_images import images_in
from slipway.manifest_images import problems as image_problems
from slipway.manifest_pods import objects_in
from slipway.manifest_security import problems as security_problems
from slipway.manifest_shapes import problems as part_problems
from slipway.manifests import ManifestFile, unpack
from slipway.release import ReleaseSpec
from slipway.strict_yaml import dotted

_SHOWN = 20


@dataclass(frozen=True, slots=True)
class Place:
    """What manifests must agree with: one environment of an app.

    Attributes:
        images: names of the app file's images.
        front: the image, and so the Service, that receives traffic.
        port: of that Service.
    """

    namespace: str
    images: tuple[str, ...]
    front: str
    port: int


def place_of(spec: ReleaseSpec) -> Place:
    """What the manifests of a specification must agree with."""
    return Place(
        namespace=spec.kubernetes.namespace if spec.kubernetes else "",
        images=tuple(service.name for service in spec.services),
        front=spec.front,
        port=spec.port,
    )


def check_all(appfile: AppFile, bundles: Mapping[str, bytes]) -> None:
    """Hold the manifests of every environment to the rules.

    Args:
        bundles: folder of the app file to packed manifests.

    Raises:
        BadInput: the problems of the first environment that has some.
    """
    for name, environment in appfile.environments.items():
        if environment.manifests:
            place = Place(
                namespace=environment.namespace or "",
                images=tuple(appfile.images),
                front=appfile.front or "",
                port=environment.port,
            )
            files = unpack(bundles[environment.manifests])
            check(files, place, f"{environment.manifests} for {name}")


def check(files: Sequence[ManifestFile], place: Place, source: str = "manifests") -> None:
    """Hold the manifests of an environment to the rules.

    Args:
        source: names them in errors.

    Raises:
        BadInput: every problem, by file, document and path; `evidence` lists them.
    """
    found = list(_problems(files, place))
    if not found:
        return
    where, first = found[0]
    count = f"{len(found)} problems, first " if len(found) > 1 else ""
    raise BadInput(
        f"{source}: {count}{where}: {_path(first)}{first.what}",
        found=first.found,
        allowed=first.allowed,
        next_step=first.hint or "docs/manifests.md tells what manifests may hold",
        evidence=[_line(where, problem) for where, problem in found[:_SHOWN]],
    )


def _problems(files: Sequence[ManifestFile], place: Place) -> Iterator[tuple[str, Problem]]:
    for where, document in _documents(files):
        found = [*shape_problems(document)] or [*part_problems(document)]
        for problem in found or _object_problems(document, place):
            yield where, problem
    yield from (("all of them", problem) for problem in _whole(files, place))


def _object_problems(document: JsonObject, place: Place) -> Iterator[Problem]:
    yield from object_problems(document, place.namespace)
    yield from image_problems(document, place.images)
    yield from security_problems(document)


def _documents(files: Sequence[ManifestFile]) -> Iterator[tuple[str, JsonObject]]:
    for file in files:
        for number, document in enumerate(file.documents, 1):
            name = " ".join(identity(document)[1:])
            yield f"{file.path}, document {number} ({name})", document


def _whole(files: Sequence[ManifestFile], place: Place) -> Iterator[Problem]:
    documents = [document for _, document in _documents(files)]
    seen: set[tuple[str, ...]] = set()
    for document in documents:
        if identity(document) in seen:
            what = "the same object twice"
            yield Problem((), what, " ".join(identity(document)[1:]), "each object once")
        seen.add(identity(document))
    running = [document for document in documents if hook_of(document) is None]
    used = {name for document in running for name in images_in(document, place.images)}
    for name in sorted(set(place.images) - used):
        yield Problem((), "an image that nothing runs", name, f"a container with image: {name}")
    yield from _front(documents, place)


def _front(documents: Sequence[JsonObject], place: Place) -> Iterator[Problem]:
    front = [one for one in documents if identity(one) == ("", "Service", place.front)]
    if not front:
        what = "nothing receives the traffic"
        names = [" ".join(identity(one)[1:]) for one in documents if one.get("kind") == "Service"]
        yield Problem((), what, ", ".join(names) or "no Service", f"Service {place.front}")
        return
    found = [str(item["port"]) for _, item in objects_in(front[0]) if "port" in item]
    if str(place.port) not in found:
        what = f"Service {place.front} has another port than the environment"
        yield Problem((), what, ", ".join(found) or "none", str(place.port))


def _path(problem: Problem) -> str:
    return f"{dotted(problem.path)}: " if problem.path else ""


def _line(where: str, problem: Problem) -> str:
    text = f"{where}: {_path(problem)}{problem.what}; found: {problem.found}"
    text += f"; allowed: {problem.allowed}"
    return f"{text}; {problem.hint}" if problem.hint else text
