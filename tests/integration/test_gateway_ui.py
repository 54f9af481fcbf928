"""The Prefect UI behind the gateway, in headless Chromium, as an operator."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Response

from tests.browser import open_browser, show
from tests.rig.gateway import JENKINS, OPERATOR, SECRET, WORD, GatewayRig

pytestmark = [pytest.mark.prefect, pytest.mark.timeout(300)]
SLOW = 60_000
OPEN_WEBSOCKET = """
([path, token]) => new Promise((done) => {
  const socket = new WebSocket(location.origin.replace('http', 'ws') + path, ['prefect']);
  socket.onopen = () => socket.send(JSON.stringify({type: 'auth', token: token}));
  socket.onmessage = (message) => { done(message.data); socket.close(); };
  socket.onclose = (event) => done('closed ' + event.code);
})
"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with open_browser() as made:
        yield made


def opened(browser: Browser, rig: GatewayRig, role: str) -> BrowserContext:
    """A browser in which somebody of that role answered the browser's question."""
    user, password = rig.credentials[role].split(":")
    context = browser.new_context(http_credentials={"username": user, "password": password})
    context.set_default_timeout(SLOW)
    return context


@pytest.fixture
def page(browser: Browser, gateway: GatewayRig) -> Iterator[Page]:
    context = opened(browser, gateway, OPERATOR)
    yield context.new_page()
    context.close()


@pytest.mark.parametrize("home", ["/dashboard", "/v2/dashboard"])
def test_an_operator_sees_the_ui_without_a_second_question(
    gateway: GatewayRig, page: Page, home: str
) -> None:
    """S0-12, G12: both generations of it; nothing they ask for is refused."""
    refused: list[str] = []

    def look(response: Response) -> None:
        if WORD.lower() in response.headers and response.status != 401:
            refused.append(f"{response.request.method} {response.url}")

    page.on("response", look)
    show(page, f"{gateway.url}{home}", "Work Pools")
    assert not re.search(r"/login", page.url)
    for name in (
        "runs",
        "flows",
        "deployments",
        "work-pools",
        "blocks",
        "variables",
        "automations",
    ):
        page.goto(f"{gateway.url}{home.removesuffix('dashboard')}{name}")
        page.wait_for_load_state("networkidle")
    assert not refused


def test_an_operator_sees_blocks_and_no_secret_in_clear(gateway: GatewayRig, page: Page) -> None:
    """G12: the UI itself hides the value."""
    show(page, f"{gateway.url}/blocks", SECRET)
    assert gateway.canary not in page.content()


def test_a_page_has_a_live_websocket(gateway: GatewayRig, page: Page) -> None:
    """S0-21: of the gateway's own origin, with the operator's credential."""
    page.goto(f"{gateway.url}/dashboard")
    credential = gateway.credentials[OPERATOR]
    said = page.evaluate(OPEN_WEBSOCKET, ["/api/events/out", credential])
    assert "auth_success" in said
    assert page.evaluate(OPEN_WEBSOCKET, ["/api/events/out", "operator:x"]) == "closed 1008"


def test_jenkins_has_no_ui(browser: Browser, gateway: GatewayRig) -> None:
    """S0-12, G11: and is told so."""
    context = opened(browser, gateway, JENKINS)
    page = context.new_page()
    answer = page.goto(f"{gateway.url}/dashboard")
    assert answer
    assert (answer.status, answer.headers[WORD.lower()]) == (403, "refused")
    context.close()
