"""The candidate: pure, deterministic, held to its digest when read back (F3, F4, section 7)."""

import json
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slipway import charts
from slipway.attachment import ENVELOPE_TYPE
from slipway.candidate import build_candidate, read_candidate
from slipway.candidate_contents import APPFILE_TYPE, MEDIA_TYPE, Contents
from slipway.candidate_spec import release_spec
from slipway.canonical import canonical_json, sha256_digest
from slipway.charts import CHART_TYPE
from slipway.errors import BadInput, Refused, SecretMissing, Tampered
from slipway.manifests import BUNDLE_TYPE
from slipway.names import Reference, parse_reference
from slipway.oci import MANIFEST_TYPE
from slipway.release import KubernetesSpec, parse_spec
from slipway.source import Source, without_credentials
from slipway.statement import PROVENANCE_TYPE, SBOM_TYPE, VERDICT_TYPE
from tests.fakes.manifests import bundle, deployment, packed, service

PREDICATE_TYPES = (PROVENANCE_TYPE, SBOM_TYPE, VERDICT_TYPE)
APPFILE = b"""
app: links
images:
  api: {port: 5000, writable: [/tmp], stop_seconds: 3, command: [gunicorn, links]}
  proxy: {port: 8080, user: "101", config: {WHO: proxy}}
front: proxy
secrets: {database-url: {format: url, owner: team-data}}
config: {WHO: app, LEVEL: info}
environments:
  dev:
    port: 8001
    replicas: 2
    resources: {memory: 64MiB, cpus: 0.25, pids: 32}
    config: {LEVEL: debug}
    health: {path: /up, expect: [200, 403], deadline: 1500ms, bake: 250ms, hits: 2}
  prod: {port: 8003}
"""
SOURCE = Source(
    repository="https://git.example.org/team/links.git",
    revision="ab" * 20,
    author="Ann Author <ann@example.org>",
    tree="cd" * 20,
)
API = parse_reference("127.0.0.1:5055/links/api@sha256:" + "1" * 64)
PROXY = parse_reference("127.0.0.1:5055/links/proxy@sha256:" + "2" * 64)


def build(**changes):
    parts = {"source": SOURCE, "images": {"api": API, "proxy": PROXY}, "appfile_data": APPFILE}
    return build_candidate(**(parts | changes))


def stored(candidate):
    return {blob.digest: blob.data for blob in candidate.blobs()}


def read(candidate, manifest=None, blobs=None, reference=None):
    blobs = stored(candidate) if blobs is None else blobs
    manifest = candidate.manifest() if manifest is None else manifest
    return read_candidate(reference or candidate.reference, manifest, lambda digest: blobs[digest])


def test_the_same_parts_give_the_same_digest_in_any_order_and_registry():
    other = {
        "proxy": Reference("registry.example.org/links/proxy", PROXY.digest),
        "api": Reference("registry.example.org/links/api", API.digest),
    }
    assert build().digest == build(images=other).digest
    assert build(images=other).repository == "registry.example.org/links"


@pytest.mark.parametrize(
    "changes",
    [
        {"source": SOURCE.model_copy(update={"revision": "ef" * 20})},
        {"appfile_data": APPFILE + b"# a comment\n"},
        {"images": {"api": API, "proxy": Reference(PROXY.repository, API.digest)}},
    ],
    ids=["revision", "app file", "image"],
)
def test_any_other_part_gives_another_digest(changes):
    assert build(**changes).digest != build().digest


def test_what_is_pushed_is_read_back():
    candidate = build()
    assert read(candidate) == candidate
    assert read(candidate).images == {"api": API, "proxy": PROXY}
    assert str(candidate.reference) == f"127.0.0.1:5055/links@{candidate.digest}"


def test_the_manifest_is_an_oci_artifact():
    manifest = json.loads(build().manifest())
    assert manifest["artifactType"] == manifest["config"]["mediaType"] == MEDIA_TYPE
    assert manifest["mediaType"] == "application/vnd.oci.image.manifest.v1+json"
    assert [layer["mediaType"] for layer in manifest["layers"]] == [
        "application/vnd.slipway.appfile.v1+yaml"
    ]


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"images": {"api": API}}, "images are not those of the app file; found: api;"),
        ({"images": {}}, "images are not those of the app file; found: none;"),
        ({"appfile_data": b"app: links"}, "slipway.yaml: 2 problems"),
        (
            {"images": {"api": API, "proxy": Reference("other.example/x", PROXY.digest)}},
            "images lie in different registries",
        ),
        ({"repository": "no registry"}, "repository is not valid"),
    ],
)
def test_refuses_parts_that_do_not_belong_together(changes, says):
    with pytest.raises(BadInput, match=says):
        build(**changes)


