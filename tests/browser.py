"""The browser of the tests: Chromium on PATH, else the distribution's, installed where we may."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.workers import locked

INSTALL = (
    ["apt-get", "update", "--quiet"],
    ["apt-get", "install", "--yes", "--quiet", "--no-install-recommends", "chromium"],
)
LONGEST_SECONDS = 600
SHOWN_MILLIS = 40_000
LOADS = 3
FLAGS = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update"),
)


@cache
def find_chromium() -> str | None:
    """Path of Chromium; where it is missing, root on Debian or Ubuntu gets it installed."""
    with locked("installing"):
        is_there = shutil.which("chromium") is not None
        if not is_there and os.geteuid() == 0 and Path("/etc/debian_version").exists():
            install_chromium()
    return shutil.which("chromium")


def install_chromium() -> None:
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for argv in INSTALL:
        print(f"no chromium here: {' '.join(argv)}")
        subprocess.run(
            argv, env=environment, check=False, timeout=LONGEST_SECONDS, capture_output=True
        )


@contextmanager
def open_browser() -> Iterator[Browser]:
    """Chromium without a window; a test that needs it says why it cannot run."""
    chromium = find_chromium()
    if not chromium:
        pytest.skip("no chromium on PATH: apt-get install chromium")
    expect.set_options(timeout=SHOWN_MILLIS)
    with sync_playwright() as playwright:
        made = playwright.chromium.launch(executable_path=chromium, args=list(FLAGS))
        yield made
        made.close()


def show(page: Page, url: str, text: str) -> None:
    """Open a page until it shows the text; as a person would, load it again where it does not.

    A busy server answers a page's first requests with 503, after which it stays as it is.

    Raises:
        AssertionError: it shows something else each time; with what it shows.
    """
    for _ in range(LOADS - 1):
        page.goto(url)
        try:
            expect(page.get_by_text(text).first).to_be_visible()
        except AssertionError:
            continue
        return
    page.goto(url)
    shown = page.get_by_text(text).first
    expect(shown, page.inner_text("body")).to_be_visible()
