"""These pass: the fault needs time, which is why a release needs a bake."""

from fastapi.testclient import TestClient
from vouchers.main import app
from vouchers.rates import Rates
from vouchers.settings import rates


def test_greeting_shows_rates(client: TestClient) -> None:
    assert client.get("/").json()["rates"]["EUR"] == 1.0


def test_stale_rates_break_the_service(client: TestClient) -> None:
    app.dependency_overrides[rates] = lambda: Rates(lifetime=0)
    assert client.get("/ready").status_code == 503
