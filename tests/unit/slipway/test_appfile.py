"""The app file: taken strictly, refused by path, round trip (G1 G2 G3 G4 G5 G6 G9)."""

import copy
import json
from datetime import timedelta
from fnmatch import fnmatchcase
from pathlib import Path

import jsonschema
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from slipway.appfile import config_of, dump, json_schema, parse
from slipway.errors import BadInput
from slipway.strict_yaml import MAX_BYTES

CASES = Path(__file__).parents[2] / "cases" / "appfile"
VALID = {
    "app": "shop",
    "images": {"web": {"port": 8000}},
    "front": "web",
    "secrets": {"database-url": {"format": "url", "owner": "team-data"}},
    "config": {"LOG_LEVEL": "info"},
    "environments": {"dev": {"port": 8001}, "stage": {"port": 8002}, "prod": {"port": 8003}},
}


def written(value):
    return json.dumps(value, indent=1).encode()


def changed(case):
    value = copy.deepcopy(VALID)
    for path, item in case.get("set", {}).items():
        place(value, path)[path.split(".")[-1]] = item
    if path := case.get("drop"):
        del place(value, path)[path.split(".")[-1]]
    return value


def place(value, path):
    for part in path.split(".")[:-1]:
        value = value.setdefault(part, {})
    return value


def taken_or_refused(data):
    try:
        return parse(data)
    except BadInput as refused:
        return refused


def as_pattern(text):
    return text.replace("[", "[[]")


def cases(name):
    # Days stay text, as in the app file itself.
    loader = type("Loader", (yaml.SafeLoader,), {})
    loader.yaml_implicit_resolvers = {
        first: [r for r in resolvers if not r[0].endswith("timestamp")]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }
    return yaml.load((CASES / name).read_text(), Loader=loader)  # noqa: S506 - a safe one


@pytest.mark.parametrize("case", cases("refused.yaml"), ids=lambda case: case["name"])
def test_refuses_by_path(case):
    with pytest.raises(BadInput) as refused:
        parse(written(changed(case)))
    evidence = refused.value.evidence
    assert any(fnmatchcase(line, as_pattern(case["says"])) for line in evidence), evidence
    assert "hunter2" not in "\n".join([str(refused.value), *evidence])


@pytest.mark.parametrize("case", cases("not_taken.yaml"), ids=lambda case: case["text"][:30])
def test_refuses_what_readers_read_differently(case):
    """G3: tags, anchors, duplicate keys, the Norway problem, numbers that are none."""
    with pytest.raises(BadInput) as refused:
        parse(case["text"].encode(errors="surrogatepass"))
    assert fnmatchcase(str(refused.value), as_pattern(case["says"])), str(refused.value)


def test_the_valid_file_is_taken():
    assert parse(written(VALID)).app == "shop"


def test_fills_in_front_order_and_gates():
    """S2-18, S2-19, S1-26: somebody is asked for stage within 10 minutes, for prod within 30."""
    value = {**VALID}
    del value["front"]
    found = parse(written(value))
    gates = {name: (e.gate.approvals, e.gate.timeout) for name, e in found.environments.items()}
    assert found.front == "web"
    assert [e.after for e in found.environments.values()] == [None, "dev", "stage"]
    assert gates == {
        "dev": (0, timedelta(minutes=10)),
        "stage": (1, timedelta(minutes=10)),
        "prod": (1, timedelta(minutes=30)),
    }


def test_an_explicit_null_stands_outside_the_chain():
    value = copy.deepcopy(VALID)
    value["environments"]["prod"]["after"] = None
    assert parse(written(value)).environments["prod"].after is None


def test_an_explicit_gate_wins_over_the_default():
    value = copy.deepcopy(VALID)
    value["environments"]["prod"]["gate"] = {"approvals": 0}
    gate = parse(written(value)).environments["prod"].gate
    assert (gate.approvals, gate.timeout) == (0, timedelta(minutes=30))


def on_kubernetes(**changes):
    value = copy.deepcopy(VALID)
    value["environments"]["dev"] |= {"platform": "kubernetes"} | changes
    return parse(written(value))


def test_kubernetes_fills_in_where_as_whom_and_how():
    """S0-22: namespace and service account are config, and live in the app file."""
    dev, stage = (on_kubernetes().environments[name] for name in ("dev", "stage"))
    assert (dev.namespace, dev.service_account, dev.strategy) == ("shop-dev", "shop", "rolling")
    assert (stage.namespace, stage.service_account, stage.strategy) == (None, None, "blue-green")


@pytest.mark.parametrize("platform", ["kubernetes", "slipway-kubernetes-platform/eks"])
@pytest.mark.parametrize("strategy", ["rolling", "recreate", "blue-green"])
def test_kubernetes_takes_what_is_written(platform, strategy):
    given = {"namespace": "team-a", "service_account": "shop.web", "strategy": strategy}
    dev = on_kubernetes(platform=platform, **given).environments["dev"]
    assert {key: getattr(dev, key) for key in given} == given


def test_environments_on_kubernetes_may_share_a_port():
    value = copy.deepcopy(VALID)
    for environment in value["environments"].values():
        environment |= {"platform": "kubernetes", "port": 80}
    found = parse(written(value))
    assert [e.port for e in found.environments.values()] == [80, 80, 80]
    assert parse(dump(found)) == found


def test_the_more_specific_config_wins():
    value = copy.deepcopy(VALID)
    value["config"] = {"A": "app", "B": "app", "C": "app"}
    value["images"]["web"]["config"] = {"B": "image", "C": "image"}
    value["environments"]["dev"]["config"] = {"C": "environment"}
    assert config_of(parse(written(value)), "dev", "web") == {
        "A": "app",
        "B": "image",
        "C": "environment",
    }


