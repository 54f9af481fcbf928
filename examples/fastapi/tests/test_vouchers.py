from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from vouchers import __version__


def test_voucher_is_issued_and_read_back(client: TestClient) -> None:
    issued = client.post("/vouchers", json={"amount": 2500}).json()
    answer = client.get(f"/vouchers/{issued['code']}")
    assert answer.status_code == 200
    assert answer.json() == {"code": issued["code"], "amount": 2500, "currency": "EUR"}


@pytest.mark.parametrize("code", ["2500-1-0000000000000000", "nonsense", "-", "9-9-\u00e9"])
def test_forged_voucher_is_unknown(client: TestClient, code: str) -> None:
    assert client.get(f"/vouchers/{code}").status_code == 404


def test_changed_amount_is_unknown(client: TestClient) -> None:
    code = client.post("/vouchers", json={"amount": 100}).json()["code"]
    assert client.get(f"/vouchers/9{code}").status_code == 404


@pytest.mark.parametrize("amount", [0, -1, 50_001, "much"])
def test_amount_out_of_range_is_refused(client: TestClient, amount: object) -> None:
    assert client.post("/vouchers", json={"amount": amount}).status_code == 422


def test_operations(client: TestClient) -> None:
    assert client.get("/health").json() == {"status": "alive"}
    assert client.get("/ready").json() == {"status": "ready"}
    assert client.get("/version").json()["version"] == __version__


def test_not_ready_without_its_secret(client: TestClient, secrets: Path) -> None:
    (secrets / "voucher-key").unlink()
    answer = client.get("/ready")
    assert answer.status_code == 503
    assert "voucher-key" in answer.json()["detail"]


def test_short_secret_is_not_shown(client: TestClient, secrets: Path) -> None:
    (secrets / "voucher-key").write_text("hunter2")
    answer = client.get("/ready")
    assert answer.status_code == 503
    assert "hunter2" not in answer.text