def test_changed_bytes_are_called_tampering():
    """F4: the registry holds other bytes than the digest names."""
    candidate = build()
    for digest, data in stored(candidate).items():
        with pytest.raises(Tampered, match="was changed in the registry"):
            read(candidate, blobs=stored(candidate) | {digest: data + b" "})
    with pytest.raises(Tampered, match="was changed in the registry"):
        read(candidate, manifest=candidate.manifest() + b" ")


def remade(candidate, change):
    """The candidate with a changed config blob, every digest made to fit."""
    config, layer = candidate.blobs()
    value = json.loads(config.data)
    change(value)
    data = json.dumps(value, sort_keys=True, separators=(",", ":")).encode()
    config = type(config)(config.media_type, data)
    manifest = json.loads(candidate.manifest()) | {"config": config.descriptor()}
    manifest = type(config)(
        "", json.dumps(manifest, sort_keys=True, separators=(",", ":")).encode()
    )
    blobs = {config.digest: config.data, layer.digest: layer.data}
    return manifest.data, blobs, Reference(candidate.repository, manifest.digest)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda value: value.update(extra=1), "extra: Extra inputs"),
        (lambda value: value.update(version=2), "version: "),
        (lambda value: value["images"]["api"].update(digest="latest"), "images.api.digest"),
        (lambda value: value["images"]["api"].update(repository="../x"), "images.api.repository"),
        (lambda value: value["images"].update({"--x": value["images"]["api"]}), "images.--x"),
        (lambda value: value["images"].pop("api"), "images are not those of the app file"),
        (lambda value: value["appfile"].update(size=3), "not in the form"),
        (lambda value: value.update(app="shop"), "not in the form"),
        (lambda value: value["source"].update(author="\x1b[31m"), "source.author"),
        (lambda value: value["source"].update(repository="https://u:p@h/x"), "source.repository"),
    ],
)
def test_refuses_a_candidate_that_slipway_did_not_write(change, says):
    manifest, blobs, reference = remade(build(), change)
    with pytest.raises(BadInput) as refused:
        read_candidate(reference, manifest, lambda digest: blobs[digest])
    assert says in str(refused.value)
    assert str(refused.value).isprintable()


def test_an_image_is_no_candidate():
    image = json.loads(build().manifest())
    del image["artifactType"]
    data = json.dumps(image).encode()
    blob = type(build().blobs()[0])("", data)
    with pytest.raises(BadInput, match="is no candidate"):
        read(build(), manifest=data, reference=Reference("127.0.0.1:5055/x", blob.digest))


@given(
    st.binary(max_size=300)
    | st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=8),
        lambda inner: (
            st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
        ),
    ).map(lambda value: json.dumps(value).encode())
)
def test_any_bytes_as_manifest_are_refused(data):
    """Section 7: nothing but BadInput comes out of the parser."""
    blob = type(build().blobs()[0])("", data)
    with pytest.raises(BadInput):
        read(build(), manifest=data, reference=Reference("127.0.0.1:5055/x", blob.digest))


def test_the_specification_of_an_environment():
    candidate = build()
    spec = release_spec(candidate, "dev", {"database-url": "3", "other": "9"})
    api, proxy = spec.services
    assert (spec.front, spec.port, spec.secrets) == ("proxy", 8001, {"database-url": "3"})
    assert (str(spec.target), spec.platform) == ("links/dev", "docker")
    assert (api.image, api.command, api.stop_seconds) == (str(API), ("gunicorn", "links"), 3)
    assert api.config == {"WHO": "app", "LEVEL": "debug"}
    assert proxy.config == {"WHO": "proxy", "LEVEL": "debug"}
    assert (proxy.user, proxy.replicas, proxy.resources.cpu_millis) == ("101", 2, 250)
    assert (spec.health.deadline_seconds, spec.health.bake_millis) == (2, 250)


def test_a_commit_that_changes_nothing_that_runs_keeps_the_specification():
    """E7: same images and config, another revision: the same specification id."""
    later = build(source=SOURCE.model_copy(update={"revision": "ef" * 20}))
    versions = {"database-url": "3"}
    assert release_spec(later, "dev", versions).id == release_spec(build(), "dev", versions).id
    other = release_spec(build(), "dev", {"database-url": "4"})
    assert other.id != release_spec(build(), "dev", versions).id


