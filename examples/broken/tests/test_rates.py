"""These pass: the fault needs time, which is why a release needs a bake."""

import time

from fastapi.testclient import TestClient

from vouchers.main import app
from vouchers.rates import Rates
from vouchers.settings import rates


def test_greeting_shows_rates(client: TestClient) -> None:
    assert client.get("/").json()["rates"]["EUR"] == 1.0


def test_rates_once_fetched_run_out(client: TestClient) -> None:
    cache = Rates(lifetime=0.05)
    app.dependency_overrides[rates] = lambda: cache
    assert client.get("/ready").status_code == 200
    assert client.get("/").status_code == 200
    time.sleep(0.1)
    assert client.get("/ready").status_code == 503
