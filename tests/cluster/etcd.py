"""Prints what etcd holds below a prefix: JSON, from each key to its value in base64.

python etcd.py PREFIX     in the network of the cluster
"""

import base64
import json
import sys
import urllib.request

URL = "http://127.0.0.1:2379/v3/kv/range"


def encoded(text: bytes) -> str:
    return base64.b64encode(text).decode()


def end_of(prefix: bytes) -> bytes:
    """The first key after all that begin with the prefix, as etcd wants it."""
    return prefix[:-1] + bytes([prefix[-1] + 1])


def content(prefix: bytes) -> dict[str, str]:
    """Pairs below the prefix, through etcd's own JSON gateway."""
    body = json.dumps({"key": encoded(prefix), "range_end": encoded(end_of(prefix))}).encode()
    request = urllib.request.Request(URL, data=body)
    with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310
        pairs = json.load(answer).get("kvs", [])
    return {base64.b64decode(pair["key"]).decode(): pair["value"] for pair in pairs}


if __name__ == "__main__":
    json.dump(content(sys.argv[1].encode()), sys.stdout)
