"""A small advisory database in Trivy's own format, for machines without the public one.

The schema is that of trivy-db version 2: bucket `data-source`, one bucket per platform with one
per package, and `vulnerability` with the details. A label file beside it says that it is a
demo database; whoever shows a verdict made with it has to say so.
"""

import json
import tomllib
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from slipway.cli.stack.bolt import Tree, write_database

ADVISORIES = Path(__file__).with_name("advisories.toml")
LABEL_FILE = "slipway-database.json"
DEMO_LABEL = "demo advisory database"
VALID_FOR = timedelta(days=1)

_PIP = "pip::GitHub Security Advisory Pip"
_DEBIAN = "debian 12"
_SOURCES = {
    _DEBIAN: {
        "ID": "debian",
        "Name": "Debian Security Tracker (demo excerpt)",
        "URL": "https://security-tracker.debian.org",
    },
    _PIP: {
        "ID": "ghsa",
        "Name": "GitHub Security Advisory Pip (demo excerpt)",
        "URL": "https://github.com/advisories?query=ecosystem%3Apip",
    },
}
_SEVERITIES = {"LOW": 1, "MEDIUM": 2, "HIGH": 3, "CRITICAL": 4}
_WILL_NOT_FIX = 5  # a status of trivy-db: known, and no fixed version will come

Advisory = dict[str, Any]


def database_tree(advisories: list[Advisory]) -> Tree:
    """The buckets for these advisories (see `advisories.toml` for their shape)."""
    pip: dict[str, dict[str, bytes]] = {}
    debian: dict[str, dict[str, bytes]] = {}
    for advisory in advisories:
        if "python" in advisory:
            ranges = {
                "VulnerableVersions": advisory["vulnerable"],
                "PatchedVersions": advisory["patched"],
            }
            pip.setdefault(advisory["python"], {})[advisory["id"]] = _json(ranges)
        else:
            fixed = advisory.get("fixed")
            state = {"FixedVersion": fixed} if fixed else {"Status": _WILL_NOT_FIX}
            debian.setdefault(advisory["debian"], {})[advisory["id"]] = _json(state)
    return {
        "data-source": {platform: _json(source) for platform, source in _SOURCES.items()},
        _PIP: pip,
        _DEBIAN: debian,
        "vulnerability": {advisory["id"]: _json(_details(advisory)) for advisory in advisories},
    }


def write_demo_database(cache: Path, now: datetime, source: Path = ADVISORIES) -> str:
    """Write the database below a Trivy cache folder and return its label."""
    advisories = tomllib.loads(source.read_text())["advisory"]
    folder = cache / "db"
    folder.mkdir(parents=True, exist_ok=True)
    write_database(folder / "trivy.db", database_tree(advisories))
    times = {"UpdatedAt": now, "NextUpdate": now + VALID_FOR, "DownloadedAt": now}
    metadata = {"Version": 2, **{name: _time(time) for name, time in times.items()}}
    (folder / "metadata.json").write_text(json.dumps(metadata))
    label = f"{DEMO_LABEL}, {len(advisories)} advisories"
    (cache / LABEL_FILE).write_text(json.dumps({"label": label, "demo": True}))
    return label


def _details(advisory: Advisory) -> dict[str, Any]:
    identifier = advisory["id"]
    return {
        "Title": advisory["title"],
        "Description": f"{advisory['title']} ({DEMO_LABEL})",
        "Severity": advisory["severity"],
        "VendorSeverity": {"nvd": _SEVERITIES[advisory["severity"]]},
        "CVSS": {"nvd": {"V3Score": advisory["score"]}},
        "References": [f"https://nvd.nist.gov/vuln/detail/{identifier}"],
    }


def _time(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _json(value: object) -> bytes:
    return json.dumps(value, sort_keys=True).encode()
