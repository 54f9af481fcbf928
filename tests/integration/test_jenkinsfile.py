"""The Jenkinsfile, run step by step against a real registry, engine, Prefect server and worker.

One team, one job; the tests are its days, in this order.
"""

from collections.abc import Iterator

import pytest

from tests.rig.jenkins.controller import URL, Built
from tests.rig.jenkins.world import REQUESTER, Team, team
from tests.rig.prefect_rig import PrefectRig

pytestmark = [pytest.mark.jenkins, pytest.mark.engine, pytest.mark.prefect]

STAGES = ["Checkout", "Setup", "Preview", "Integrate", "Register", "Release"]
RELEASE = ["Checkout", "Setup", "Integrate", "Register", "Release"]
PREFECT = {"prefect-api-url", "prefect-api-auth"}
BUILD = {*PREFECT, "docker-registry-credentials", "build-signing-key"}
REPORTS = {"image-digest.env", "trivy-report.json", "pytest-report.xml"}


@pytest.fixture(scope="module")
def shop(prefect_rig: PrefectRig, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Team]:
    """The team whose first release is out."""
    with team(prefect_rig, tmp_path_factory.mktemp("shop")) as made:
        made.commit("one")
        yield made


@pytest.fixture(scope="module")
def green(shop: Team) -> Built:
    """The first build of all."""
    return shop.build()


def check(shop: Team, built: Built, result: str, ran: list[str]) -> None:
    """What holds of every build: boxes, exit, no credential in any place, nothing left behind."""
    assert built.result == result, built.console
    assert built.ran == ran
    assert list(built.stages) == STAGES
    assert (built.code == 0) is (result == "SUCCESS")
    assert "Deployment Summary" in built.console
    assert f"{'Status:':15}{result}" in built.console
    assert ("BUILD FAILED" in built.console) is (result != "SUCCESS")
    assert shop.hits(built) == []
    check_mail(shop, built)
    workspace = shop.jenkins.folder / "workspace"
    assert not list((workspace / "shop").iterdir())
    assert not list((workspace / "shop@tmp").iterdir())


def check_mail(shop: Team, built: Built) -> None:
    """S2-22: one mail of each build that is trusted, with the boxes of its console."""
    mails = [message.get_content() for message in shop.mail.messages]
    shop.mail.raw.clear()
    assert len(mails) == ("Preview" not in built.ran)
    for text in mails:
        boxes = [line for line in text.splitlines() if line]
        assert boxes
        assert set(boxes) <= set(built.console.splitlines())
        assert ("BUILD FAILED" in text) is (built.result != "SUCCESS")


def served(shop: Team) -> list[str]:
    return [shop.app.answer(environment) for environment in ("dev", "prod")]


def told(shop: Team) -> list[tuple[str, str]]:
    """Commit statuses since the last call."""
    found = [(status["context"], status["state"]) for status in shop.github.statuses]
    shop.github.requests.clear()
    return found


def test_a_green_release(shop: Team, green: Built) -> None:
    """S0-03, S0-05, S2-01, S2-03, S2-13, S2-20, S2-21, S2-39, S2-43, DC-05, DC-07, N21: served."""
    check(shop, green, "SUCCESS", RELEASE)
    assert set(green.artifacts) >= REPORTS
    assert all(green.artifacts.values())
    assert green.report["tests"] == {"total": 1, "failed": 0, "skipped": 0}
    digests = (green.archive / "image-digest.env").read_text()
    candidate = digests.partition("CANDIDATE=")[2].splitlines()[0]
    assert candidate.rpartition("@")[2] in green.console
    assert "images of builds removed from the engine" in green.console
    assert served(shop) == ["one", "one"]
    assert green.credentials["Integrate"] == {*BUILD, "git-credentials"}
    assert green.credentials["Register"] == PREFECT
    assert green.credentials["Release"] == {*PREFECT, "git-credentials"}
    after = green.credentials["Declarative: Post Actions"]
    assert after == {*PREFECT, "build-mail-credentials"}
    assert told(shop) == [
        ("slipway/build", "pending"),
        ("slipway/scan", "pending"),
        ("slipway/build", "success"),
        ("slipway/scan", "success"),
        ("slipway/release", "pending"),
        ("slipway/release", "success"),
    ]


