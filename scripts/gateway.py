"""What nginx reads of docker/gateway/routes.yaml.

python scripts/gateway.py          write routes.conf and table.js beside it
python scripts/gateway.py --check  exit 1 unless they are up to date
"""

import sys
from pathlib import Path

from slipway.gateway import parse_table, render_map, render_script

FOLDER = Path(__file__).resolve().parents[1] / "docker" / "gateway"


def main(arguments: list[str]) -> int:
    table = parse_table((FOLDER / "routes.yaml").read_bytes())
    wanted = {"routes.conf": render_map(table), "table.js": render_script(table)}
    files = {FOLDER / name: text for name, text in wanted.items()}
    if arguments == ["--check"]:
        return int(any(not p.exists() or p.read_text() != text for p, text in files.items()))
    for path, text in files.items():
        path.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
