"""The demo database says what it is, and expires."""

import json
import tomllib
from datetime import UTC, datetime
from pathlib import Path

from slipway.cli.stack.advisories import ADVISORIES, database_tree, write_demo_database
from slipway.cli.stack.trivy import database_label

NOW = datetime(2030, 1, 2, tzinfo=UTC)


def test_every_advisory_has_details_and_an_origin() -> None:
    advisories = tomllib.loads(ADVISORIES.read_text())["advisory"]
    tree = database_tree(advisories)
    details = tree["vulnerability"]
    assert set(details) == {advisory["id"] for advisory in advisories}
    platforms = set(tree) - {"data-source", "vulnerability"}
    assert platforms == set(tree["data-source"])
    listed = {name for p in platforms for package in tree[p].values() for name in package}
    assert listed == set(details)


def test_a_fixed_debian_package_names_the_version() -> None:
    advisory = {"id": "X", "title": "t", "severity": "LOW", "score": 1.0, "debian": "a"}
    unfixed = database_tree([advisory])["debian 12"]["a"]["X"]
    fixed = database_tree([{**advisory, "fixed": "2.0-1"}])["debian 12"]["a"]["X"]
    assert json.loads(unfixed) == {"Status": 5}
    assert json.loads(fixed) == {"FixedVersion": "2.0-1"}


def test_the_label_and_the_expiry_are_beside_the_database(tmp_path: Path) -> None:
    label = write_demo_database(tmp_path, NOW)
    assert label.startswith("demo advisory database, ")
    assert database_label(tmp_path) == label
    metadata = json.loads((tmp_path / "db" / "metadata.json").read_text())
    assert metadata["UpdatedAt"] == "2030-01-02T00:00:00Z"
    assert metadata["NextUpdate"] == "2030-01-03T00:00:00Z"


def test_a_public_database_has_no_label(tmp_path: Path) -> None:
    assert database_label(tmp_path) == ""