def test_a_red_build(shop: Team, green: Built) -> None:
    """S2-10, S2-28, S2-29, S1-03: a failing test of the app; nothing is released."""
    told(shop)
    shop.commit("red", claim="1 == 2")
    built = shop.build()
    check(shop, built, "FAILURE", ["Checkout", "Setup", "Integrate"])
    assert built.report["tests"] == {"total": 1, "failed": 1, "skipped": 0}
    assert set(built.artifacts) == {"pytest-report.xml", "junit-1.xml", "failure.json"}
    box = built.console.partition("BUILD FAILED")[2]
    assert f"{'Stage:':15}Integrate (test)" in box
    assert f"{'Issue:':15}build issue" in box
    assert "no sums today" in box
    assert f"{'Console:':15}{URL}2/console" in box
    assert told(shop)[-2:] == [("slipway/build", "failure"), ("slipway/scan", "failure")]
    assert served(shop) == ["one", "one"]


def test_a_red_scan(shop: Team, green: Built) -> None:
    """S2-45: what has a known hole is no candidate; the report is kept all the same."""
    shop.commit("holes", bad=True)
    built = shop.build()
    check(shop, built, "FAILURE", ["Checkout", "Setup", "Integrate"])
    assert "trivy-report.json" in built.artifacts
    assert "image-digest.env" not in built.artifacts
    box = built.console.partition("BUILD FAILED")[2]
    assert "flask" in box
    assert f"{'Issue:':15}build issue" in box
    assert served(shop) == ["one", "one"]


def test_a_red_release_is_rolled_back(shop: Team, green: Built) -> None:
    """S2-29, S2-34: what dies on the target is a runtime issue; what served serves again."""
    shop.commit("bad", mode="crash")
    built = shop.build()
    check(shop, built, "FAILURE", RELEASE)
    assert set(built.artifacts) >= REPORTS
    box = built.console.partition("BUILD FAILED")[2]
    assert f"{'Stage:':15}Release" in box
    assert f"{'Issue:':15}runtime issue" in box
    assert "crash loop" in box
    assert told(shop)[-1] == ("slipway/release", "failure")
    assert served(shop) == ["one", "one"]


def test_a_promote_and_a_rollback(shop: Team, green: Built) -> None:
    """S2-18, S2-19, S2-26, S2-27, S2-41: modes of their own; the same digest, nothing is built."""
    shop.commit("two")
    assert shop.app.deploy(shop.integrate()) == "COMPLETED"
    assert served(shop) == ["two", "one"]
    promoted = shop.build(MODE="promote", APP=shop.app.name, FROM="dev", TO="prod")
    check(shop, promoted, "SUCCESS", ["Checkout", "Setup", "Release"])
    assert served(shop) == ["two", "two"]
    back = shop.build(MODE="rollback", APP=shop.app.name, TO="prod")
    check(shop, back, "SUCCESS", ["Checkout", "Setup", "Release"])
    assert served(shop) == ["two", "one"]
    for built in (promoted, back):
        assert built.credentials["Release"] == {*PREFECT, "git-credentials"}
        assert built.artifacts == {}
    asked = [record.body.get("requested_by") for record in shop.app.ledger("prod").records()]
    assert asked.count(REQUESTER) >= 2


@pytest.mark.parametrize(
    "variables", [{"BRANCH_NAME": "PR-7", "CHANGE_ID": "7"}, {"BRANCH_NAME": "topic"}]
)
def test_a_preview_gets_no_credential(shop: Team, green: Built, variables: dict[str, str]) -> None:
    """S2-30: a branch or pull request is tested, built, scanned; nothing is bound for it."""
    shop.commit(f"preview {len(variables)}")
    with shop.agent.tier().registry() as registry:
        before = registry.tags(f"{shop.app.name}/web")
        told(shop)
        built = shop.build(variables)
        assert registry.tags(f"{shop.app.name}/web") == before
    check(shop, built, "SUCCESS", ["Checkout", "Setup", "Preview"])
    assert built.credentials == {}
    assert set(built.artifacts) >= {"trivy-report.json", "pytest-report.xml"}
    assert "image-digest.env" not in built.artifacts
    assert told(shop) == []
