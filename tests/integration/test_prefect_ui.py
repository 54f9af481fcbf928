"""The real UI in headless Chromium: what an operator sees, and that nothing hostile is alive in it.

SLIPWAY_TEST_SCREENSHOTS=FOLDER keeps the pictures for the docs.
"""

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from slipway.ledger import Kind
from tests.browser import open_browser, show
from tests.rig.prefect_rig import App, PrefectRig

pytestmark = [pytest.mark.prefect, pytest.mark.timeout(400)]
SLOW = 60_000
HOSTILE = "<img src=x onerror=document.title=1>[x](javascript:1)"


@dataclass(frozen=True)
class Story:
    """Two releases, a broken one, a drill, and a release that waits at the gate of production."""

    app: App
    release: str
    waiting: str
    failed: str


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with open_browser() as made:
        yield made


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    page = browser.new_page(viewport={"width": 1280, "height": 800})
    page.set_default_timeout(SLOW)
    yield page
    page.close()


@pytest.fixture(scope="module")
def story(prefect_rig: PrefectRig) -> Iterator[Story]:
    name = "shop" if os.environ.get("SLIPWAY_TEST_SCREENSHOTS") else f"t{os.getpid()}"
    app = App(prefect_rig, name=name)
    try:
        yield tell(prefect_rig, app)
    finally:
        app.close()


def tell(rig: PrefectRig, app: App) -> Story:
    for version in (HOSTILE, "two"):
        run = rig.start_run(
            "release/release",
            candidate=app.candidate(version, timeout="20m"),
            through="stage",
            requested_by="ci",
        )
        assert rig.final_state(run, 200)["type"] == "COMPLETED"
    broken = app.candidate("broken", "never-ready", deadline="6s")
    failed = rig.start_run("deploy/deploy", candidate=broken, environment="dev")
    assert rig.final_state(failed)["type"] == "FAILED"
    drill = rig.start_run("rollback_drill/rollback_drill", environment="stage", app=app.name)
    assert rig.final_state(drill)["type"] == "COMPLETED"
    three = app.candidate("three", timeout="20m")
    release = rig.start_run("release/release", candidate=three, requested_by="ci")
    app.await_record("prod", lambda record: record.kind is Kind.REQUESTED, 120)
    return Story(app, release, paused(rig, app), failed)


def paused(rig: PrefectRig, app: App) -> str:
    for _ in range(60):
        runs = rig.runs(state={"type": {"any_": ["PAUSED"]}}, tags={"all_": [f"app:{app.name}"]})
        if runs:
            return str(runs[0]["id"])
        time.sleep(0.5)
    raise TimeoutError("no run is paused")


def keep(page: Page, name: str) -> None:
    folder = os.environ.get("SLIPWAY_TEST_SCREENSHOTS")
    if folder:
        page.wait_for_timeout(1500)
        page.screenshot(path=Path(folder) / f"{name}.png")


def artifact(rig: PrefectRig, key: str, containing: str = "") -> str:
    body = {"artifacts": {"key": {"any_": [key]}}, "sort": "CREATED_DESC"}
    found = [a for a in rig.post("/artifacts/filter", body) if containing in str(a["data"])]
    return f"{rig.settings.prefect_url}/artifacts/artifact/{found[0]['id']}"


def test_release_shows_its_environments(prefect_rig: PrefectRig, story: Story, page: Page) -> None:
    name = story.app.name
    run = f"{prefect_rig.settings.prefect_url}/runs/flow-run/{story.release}"
    show(page, run, f"release {name}")
    expect(page.get_by_text(f"app:{name}").first).to_be_visible()
    keep(page, "prefect-release")
    page.get_by_text("Subflow Runs", exact=True).click()
    for environment in ("dev", "stage", "prod"):
        part = page.get_by_text(f"{environment}", exact=False).filter(has_text=f"deploy {name}")
        expect(part.first).to_be_visible()


def test_gate_shows_the_plan_and_one_field(
    prefect_rig: PrefectRig, story: Story, page: Page
) -> None:
    show(page, f"{prefect_rig.settings.prefect_url}/runs/flow-run/{story.waiting}", "Resume")
    page.get_by_role("button", name="Resume").first.click()
    expect(page.get_by_text(f"Approve {story.app.name}/prod").first).to_be_visible()
    expect(page.get_by_text("slipway approve --app").first).to_be_visible()
    expect(page.get_by_text("Signed approval").first).to_be_visible()
    keep(page, "prefect-gate")


def test_failure_is_explained(prefect_rig: PrefectRig, story: Story, page: Page) -> None:
    show(page, artifact(prefect_rig, f"release--{story.app.name}--dev", "failed"), "cause")
    for words in ("cause", "probe (runtime issue)", "next"):
        expect(page.get_by_text(words, exact=True).first).to_be_visible()
    keep(page, "prefect-failure")


def test_plan_is_a_difference_in_which_nothing_hostile_lives(
    prefect_rig: PrefectRig, story: Story, page: Page
) -> None:
    """G5: a config value full of markup is shown as the text it is."""
    show(page, artifact(prefect_rig, f"plan--{story.app.name}--stage", "onerror"), "VERSION")
    expect(page.get_by_role("cell", name="web.config.VERSION")).to_be_visible()
    expect(page.get_by_role("cell", name="<img src=x onerror").first).to_be_visible()
    assert page.locator("img[src='x']").count() == 0
    assert page.locator("a[href^='javascript']").count() == 0
    assert page.title() != "1"


def test_plan_of_a_plain_change(prefect_rig: PrefectRig, story: Story, page: Page) -> None:
    page.goto(artifact(prefect_rig, f"plan--{story.app.name}--dev", "broken"))
    expect(page.get_by_role("cell", name="web.config.MODE")).to_be_visible()
    keep(page, "prefect-plan")


def test_drill_trend_is_a_table(prefect_rig: PrefectRig, story: Story, page: Page) -> None:
    page.goto(artifact(prefect_rig, f"drill--{story.app.name}--stage"))
    expect(page.get_by_role("columnheader", name="Restore ms")).to_be_visible()
    expect(page.get_by_role("cell", name="60000")).to_be_visible()
    keep(page, "prefect-drill")


def test_history_of_an_environment_is_its_artifact(
    prefect_rig: PrefectRig, story: Story, page: Page
) -> None:
    key = f"release--{story.app.name}--dev"
    page.goto(f"{prefect_rig.settings.prefect_url}/artifacts/key/{key}")
    runs = page.get_by_text(f"deploy {story.app.name}")
    expect(runs.nth(3)).to_be_visible()
    keep(page, "prefect-history")


def test_form_of_a_deployment_is_titled(prefect_rig: PrefectRig, story: Story, page: Page) -> None:
    with prefect_rig.api as api:
        found = api.get("/deployments/name/rollback/rollback").json()
    page.goto(f"{prefect_rig.settings.prefect_url}/deployments/deployment/{found['id']}/run")
    for words in ("App", "Environment", "Back to (Optional)", "Reason (Optional)"):
        expect(page.get_by_text(words, exact=True).first).to_be_visible()
    keep(page, "prefect-form")