def test_releases_on_record_keep_their_ids():
    """E7: what Kubernetes needs adds nothing to a specification that runs elsewhere."""
    spec = release_spec(build(), "dev", {"database-url": "3"})
    assert spec.id == "17bda17384f3"
    assert "kubernetes" not in spec.model_dump(mode="json")
    assert parse_spec(spec.model_dump(mode="json")) == spec


def test_the_specification_says_where_on_a_cluster_and_as_whom():
    """S0-22: without a secret."""
    cluster = APPFILE.replace(b"port: 8001", b"port: 80\n    platform: kubernetes")
    spec = release_spec(build(appfile_data=cluster), "dev", {"database-url": "3"})
    assert spec.kubernetes == KubernetesSpec(namespace="links-dev", service_account="links")
    assert (spec.platform, spec.strategy, spec.port) == ("kubernetes", "rolling", 80)
    assert parse_spec(spec.model_dump(mode="json")).id == spec.id


CLUSTER = (
    APPFILE
    + b"""  edge: {platform: kubernetes, manifests: deploy/edge/, port: 80}
  far: {platform: kubernetes, manifests: deploy, port: 80}
  near: {platform: kubernetes, port: 80}
"""
)
BUNDLE = bundle("api", "proxy", front="proxy")
EDGE = packed(deployment("api", enableServiceLinks=True), deployment("proxy"), service("proxy"))
BUNDLES = {"deploy": BUNDLE, "deploy/edge": EDGE}


def test_a_candidate_without_manifests_keeps_its_digest():
    """E7: what is on record and in registries stays what it is."""
    known = "sha256:f25adce69556bd6a1369addbb0d3bead811c40051fd570f4455b2923cef11f14"
    assert build().digest == known
    assert "manifests" not in build().contents.model_dump(mode="json")


def test_manifests_travel_in_the_candidate_by_folder():
    candidate = build(appfile_data=CLUSTER, bundles=dict(reversed(BUNDLES.items())))
    assert candidate.digest == build(appfile_data=CLUSTER, bundles=BUNDLES).digest
    types = [layer["mediaType"] for layer in json.loads(candidate.manifest())["layers"]]
    assert types == [APPFILE_TYPE, BUNDLE_TYPE, BUNDLE_TYPE]
    again = read(candidate)
    assert (again.digest, again.bundles) == (candidate.digest, BUNDLES)
    found = [again.bundle(name) for name in ("dev", "edge", "far", "near")]
    assert found == [None, EDGE, BUNDLE, None]


def test_other_manifests_are_another_candidate_and_release():
    versions = {"database-url": "3"}
    one = build(appfile_data=CLUSTER, bundles=BUNDLES)
    other = build(appfile_data=CLUSTER, bundles=BUNDLES | {"deploy": EDGE})
    assert one.digest != other.digest
    assert release_spec(one, "far", versions).id != release_spec(other, "far", versions).id
    assert release_spec(one, "edge", versions).id == release_spec(other, "edge", versions).id
    assert release_spec(one, "far", versions).kubernetes.manifests == sha256_digest(BUNDLE)


def test_manifests_that_break_a_rule_make_no_release():
    """They are judged again before a release, whoever built the candidate (F6)."""
    hostile = packed(deployment("api"), deployment("proxy", hostNetwork=True), service("proxy"))
    candidate = build(appfile_data=CLUSTER, bundles=BUNDLES | {"deploy": hostile})
    assert release_spec(candidate, "edge", {"database-url": "3"})
    with pytest.raises(
        BadInput, match=r"deploy for far: .*hostNetwork: asks for the node's network"
    ):
        release_spec(candidate, "far", {"database-url": "3"})


WITH_CHART = CLUSTER + b"  ship: {platform: kubernetes, chart: charts/links, port: 80}\n"
CHART = charts.pack("c", {"Chart.yaml": b"apiVersion: v2\nname: links\nversion: 1.0.0\n"})


def test_a_chart_travels_behind_the_manifests():
    """S1-15: the layer is what Helm itself installs."""
    candidate = build(appfile_data=WITH_CHART, bundles=BUNDLES | {"charts/links": CHART})
    types = [layer["mediaType"] for layer in json.loads(candidate.manifest())["layers"]]
    assert types == [APPFILE_TYPE, BUNDLE_TYPE, BUNDLE_TYPE, CHART_TYPE]
    again = read(candidate)
    assert (again.bundle("ship"), again.bundle("edge")) == (CHART, EDGE)
    place = release_spec(again, "ship", {"database-url": "3"}).kubernetes
    assert (place.chart, place.manifests) == (sha256_digest(CHART), None)


