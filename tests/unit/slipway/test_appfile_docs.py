"""docs/appfile.md tells what the parser does: its examples, its errors, every key."""

import re
from pathlib import Path

import jsonschema
import pytest
import yaml

from slipway.appfile import json_schema, parse
from slipway.errors import BadInput
from slipway.secret_formats import _ALLOWED

ROOT = Path(__file__).parents[3]
DOC = (ROOT / "docs" / "appfile.md").read_text()
EXAMPLES = sorted((ROOT / "examples").glob("*/slipway.yaml"))


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", DOC, re.DOTALL)


@pytest.mark.parametrize("text", blocks("yaml"))
def test_the_examples_are_taken_by_parser_and_schema(text):
    assert parse(text.encode()).app == "shop"
    plain = yaml.load(text, Loader=yaml.BaseLoader)  # noqa: S506 - text only
    assert set(plain) <= set(json_schema()["properties"])


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.parent.name)
def test_the_example_apps_are_taken(path):
    parse(path.read_bytes())


def test_there_are_example_apps():
    assert EXAMPLES


def test_the_transcript_is_what_is_said():
    text = """
app: shop
images:
  web: {prot: 8000, user: 65532}
environments:
  dev: {port: 1, health: {bake: 5}}
"""
    with pytest.raises(BadInput) as refused:
        parse(text.strip().encode())
    assert blocks("text")[0].splitlines() == [str(refused.value), *refused.value.evidence]


def rows(schema, node, path=""):
    """A row for each key of the schema: path, default, description."""
    node = resolved(schema, node)
    for key, item in node.get("properties", {}).items():
        inner = resolved(schema, item)
        here = f"{path}{key}"
        if inner.get("properties"):
            yield from rows(schema, inner, f"{here}.")
            continue
        yield f"| `{here}` | {shown(item, key in node.get('required', []))} | {described(item)} |"
        for element in elements(inner):
            yield from rows(schema, element, f"{here}{'[]' if 'items' in inner else '.NAME'}.")


def resolved(schema, node):
    while "$ref" in node or "anyOf" in node:
        name = node["$ref"].rsplit("/", 1)[1] if "$ref" in node else None
        node = schema["$defs"][name] if name else node["anyOf"][0]
    return node


def elements(node):
    yield from node.get("patternProperties", {}).values()
    if "items" in node:
        yield node["items"]


def shown(item, needed):
    if needed:
        return "needed"
    default = item.get("default")
    if isinstance(default, list):
        return f"`[{', '.join(str(value) for value in default)}]`" if default else ""
    if isinstance(default, bool):
        return f"`{str(default).lower()}`"
    return "" if default is None or isinstance(default, dict) else f"`{default}`"


def described(item):
    return item["description"].replace("\n", " ")


def test_every_key_is_described():
    """One text: the table is written from the descriptions in the code."""
    schema = json_schema()
    table = ["| key | default | |", "|---|---|---|", *rows(schema, schema)]
    found = re.search(r"<!-- keys: .*? -->\n(.*)<!-- end of keys -->", DOC, re.DOTALL)
    assert found.group(1).splitlines() == table, "docs/appfile.md should say:\n" + "\n".join(table)


def test_the_formats_are_described():
    for kind, allowed in _ALLOWED.items():
        assert f"| `{kind}` | {allowed} |" in DOC


def test_the_schema_is_a_schema():
    jsonschema.Draft202012Validator.check_schema(json_schema())