def test_names_every_problem_in_the_order_of_the_file():
    text = b"app: Shop\nimages: {web: {prot: 8000}}\nenvironments: {dev: {port: x}}\n"
    with pytest.raises(
        BadInput, match=r"slipway.yaml: 3 problems, first app \(line 1\)"
    ) as refused:
        parse(text)
    assert [line.split(" ")[0] for line in refused.value.evidence] == [
        "app",
        "images.web.prot",
        "environments.dev.port",
    ]
    assert refused.value.exit_code == 2


def test_refuses_a_large_file_before_reading_it():
    with pytest.raises(BadInput, match="too large"):
        parse(b"#" * (MAX_BYTES + 1))


def test_takes_the_line_ends_and_mark_of_other_editors():
    text = json.dumps(VALID, indent=1).replace("\n", "\r\n")
    assert parse(b"\xef\xbb\xbf" + text.encode()) == parse(written(VALID))


@pytest.mark.parametrize("hidden", ["\x85", "\u2028", "\r", "\x1b", "\u202e", "\ufeff", "\x00"])
def test_refuses_hidden_characters_wherever_they_stand(hidden):
    """G3, G5: some readers take them for a line break, and a key would appear out of a value."""
    for text in (f"app: shop\n# {hidden}x\n", f"app: shop\nfront: 'x{hidden}config: y'\n"):
        with pytest.raises(BadInput, match=r"line 2: not taken; found: hidden character U\+"):
            parse(text.encode())


def test_refuses_other_encodings():
    with pytest.raises(BadInput, match="not UTF-8"):
        parse("app: x".encode("utf-16"))


@pytest.mark.timeout(10)
@pytest.mark.parametrize("text", ["[" * MAX_BYTES, "{a: " * 16_000, "- " * 32_000, "a" * MAX_BYTES])
def test_deep_and_long_texts_end_soon(text):
    """G3: neither depth nor length costs more than the size limit allows."""
    with pytest.raises(BadInput):
        parse(text.encode())


@pytest.mark.parametrize("path", ["[key]", "images.[key]", "config.[key]", "images.web.[key]"])
def test_a_key_may_be_called_as_pydantic_calls_keys(path):
    with pytest.raises(BadInput, match=r"'\[key\]' \(line"):
        parse(written(changed({"set": {path: {}}})))


def test_terminal_codes_never_reach_an_error(capsys):
    """G5: what is shown of a bad value is escaped."""
    with pytest.raises(BadInput) as refused:
        parse("app: 'x\x9b31m'\n\x85: 'é\u2028'".encode())
    assert str(refused.value).isprintable()
    assert str(refused.value).isascii()


names = st.from_regex(r"[a-z][a-z0-9]{0,6}(-[a-z0-9]{1,4})?", fullmatch=True)
texts = st.text(max_size=30)
keys = st.from_regex(r"[A-Z][A-Z0-9_]{0,8}X", fullmatch=True)
scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | texts
anything = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4)
)


@given(st.binary(max_size=400) | st.text(max_size=400).map(lambda t: t.encode(errors="replace")))
def test_any_bytes_are_refused_or_taken(data):
    """G3: nothing but BadInput comes out, whatever goes in."""
    with pytest.raises(BadInput):
        parse(data)


@settings(max_examples=150)
@given(st.data())
def test_any_value_anywhere_is_refused_or_taken(data):
    """G3: a wrong value at any place is addressed, never a crash."""
    value = copy.deepcopy(VALID)
    node = value
    while isinstance(node, dict) and node:
        key = data.draw(st.sampled_from(sorted(node)) | texts)
        if key not in node or not isinstance(node[key], dict) or data.draw(st.booleans()):
            break
        node = node[key]
    node[key] = data.draw(anything)
    found = taken_or_refused(written(value))
    assert str(found).isprintable()
    if not isinstance(found, BadInput):
        assert parse(dump(found)) == found


@given(
    st.dictionaries(keys, texts, max_size=5),
    st.lists(st.lists(texts, min_size=1, max_size=3), max_size=3),
    st.integers(0, 10**6),
    st.integers(6, 4096),
)
def test_what_is_written_is_read_back(config, tests, bake, memory):
    """G3: the output parsed back equals the input, as strings."""
    value = copy.deepcopy(VALID) | {"config": config, "tests": tests}
    value["environments"]["dev"] |= {
        "health": {"bake": f"{bake}ms"},
        "resources": {"memory": f"{memory}MiB"},
    }
    found = taken_or_refused(json.dumps(value, ensure_ascii=False).encode(errors="surrogatepass"))
    if isinstance(found, BadInput):
        assert "hidden character" in str(found) or "not UTF-8" in str(found), str(found)
        return
    assert found.config == config
    assert [list(argv) for argv in found.tests] == tests
    assert found.environments["dev"].health.bake == timedelta(milliseconds=bake)
    assert found.environments["dev"].resources.memory == memory * 2**20
    assert parse(dump(found)) == found


def test_the_schema_takes_what_the_parser_takes():
    validator = jsonschema.Draft202012Validator(json_schema())
    validator.validate(VALID)
    validator.validate(json.loads(dump(parse(written(VALID)))))


@pytest.mark.parametrize(
    "path", ["imagse", "images.web.prot", "environments.Dev", "config.a-b", "secrets.x.value"]
)
def test_the_schema_refuses_unknown_keys(path):
    value = changed({"set": {path: {}}})
    assert list(jsonschema.Draft202012Validator(json_schema()).iter_errors(value))
