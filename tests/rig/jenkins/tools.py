"""The programs of the lane `jenkins`: Java, and the Groovy that Jenkins embeds (2.4).

Debian's `groovy` is that version; where it is missing, root on Debian gets it installed.
"""

import os
import shutil
import subprocess
from functools import cache
from pathlib import Path

GROOVY = Path("/usr/share/java/groovy-all.jar")
INSTALL = (
    ["apt-get", "update", "--quiet"],
    *(
        ["apt-get", "install", "--yes", "--quiet", "--no-install-recommends", package]
        for package in ("default-jre-headless", "groovy")
    ),
)
LONGEST_SECONDS = 600


@cache
def lacks_groovy() -> str | None:
    """What is missing and the next step, or nothing."""
    if not _is_there() and os.geteuid() == 0 and Path("/etc/debian_version").exists():
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        for argv in INSTALL:
            print(f"no groovy here: {' '.join(argv)}")
            subprocess.run(
                argv, env=environment, check=False, timeout=LONGEST_SECONDS, capture_output=True
            )
    return None if _is_there() else f"no java, or no {GROOVY}: apt-get install groovy"


def _is_there() -> bool:
    return shutil.which("java") is not None and GROOVY.exists()


def groovy(script: Path) -> list[str]:
    """How a Groovy script is run, with the classes beside it; its arguments follow."""
    path = f"{GROOVY}:{script.parent}"
    quick = ["-Xshare:auto", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC"]
    return ["java", *quick, "-cp", path, "groovy.ui.GroovyMain", str(script)]
