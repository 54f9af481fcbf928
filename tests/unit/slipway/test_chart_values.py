"""Values of a chart: what they may refer to, and what they become (S1-15, N12)."""

import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from slipway import charts
from slipway.appfile import dump, parse
from slipway.candidate import build_candidate
from slipway.candidate_spec import release_spec
from slipway.chart_values import VALUES_BYTES, filled, flat, merged, problems, references
from slipway.errors import BadInput
from slipway.names import Reference
from slipway.release import KubernetesSpec, ReleaseSpec, parse_spec
from slipway.source import Source
from tests.fakes.world import spec

DIGEST = f"sha256:{'a' * 64}"
REPOSITORY = "127.0.0.1:5055/shop/web"


def release(**values: Any) -> ReleaseSpec:
    place = KubernetesSpec(namespace="live", service_account="shopper", values=values)
    return spec("a", kubernetes=place, secrets={"key": "v1"})


FILLED = {
    "${images.web.digest}": DIGEST,
    "${images.web.repository}": REPOSITORY,
    "${images.web}": f"{REPOSITORY}@{DIGEST}",
    "${images.web.port}": 8000,
    "${config.web}": {},
    "${port}": 8001,
    "${replicas}": 1,
    "${namespace}/${service_account}": "live/shopper",
    "${app}-${environment}:${port}": "shop-prod:8001",
    "$${HOME} of ${app}": "${HOME} of shop",
    "$${app}": "${app}",
    "plain": "plain",
}


@pytest.mark.parametrize("text", FILLED)
def test_a_reference_becomes_what_it_names(text: str) -> None:
    wanted = release(a={"b": [text, 1, None, True]})
    assert filled(wanted) == {"a": {"b": [FILLED[text], 1, None, True]}}


def test_a_release_names_itself_and_its_secrets() -> None:
    wanted = release(id="${release}", secret="${secrets}")
    assert filled(wanted) == {"id": wanted.id, "secret": f"shop-secrets-{wanted.secrets_id}"}


def test_specifications_on_record_keep_their_ids() -> None:
    """N12: without values nothing of them is written."""
    place = KubernetesSpec(namespace="live", service_account="shopper")
    assert place.model_dump() == {
        "namespace": "live",
        "service_account": "shopper",
        "manifests": None,
        "chart": None,
    }
    assert parse_spec(release(a=1).model_dump(mode="json")).id == release(a=1).id
    assert release(a=1).id != release(a=2).id


def test_maps_merge_and_everything_else_is_replaced() -> None:
    base = {"a": {"x": 1, "y": [1, 2]}, "b": 1, "c": {"d": 1}}
    over = {"a": {"y": [3]}, "b": None, "c": 2, "e": {"f": 1}}
    assert merged(base, over) == {"a": {"x": 1, "y": [3]}, "b": None, "c": 2, "e": {"f": 1}}


def test_each_value_is_a_field_of_the_plan() -> None:
    values = {"a": {"b": [1, {"c": "x"}], "d": {}}, "e": None, "f": True}
    assert flat(values, "values") == {
        "values.a.b[0]": "1",
        "values.a.b[1].c": "x",
        "values.a.d": "{}",
        "values.e": "null",
        "values.f": "true",
    }


