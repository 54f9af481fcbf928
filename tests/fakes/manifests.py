"""Small manifests that keep every rule, as packed in a candidate."""

import json

from slipway.canonical import JsonObject
from slipway.manifests import pack


def deployment(name: str, **pod: object) -> JsonObject:
    labels = {"app.kubernetes.io/name": name}
    container = {"name": name, "image": name}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name},
        "spec": {
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": labels},
                "spec": {"containers": [container], **pod},
            },
        },
    }


def service(name: str, port: int = 80) -> JsonObject:
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name},
        "spec": {
            "selector": {"app.kubernetes.io/name": name},
            "ports": [{"port": port, "targetPort": "http"}],
        },
    }


def packed(*documents: JsonObject) -> bytes:
    return pack("deploy", {f"{n}.yaml": json.dumps(d).encode() for n, d in enumerate(documents)})


def bundle(*images: str, front: str = "web", port: int = 80) -> bytes:
    """A Deployment of each image, and the Service of the front."""
    return packed(*map(deployment, images or (front,)), service(front, port))
