"""The browser of the tests: Chromium on PATH, else the distribution's, installed where we may."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.workers import locked

INSTALL = (
    ["apt-get", "update", "--quiet"],
    ["apt-get", "install", "--yes", "--quiet", "--no-install-recommends", "chromium"],
)
LONGEST_SECONDS = 600
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
    with sync_playwright() as playwright:
        made = playwright.chromium.launch(executable_path=chromium, args=list(FLAGS))
        yield made
        made.close()