REFUSED = {
    "an image that is not there": ({"a": "${images.api}"}, ("a",), "images.api"),
    "no reference at all": ({"a": ["${}"]}, ("a", 0), "''"),
    "a secret": ({"db": {"password": "x"}}, ("db", "password"), "password"),
    "a secret in camel case": ({"externalApiKey": "x"}, ("externalApiKey",), "externalApiKey"),
    "too much": ({"a": "x" * VALUES_BYTES}, (), f"{VALUES_BYTES + 9} bytes"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_filled_in_is_told_by_path(name: str) -> None:
    values, path, found = REFUSED[name]
    (problem,) = problems(values, ["web"])
    assert problem.path == path
    assert found in problem.found


def test_a_secret_s_name_by_reference_is_fine() -> None:
    values = {"token": "${secrets}", "password": "", "automountToken": False, "existingSecret": "x"}
    assert list(problems(values, ["web"])) == []


APPFILE = """
app: shop
images: {web: {port: 8000}}
chart: chart
values: {image: {digest: "${images.web.digest}"}, replicas: 1}
environments:
  dev: {platform: kubernetes, port: 80}
  prod: {platform: kubernetes, port: 80, values: {replicas: "${replicas}"}}
  far: {platform: kubernetes, port: 80, chart: null}
"""


def test_an_environment_s_values_are_merged_into_the_app_s() -> None:
    appfile = parse(APPFILE.encode())
    digest = {"digest": "${images.web.digest}"}
    assert appfile.environments["dev"].values == {"image": digest, "replicas": 1}
    assert appfile.environments["prod"].values == {"image": digest, "replicas": "${replicas}"}
    assert appfile.environments["far"].values == {}
    assert parse(dump(appfile)) == appfile


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("chart: chart\n", "", "values (line 4): no chart takes them"),
        ("chart: null}", "chart: null, values: {a: 1}}", "environments.far.values"),
        ("web.digest}", "wbe.digest}", "did you mean images.web.digest?"),
        ("replicas: 1}", "cpu: 0.5}", "values.cpu (line 5): a fraction"),
    ],
)
def test_values_are_refused_by_their_path(old: str, new: str, told: str) -> None:
    with pytest.raises(BadInput) as caught:
        parse(APPFILE.replace(old, new).encode())
    assert told in "\n".join([str(caught.value), *caught.value.evidence])


EXAMPLE = Path(__file__).parents[3] / "examples" / "fastapi"


@pytest.mark.parametrize("environment", ["dev", "stage", "prod"])
def test_the_example_s_values_fit_its_chart(environment: str) -> None:
    """S1-14, S1-15: images by digest, the Secret by name, environments by their own values."""
    chart = {
        path.relative_to(EXAMPLE / "chart").as_posix(): path.read_bytes()
        for path in (EXAMPLE / "chart").rglob("*")
        if path.is_file()
    }
    source = Source(repository="local", revision="ab" * 20, author="ann@example.org")
    image = Reference("127.0.0.1:5055/vouchers/web", DIGEST)
    bundles = {"chart": charts.pack("chart", chart)}
    data = (EXAMPLE / "slipway.helm.yaml").read_bytes()
    candidate = build_candidate(data, source, {"web": image}, bundles=bundles)
    values = filled(release_spec(candidate, environment, {"voucher-key": "v1"}))
    jsonschema.validate(values, json.loads(chart["values.schema.json"]))
    assert values["image"] == {"repository": image.repository, "digest": DIGEST}
    scaled = {"dev": {"enabled": False}, "prod": {"minReplicas": 3}}
    assert values.get("autoscaling") == scaled.get(environment)


PAGE = (EXAMPLE.parents[1] / "docs" / "charts.md").read_text()


def test_the_page_s_example_is_taken_and_its_error_told() -> None:
    (text,) = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    assert parse(text.encode()).environments["prod"].values["autoscaling"] == {"minReplicas": 3}
    with pytest.raises(BadInput) as caught:
        parse(text.replace("web.digest", "wbe.digest").encode())
    told = re.findall(r"^slipway\.yaml: .*(?=app, environment, \.\.\.$)", PAGE, re.MULTILINE)
    assert str(caught.value).startswith(told[0])


def test_the_page_tells_every_reference() -> None:
    rows = [line.split("|")[1] for line in PAGE.splitlines() if line.startswith("| `${")]
    named = {name.strip(" `${}") for row in rows for name in row.split(",")}
    forms = {
        name.replace("web", "NAME").replace("images.NAME.", ".") for name in references(["web"])
    }
    assert named == forms
