"""Who may do what at the gateway before a Prefect API: the table, and what nginx reads of it.

`docker/gateway/routes.yaml` is the table; `scripts/gateway.py` writes `routes.conf` and `table.js`
beside it. A route is METHOD and path template, as in `GET /api/flows/{id}`; the method of a
websocket is WS.
"""

import json
import re
from collections.abc import Iterator
from functools import cached_property
from itertools import combinations
from typing import Annotated, Any

from pydantic import Field, ValidationError, field_validator, model_validator

from slipway.errors import BadInput
from slipway.release import Frozen
from slipway.strict_yaml import dotted, load

UI = "UI"
_HEX = "[0-9a-fA-F]"
_UUID = f"{_HEX}{{8}}-{_HEX}{{4}}-{_HEX}{{4}}-{_HEX}{{4}}-{_HEX}{{12}}"
_ANY = "[^/]+"
_ROUTE = re.compile(
    r"(?:GET|POST|PUT|PATCH|DELETE|WS) (?:/(?:[A-Za-z0-9_.-]+|\{[a-z_]+\}))+/?", re.ASCII
)
_PATH = re.compile(r"/[a-z.]+", re.ASCII)

_Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,40}$")]
_Why = Annotated[str, Field(min_length=3, max_length=200)]


class Rule(Frozen):
    """What one field of a body may say; exactly one of these is given.

    Attributes:
        empty: null, or text, list or object without contents.
        matches: text that is wholly this regular expression, in what Python and JavaScript share.
        keys: an object with no other keys.
    """

    empty: bool = False
    matches: str = ""
    keys: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _one(self) -> "Rule":
        if [self.empty, bool(self.matches), bool(self.keys)].count(True) != 1:
            raise BadInput("a rule says one thing", allowed="empty: true, matches or keys")
        return self

    @field_validator("matches")
    @classmethod
    def _compiles(cls, expression: str) -> str:
        try:
            re.compile(expression)
        except re.error as error:
            raise BadInput("not a regular expression", found=str(error)) from error
        return expression

    def allows(self, value: object) -> bool:
        """Whether a field may say this, as gate.js judges it. Pure."""
        if value is None:
            return True
        if self.matches:
            return isinstance(value, str) and bool(re.fullmatch(self.matches, value))
        if self.keys:
            return isinstance(value, dict) and set(value) <= set(self.keys)
        return value == "" or (isinstance(value, dict | list) and not value)


class Group(Frozen):
    """Routes with one reason. `body` names the rules for bodies; `large` bodies pass unread."""

    why: _Why
    roles: tuple[_Name, ...] = Field(min_length=1)
    body: _Name | None = None
    large: bool = False
    routes: tuple[str, ...] = Field(min_length=1)

    @field_validator("routes")
    @classmethod
    def _written_well(cls, routes: tuple[str, ...]) -> tuple[str, ...]:
        for route in routes:
            if not _ROUTE.fullmatch(route):
                raise BadInput("not a route", found=route, allowed="as in GET /api/flows/{id}")
        return routes


class Pages(Frozen):
    """Whoever may GET what begins with none of `beside`."""

    roles: tuple[_Name, ...]
    beside: tuple[Annotated[str, Field(pattern=_PATH)], ...] = Field(min_length=1)


class Table(Frozen):
    """The whole file.

    Attributes:
        inspected: roles whose queries and bodies are looked into.
        words: what those may not say, anywhere; lower case.
        bodies: rules by name, then by field.
    """

    inspected: tuple[_Name, ...]
    words: tuple[Annotated[str, Field(pattern=r"^[a-z_]{6,}$")], ...]
    bodies: dict[str, dict[str, Rule]]
    ui: Pages
    groups: tuple[Group, ...]

    @cached_property
    def decided(self) -> dict[str, Group]:
        """The group of each route."""
        return {route: group for group in self.groups for route in group.routes}

    def roles(self, method: str, template: str) -> tuple[str, ...]:
        """Who may use that route, by its template; nobody when it is not in the table."""
        group = self.decided.get(f"{method} {template}")
        return group.roles if group else ()

    @model_validator(mode="after")
    def _consistent(self) -> "Table":
        for problem in _problems(self):
            raise problem
        return self


