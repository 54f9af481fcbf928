"""The container's own check: exit 0 when `/ready` answers 200. Needs no shell and no curl."""

import http.client
import sys


def main() -> int:
    connection = http.client.HTTPConnection("127.0.0.1", 8000, timeout=2)
    try:
        connection.request("GET", "/ready")
        answer = connection.getresponse()
    except (OSError, http.client.HTTPException) as error:
        print(f"/ready: {error}")
        return 1
    print(f"/ready: {answer.status} {answer.read(200).decode(errors='replace')}")
    return 0 if answer.status == http.client.OK else 1


if __name__ == "__main__":
    sys.exit(main())