def test_a_chart_that_was_changed_is_not_read():
    candidate = build(appfile_data=WITH_CHART, bundles=BUNDLES | {"charts/links": CHART})
    changed = candidate.blobs()[-1].digest
    with pytest.raises(Tampered, match="charts/links was changed in the registry"):
        read(candidate, blobs=stored(candidate) | {changed: CHART + b"x"})


@pytest.mark.parametrize(
    "bundles", [{}, {"deploy": BUNDLE}, BUNDLES | {"more": BUNDLE}, BUNDLES | {"deploy": b"[]"}]
)
def test_refuses_other_folders_than_the_app_file_names(bundles):
    with pytest.raises(BadInput):
        build(appfile_data=CLUSTER, bundles=bundles)


def test_refuses_manifests_that_were_changed_left_out_or_added():
    """F4: each layer is held to the digest in the manifest, and the config to the layers."""
    candidate = build(appfile_data=CLUSTER, bundles=BUNDLES)
    blobs = stored(candidate)
    changed = candidate.blobs()[2].digest
    with pytest.raises(Tampered, match="deploy was changed in the registry"):
        read(candidate, blobs=blobs | {changed: EDGE})
    outline = json.loads(candidate.manifest())
    for layers in (outline["layers"][:2], outline["layers"] + outline["layers"][2:]):
        data = canonical_json(outline | {"layers": layers})
        with pytest.raises(BadInput, match="other layers than its config lists"):
            read(candidate, data, blobs, Reference(candidate.repository, sha256_digest(data)))
    swapped = canonical_json(outline | {"layers": [outline["layers"][n] for n in (0, 2, 1)]})
    with pytest.raises(BadInput, match="not in the form that Slipway writes"):
        read(candidate, swapped, blobs, Reference(candidate.repository, sha256_digest(swapped)))


def test_refuses_an_unknown_environment_with_the_nearest():
    with pytest.raises(BadInput, match="found: 'prd'; allowed: dev, prod") as refused:
        release_spec(build(), "prd", {})
    assert refused.value.next_step == "did you mean prod?"


def test_uncommitted_changes_stay_in_the_first_environment():
    dirty = build(source=SOURCE.model_copy(update={"uncommitted": True}))
    versions = {"database-url": "3"}
    assert release_spec(dirty, "dev", versions).id == release_spec(build(), "dev", versions).id
    with pytest.raises(Refused, match="holds uncommitted changes"):
        release_spec(dirty, "prod", versions)


def test_refuses_a_secret_without_version():
    with pytest.raises(SecretMissing, match="missing: database-url"):
        release_spec(build(), "dev", {})


@pytest.mark.parametrize(
    ("address", "clean"),
    [
        ("https://user:hunter2@host/a.git", "https://host/a.git"),
        ("https://hunter2@host/a.git", "https://host/a.git"),
        ("https://host/a.git", "https://host/a.git"),
        ("git@host:team/a.git", "git@host:team/a.git"),
    ],
)
def test_credentials_never_enter_the_source(address, clean):
    assert without_credentials(address) == clean
    Source(repository=clean, revision="ab" * 20)
    if address != clean:
        with pytest.raises(ValueError, match="source repository is not valid") as refused:
            Source(repository=address, revision="ab" * 20)
        assert "hunter2" not in refused.value.errors(include_input=False)[0]["msg"]


DOC = (Path(__file__).parents[3] / "docs" / "candidate.md").read_text()


def test_the_documented_contents_are_what_is_written():
    example = re.search(r"```json\n(.*?)```", DOC, re.DOTALL).group(1)
    contents = Contents.model_validate_json(example, strict=True)
    assert contents.model_dump(mode="json") == json.loads(example)


@pytest.mark.parametrize(
    "kind",
    [
        MEDIA_TYPE,
        APPFILE_TYPE,
        BUNDLE_TYPE,
        CHART_TYPE,
        MANIFEST_TYPE,
        ENVELOPE_TYPE,
        *PREDICATE_TYPES,
    ],
)
def test_every_media_type_is_documented(kind):
    assert f"`{kind}`" in DOC
