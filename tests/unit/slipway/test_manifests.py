"""Manifests as a candidate carries them: read strictly, packed reproducibly, read back (G3, E7)."""

import json
from fnmatch import fnmatchcase
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from slipway.canonical import canonical_json
from slipway.errors import BadInput
from slipway.manifests import BUNDLE_BYTES, FILE_BYTES, MAX_DEPTH, MAX_DOCUMENTS, pack, unpack

CASES = Path(__file__).parents[2] / "cases" / "manifests"
SERVICE = b"apiVersion: v1\nkind: Service\nmetadata: {name: web}\n"
ACCOUNT = b"apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: web}\n"


def cases(name: str) -> list[dict]:
    return yaml.safe_load((CASES / name).read_text())


@pytest.mark.parametrize("case", cases("not_taken.yaml"), ids=lambda case: case["name"])
def test_refuses_what_readers_read_differently(case):
    files = {path: text.encode() for path, text in case["files"].items()}
    with pytest.raises(BadInput) as refused:
        pack("deploy", files)
    assert fnmatchcase(str(refused.value), case["says"].replace("[", "[[]")), str(refused.value)


def test_what_is_packed_is_read_back_in_the_order_of_paths_and_documents():
    files = {"web/b.yml": SERVICE, "a.yaml": ACCOUNT + b"---\n" + SERVICE, "none.yaml": b"# none\n"}
    found = unpack(pack("deploy", files))
    assert [file.path for file in found] == ["a.yaml", "web/b.yml"]
    assert [d["kind"] for d in found[0].documents] == ["ServiceAccount", "Service"]
    assert found[1].documents[0] == {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "web"},
    }


def test_comments_and_the_order_of_keys_and_files_change_nothing():
    """E7: the same contents are the same bytes."""
    other = b"# for the front\nkind: Service\nmetadata:\n  name: 'web'\napiVersion: v1\n"
    first = pack("deploy", {"a.yaml": SERVICE, "b.yaml": ACCOUNT})
    assert pack("other", {"b.yaml": ACCOUNT, "a.yaml": other}) == first


def test_line_breaks_in_values_survive():
    data = pack("deploy", {"a.yaml": b"data:\n  script: |\n    one\n\n    two\n"})
    assert unpack(data)[0].documents[0] == {"data": {"script": "one\n\ntwo\n"}}


def test_as_many_documents_as_allowed_and_not_one_more():
    file = b"---\n".join([b"kind: A\n"] * MAX_DOCUMENTS)
    assert len(unpack(pack("deploy", {"a.yaml": file}))[0].documents) == MAX_DOCUMENTS
    with pytest.raises(BadInput, match="201 documents"):
        pack("deploy", {"a.yaml": file, "b.yaml": b"kind: A\n"})


def test_refuses_large_files_and_bundles():
    """G3: the limits hold for each file and for all of them."""
    with pytest.raises(BadInput, match=r"deploy/a.yaml: too large"):
        pack("deploy", {"a.yaml": b"#" * (FILE_BYTES + 1)})
    large = b"a: " + b"x" * (FILE_BYTES - 10)
    with pytest.raises(BadInput, match="more manifests than a candidate carries"):
        pack("deploy", {f"{n}.yaml": large for n in range(BUNDLE_BYTES // FILE_BYTES + 1)})


@pytest.mark.timeout(20)
@pytest.mark.parametrize("text", ["[" * FILE_BYTES, "{a: " * 60_000, "- " * 100_000])
def test_deep_texts_end_soon(text):
    with pytest.raises(BadInput):
        pack("deploy", {"a.yaml": text.encode()})


def test_takes_what_is_as_deep_as_a_custom_resource():
    deep = "{a: " * MAX_DEPTH + "1" + "}" * MAX_DEPTH
    assert unpack(pack("deploy", {"a.yaml": deep.encode()}))
    with pytest.raises(BadInput, match=f"deeper nesting; allowed: {MAX_DEPTH} levels"):
        pack("deploy", {"a.yaml": f"{{a: {deep}}}".encode()})


GOOD = json.loads(pack("deploy", {"a.yaml": SERVICE, "b.yaml": ACCOUNT}))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{}",
        b"[]",
        b"[" * 100_000,
        json.dumps(GOOD).encode(),
        canonical_json(GOOD[::-1]),
        canonical_json([GOOD[0], GOOD[0]]),
        canonical_json([{**GOOD[0], "path": "../a.yaml"}]),
        canonical_json([{**GOOD[0], "documents": []}]),
        canonical_json([{**GOOD[0], "more": 1}]),
    ],
)
def test_refuses_a_bundle_that_it_would_not_write(data):
    with pytest.raises(BadInput):
        unpack(data)


@given(
    st.dictionaries(
        st.from_regex(r"[a-z]{1,5}(/[a-z]{1,5})?\.ya?ml", fullmatch=True),
        st.dictionaries(
            st.from_regex(r"[a-z]{1,6}", fullmatch=True),
            st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=20)
            | st.integers(-(10**14), 10**14)
            | st.booleans(),
            min_size=1,
            max_size=4,
        ),
        min_size=1,
        max_size=4,
    )
)
def test_what_is_written_is_read_back(files):
    """G3: the output parsed back equals the input."""
    data = pack("deploy", {path: json.dumps(value).encode() for path, value in files.items()})
    assert {file.path: file.documents for file in unpack(data)} == {
        path: (value,) for path, value in files.items()
    }
