"""What the parts of an app file must agree on, once each part has its shape. Pure."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from slipway import appfile_analysis, appfile_object_checks, chart_values
from slipway.appfile_errors import Problem, closest
from slipway.appfile_fields import on_kubernetes
from slipway.appfile_strategies import SIDE_BY_SIDE, taken_names, weights
from slipway.canonical import Json
from slipway.strict_yaml import Path

if TYPE_CHECKING:
    from slipway.appfile import AppFile, Environment

_SECRET_PARTS = ("TOKEN", "PASSWORD", "PASSWD", "SECRET", "KEY", "CREDENTIAL")
_SECRET_WORDS = ("TOKEN", "PASSWORD", "PASSWD", "SECRET", "KEY", "APIKEY", "CREDENTIALS", "DSN")
_RESERVED = "__prefect"
_NAMESPACE_LENGTH = 63
_MANY = {"manifests": "manifests", "chart": "charts"}
FOLDERS = ("manifests", "chart")


def problems(appfile: "AppFile") -> list[Problem]:
    """Everything that contradicts something else in the file, in its order."""
    return [problem for check in _CHECKS for problem in check(appfile)]


def front_of(appfile: "AppFile") -> str | None:
    """The image that receives traffic, where the file leaves no doubt."""
    if appfile.front is not None:
        return appfile.front
    listening = [name for name, image in appfile.images.items() if image.port is not None]
    return listening[0] if len(listening) == 1 else None


def sounds_secret(key: str) -> bool:
    """Whether a variable of that name would hold a secret, and not the path of one."""
    return key.upper().split("_")[-1] in _SECRET_WORDS


def default_namespace(app: str, environment: str) -> str:
    """The namespace of an environment on Kubernetes that names none."""
    return f"{app}-{environment}"


def folders_of(appfile: "AppFile", environment: "Environment") -> dict[str, str | None]:
    """Manifests and chart of an environment on Kubernetes; what it says outweighs the app."""
    says = {
        key: getattr(environment, key) for key in FOLDERS if key in environment.model_fields_set
    }
    others = dict.fromkeys(FOLDERS) if any(says.values()) else _folders_of_app(appfile)
    return {**others, **says}


def _folders_of_app(appfile: "AppFile") -> dict[str, str | None]:
    return {key: getattr(appfile, key) for key in FOLDERS}


def _front(appfile: "AppFile") -> Iterator[Problem]:
    names = list(appfile.images)
    front = front_of(appfile)
    if front is None:
        listening = [name for name, image in appfile.images.items() if image.port is not None]
        yield Problem(
            ("front",),
            "the image that receives traffic is not clear",
            found=f"images with a port: {', '.join(listening) or 'none'}",
            allowed="front: NAME, of an image with a port",
        )
    elif front not in appfile.images:
        yield _unknown(("front",), "no such image", front, names)
    elif appfile.images[front].port is None:
        path = ("images", front, "port")
        yield Problem(path, "the front image needs a port", "no port", "1 to 65535")


def _secret_names(appfile: "AppFile") -> Iterator[Problem]:
    for name, image in appfile.images.items():
        for argument in image.build_args:
            if any(part in argument.upper() for part in _SECRET_PARTS):
                yield Problem(
                    ("images", name, "build_args", argument),
                    "build arguments stay readable in the image, and this sounds like a secret",
                    found=argument,
                    allowed="build_secrets with RUN --mount=type=secret",
                )
    for path, keys in _configs(appfile):
        for key in keys:
            if sounds_secret(key):
                yield Problem(
                    (*path, key),
                    "config is not secret, and this name sounds like one",
                    found=key,
                    allowed="an entry in secrets, read from /run/secrets/NAME",
                )


def _reserved_keys(appfile: "AppFile") -> Iterator[Problem]:
    for path, keys in _configs(appfile):
        for key in keys:
            if key.lower().startswith(_RESERVED):
                yield Problem((*path, key), "a reserved key", key, "keys of the app's own")


def _configs(appfile: "AppFile") -> Iterator[tuple[Path, list[str]]]:
    yield ("config",), list(appfile.config)
    for name, image in appfile.images.items():
        yield ("images", name, "config"), list(image.config)
    for name, environment in appfile.environments.items():
        yield ("environments", name, "config"), list(environment.config)


def _order(appfile: "AppFile") -> Iterator[Problem]:
    names = list(appfile.environments)
    for index, (name, environment) in enumerate(appfile.environments.items()):
        path = ("environments", name, "after")
        before = environment.after
        if before is None:
            continue
        if before not in names:
            yield _unknown(path, "no such environment", before, names)
        elif names.index(before) >= index:
            yield Problem(path, "comes later in the file", before, "an environment above this one")


def _ports(appfile: "AppFile") -> Iterator[Problem]:
    taken: dict[tuple[str, int], str] = {}
    for name, environment in appfile.environments.items():
        if on_kubernetes(environment.platform):
            continue
        holder = taken.setdefault((environment.platform, environment.port), name)
        if holder != name:
            yield Problem(
                ("environments", name, "port"),
                f"taken by environment {holder} on the same platform",
                found=str(environment.port),
                allowed="a port of its own",
            )


def _namespaces(appfile: "AppFile") -> Iterator[Problem]:
    taken: dict[tuple[str, str], str] = {}
    for name, environment in appfile.environments.items():
        if not on_kubernetes(environment.platform):
            continue
        path = ("environments", name, "namespace")
        namespace = environment.namespace or default_namespace(appfile.app, name)
        holder = taken.setdefault((environment.platform, namespace), name)
        if len(namespace) > _NAMESPACE_LENGTH:
            yield Problem(
                path,
                "its default, APP-ENVIRONMENT, is too long for Kubernetes",
                found=f"{namespace}, {len(namespace)} characters",
                allowed=f"a namespace of at most {_NAMESPACE_LENGTH}",
            )
        if holder != name:
            yield Problem(
                path,
                f"taken by environment {holder} on the same platform",
                found=namespace,
                allowed="a namespace of its own",
            )


def _platforms(appfile: "AppFile") -> Iterator[Problem]:
    """What only Kubernetes has, asked for elsewhere."""
    for key, folder in _folders_of_app(appfile).items():
        if folder and not any(map(on_kubernetes, _platforms_of(appfile))):
            allowed = "an environment with platform: kubernetes"
            yield Problem((key,), "no environment uses it", folder, allowed)
    for name, environment in appfile.environments.items():
        if on_kubernetes(environment.platform):
            continue
        for key in ("namespace", "service_account", *FOLDERS):
            if value := getattr(environment, key):
                path = ("environments", name, key)
                yield Problem(path, "for Kubernetes alone", value, "platform: kubernetes")
        if environment.strategy not in (None, "blue-green"):
            yield Problem(
                ("environments", name, "strategy"),
                f"not a strategy of platform {environment.platform}",
                found=environment.strategy,
                allowed="blue-green; on Kubernetes rolling, recreate and canary as well",
            )


def _strategies(appfile: "AppFile") -> Iterator[Problem]:
    """Manifests and charts name their objects, so two releases cannot stand side by side."""
    for name, environment in appfile.environments.items():
        folders = folders_of(appfile, environment)
        used = next((key for key in FOLDERS if folders[key]), None)
        on_cluster = on_kubernetes(environment.platform)
        path: Path = ("environments", name, "strategy")
        strategy = environment.strategy
        if used and on_cluster and strategy in SIDE_BY_SIDE:
            what = f"not a strategy for {_MANY[used]}, which are applied in place"
            yield Problem(path, what, strategy, "rolling, recreate")
        elif on_cluster and strategy in SIDE_BY_SIDE:
            yield from taken_names(appfile, front_of(appfile), strategy, path)


def _folders(appfile: "AppFile") -> Iterator[Problem]:
    """One folder says what runs, and says it as manifests or as a chart."""
    seen: dict[str, str] = {}
    for name, environment in appfile.environments.items():
        if not on_kubernetes(environment.platform):
            continue
        used = {k: folder for k, folder in folders_of(appfile, environment).items() if folder}
        path: Path = ("environments", name, "chart")
        if len(used) > 1:
            yield Problem(path, "beside manifests", used["chart"], "manifests or a chart")
        for key, folder in used.items():
            if seen.setdefault(folder, key) != key:
                what = f"a folder of {_MANY[seen[folder]]} elsewhere in the file"
                yield Problem(("environments", name, key), what, folder, "a folder of its own")


def _values(appfile: "AppFile") -> Iterator[Problem]:
    """Values are for a chart, and refer to what a release knows."""
    charted = [_has_chart(appfile, place) for place in appfile.environments.values()]
    every: list[tuple[Path, Mapping[str, Json], bool]] = [
        (("values",), appfile.values, any(charted))
    ]
    for (name, place), has_chart in zip(appfile.environments.items(), charted, strict=True):
        every.append((("environments", name, "values"), place.values, has_chart))
    for path, values, has_chart in every:
        if values and not has_chart:
            yield Problem(path, "no chart takes them", ", ".join(values)[:80], "beside `chart`")
        for problem in chart_values.problems(values, list(appfile.images)):
            yield replace(problem, path=(*path, *problem.path))


def _has_chart(appfile: "AppFile", environment: "Environment") -> bool:
    return on_kubernetes(environment.platform) and bool(folders_of(appfile, environment)["chart"])


def _platforms_of(appfile: "AppFile") -> list[str]:
    return [environment.platform for environment in appfile.environments.values()]


def _suppressions(appfile: "AppFile") -> Iterator[Problem]:
    seen: set[tuple[str, str]] = set()
    for index, suppression in enumerate(appfile.scan.suppressions):
        path: Path = ("scan", "suppressions", index)
        image = suppression.image
        if image != "*" and image not in appfile.images:
            yield _unknown((*path, "image"), "no such image", image, list(appfile.images))
        if (suppression.id, image) in seen:
            yield Problem((*path, "id"), "suppressed twice", suppression.id, "one entry")
        seen.add((suppression.id, image))


def _durations(appfile: "AppFile") -> Iterator[Problem]:
    for name, environment in appfile.environments.items():
        path = ("environments", name)
        if not environment.health.deadline:
            yield Problem((*path, "health", "deadline"), "no time at all", "0", "1s or more")
        if not environment.gate.timeout:
            yield Problem((*path, "gate", "timeout"), "no time at all", "0", "1s or more")
        if not environment.drill.budget:
            yield Problem((*path, "drill", "budget"), "no time at all", "0", "1s or more")


def _analysis(appfile: "AppFile") -> Iterator[Problem]:
    for name, environment in appfile.environments.items():
        for problem in appfile_analysis.problems(environment.analysis):
            yield replace(problem, path=("environments", name, "analysis", *problem.path))


def _unknown(path: Path, what: str, found: str, names: list[str]) -> Problem:
    return Problem(path, what, found, ", ".join(names), closest(found, names))


_CHECKS: tuple[Callable[["AppFile"], Iterator[Problem]], ...] = (
    _front,
    _secret_names,
    _reserved_keys,
    _order,
    _ports,
    _platforms,
    _strategies,
    weights,
    _folders,
    _values,
    _namespaces,
    appfile_object_checks.problems,
    _suppressions,
    _durations,
    _analysis,
)
