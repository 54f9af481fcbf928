"""The container's own check: exit 0 when `/ready` answers 200. Needs no shell and no curl."""

import sys
import urllib.request

URL = "http://127.0.0.1:8000/ready"


def main() -> int:
    try:
        with urllib.request.urlopen(URL, timeout=2) as answer:
            return 0 if answer.status == 200 else 1
    except OSError as error:
        print(f"{URL}: {error}")
        return 1


if __name__ == "__main__":
    sys.exit(main())
