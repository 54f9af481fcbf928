"""The nginx of the tests: with njs, out of Debian's packages, unpacked and never installed.

Nothing of the machine changes, and no service is started.
"""

import os
import subprocess
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from slipway.cli.stack.packages import obtain
from slipway.errors import SlipwayError
from tests.workers import HOME, locked

UNPACKED = "unpacked"
PACKAGES = ("libnginx-mod-http-js", "libnginx-mod-stream-js", "nginx")


@dataclass(frozen=True)
class Nginx:
    """Attributes: binary, and the folder of its modules."""

    binary: Path
    modules: Path

    @property
    def environment(self) -> dict[str, str]:
        """What docker/gateway/start.sh is told of it."""
        return {"GATEWAY_NGINX": str(self.binary), "GATEWAY_MODULES": str(self.modules)}


@cache
def find_nginx() -> Nginx | None:
    """nginx with njs; nothing, with the reason on the terminal, where it cannot be had."""
    home = Path(os.environ[HOME]) / "nginx"
    found = Nginx(home / "usr/sbin/nginx", home / "usr/lib/nginx/modules")
    try:
        with locked("nginx"):
            if not (home / UNPACKED).exists():
                unpack(home)
    except (SlipwayError, OSError, subprocess.CalledProcessError) as error:
        print(f"no nginx here: {error}")
        return None
    return found


def unpack(home: Path) -> None:
    for deb in obtain(PACKAGES, home / "cache"):
        if deb.name.startswith(("nginx_", "libnginx-")):
            subprocess.run(["dpkg-deb", "--extract", str(deb), str(home)], check=True)
    (home / UNPACKED).touch()
