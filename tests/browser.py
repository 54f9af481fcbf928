"""The browser of the tests: Chromium on PATH, else the distribution's, installed where we may."""

import os
import shutil
import subprocess
from functools import cache
from pathlib import Path

INSTALL = (
    ["apt-get", "update", "--quiet"],
    ["apt-get", "install", "--yes", "--quiet", "--no-install-recommends", "chromium"],
)
LONGEST_SECONDS = 600


@cache
def find_chromium() -> str | None:
    """Path of Chromium; where it is missing, root on Debian or Ubuntu gets it installed."""
    if not shutil.which("chromium") and os.geteuid() == 0 and Path("/etc/debian_version").exists():
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        for argv in INSTALL:
            print(f"no chromium here: {' '.join(argv)}")
            subprocess.run(
                argv, env=environment, check=False, timeout=LONGEST_SECONDS, capture_output=True
            )
    return shutil.which("chromium")
