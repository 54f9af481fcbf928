"""docs/integrate.md names exactly the variables that there are."""

import re
from pathlib import Path

from slipway.settings import BuildSettings
from tasks.handover import FILES


def test_every_variable_is_described() -> None:
    text = Path("docs/integrate.md").read_text()
    told = re.findall(r"^\| `SLIPWAY_BUILD_(\w+)` \|", text, re.MULTILINE)
    assert sorted(told) == sorted(name.upper() for name in BuildSettings.model_fields)


def test_every_file_is_described() -> None:
    text = Path("docs/integrate.md").read_text()
    for pattern in FILES:
        assert re.search(re.escape(pattern).replace(r"\*", "<[a-z]+>"), text), pattern