def parse_table(data: bytes) -> Table:
    """The table out of the file's bytes.

    Raises:
        BadInput: not YAML, an unknown key, a route twice, or two routes that one path can mean
            and that differ in who may use them; the message names field or routes.
    """
    document = load(data, "routes.yaml")
    try:
        return Table.model_validate(document.value)
    except ValidationError as error:
        first = error.errors()[0]
        where = dotted(first["loc"])
        raise BadInput(
            f"routes.yaml: {where}: {first['msg']}", next_step="see docs/gateway.md"
        ) from error


def pattern(template: str) -> str:
    """The regular expression of a path template, without anchors. Pure."""
    return "/".join(_segment(part) for part in template.split("/"))


def render_map(table: Table) -> str:
    """`routes.conf`: nginx's map from what is asked to the route that it is. Pure.

    Each is an expression, as nginx looks plain keys up whatever their case.
    """
    lines = [_map_line(*route.split(" ", 1)) for route in sorted(table.decided)]
    beside = "|".join(re.escape(path) for path in table.ui.beside)
    lines.append(f'    "~^(?:GET|HEAD) (?!(?:{beside})(?:/|$))/" {UI};')
    head = "# Written by scripts/gateway.py from routes.yaml.\n"
    head += 'map "$gateway_method $gateway_path" $gateway_route {\n    default "";\n'
    return head + "\n".join(lines) + "\n}\n"


def render_script(table: Table) -> str:
    """`table.js`: the rest of the table, as a module of njs. Pure."""
    routes: dict[str, Any] = {UI: {"roles": table.ui.roles}}
    for route, group in sorted(table.decided.items()):
        routes[route] = group.model_dump(include={"roles", "body", "large"}, exclude_defaults=True)
    said = {
        "inspected": table.inspected,
        "words": table.words,
        "bodies": {
            name: {field: rule.model_dump(exclude_defaults=True) for field, rule in rules.items()}
            for name, rules in table.bodies.items()
        },
        "routes": routes,
    }
    head = "// Written by scripts/gateway.py from routes.yaml.\n"
    return f"{head}export default {json.dumps(said, indent=1)};\n"


def overlap(one: str, other: str) -> bool:
    """Whether one path can be read as both templates. Pure."""
    parts, others = one.split("/"), other.split("/")
    return len(parts) == len(others) and all(map(_may_be_same, parts, others))


def _problems(table: Table) -> Iterator[BadInput]:
    routes = [route for group in table.groups for route in group.routes]
    for route in sorted({route for route in routes if routes.count(route) > 1}):
        yield BadInput("the route is there twice", found=route, allowed="each route once")
    for group in table.groups:
        if group.body and group.body not in table.bodies:
            allowed = ", ".join(table.bodies)
            yield BadInput("no such rules for a body", found=group.body, allowed=allowed)
    for one, other in combinations(sorted(table.decided), 2):
        if _ambiguous(table, one, other):
            yield BadInput(
                "one path can mean both, and they differ in who may use them",
                found=f"{one} and {other}",
                next_step="give both the same roles, body and large",
            )


def _ambiguous(table: Table, one: str, other: str) -> bool:
    (method, path), (other_method, other_path) = one.split(" "), other.split(" ")
    rights = [
        group.model_dump(include={"roles", "body", "large"})
        for group in (table.decided[one], table.decided[other])
    ]
    return method == other_method and rights[0] != rights[1] and overlap(path, other_path)


def _may_be_same(part: str, other: str) -> bool:
    if part.startswith("{") and other.startswith("{"):
        return True
    if part.startswith("{"):
        return re.fullmatch(_segment(part), other) is not None
    if other.startswith("{"):
        return re.fullmatch(_segment(other), part) is not None
    return part == other


def _segment(part: str) -> str:
    if not part.startswith("{"):
        return re.escape(part).replace(r"\-", "-")
    name = part.strip("{}")
    if name == "deployment_resource":
        return rf"prefect\.deployment\.{_UUID}"
    return _UUID if name == "id" or name.endswith("_id") else _ANY


def _map_line(method: str, template: str) -> str:
    return f'    "~^{method} {pattern(template)}$" "{method} {template}";'
