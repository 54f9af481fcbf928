from pathlib import Path

import pytest
from flask.testing import FlaskClient

from links import __version__


def test_link_is_created_and_read(client: FlaskClient) -> None:
    created = client.post("/api/links", json={"file": "report.pdf"})
    assert created.status_code == 201
    answer = client.get(f"/api/links/{created.json['token']}")
    assert answer.json == {"file": "report.pdf"}


@pytest.mark.parametrize("token", ["x", "x.y.z", "..", "%00"])
def test_forged_link_is_unknown(client: FlaskClient, token: str) -> None:
    assert client.get(f"/api/links/{token}").status_code == 404


def test_link_runs_out(client: FlaskClient) -> None:
    token = client.post("/api/links", json={"file": "report.pdf"}).json["token"]
    client.application.config["LIFETIME"] = -1
    assert client.get(f"/api/links/{token}").status_code == 410


@pytest.mark.parametrize("body", [None, {}, [], {"file": 1}, {"file": ""}, "report.pdf"])
def test_link_needs_a_file(client: FlaskClient, body: object) -> None:
    assert client.post("/api/links", json=body).status_code == 422


def test_operations(client: FlaskClient) -> None:
    assert client.get("/health").json == {"status": "alive"}
    assert client.get("/ready").json == {"status": "ready"}
    assert client.get("/version").json["version"] == __version__


def test_not_ready_without_its_secret(client: FlaskClient, secrets: Path) -> None:
    (secrets / "link-key").write_text("hunter2")
    answer = client.get("/ready")
    assert answer.status_code == 503
    assert "link-key" in answer.text
    assert "hunter2" not in answer.text
