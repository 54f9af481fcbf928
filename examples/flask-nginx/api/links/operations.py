"""What an operator asks: alive, ready, which version."""

import os
from http import HTTPStatus

from flask import Blueprint, current_app, jsonify
from flask.typing import ResponseReturnValue

from links.signing import KeyMissing, link_key

operations = Blueprint("operations", __name__)


@operations.get("/health")
def health() -> ResponseReturnValue:
    return jsonify(status="alive")


@operations.get("/ready")
def ready() -> ResponseReturnValue:
    """503 until the service can do its work, which needs its secret."""
    try:
        link_key()
    except KeyMissing as error:
        return jsonify(status="not ready", reason=str(error)), HTTPStatus.SERVICE_UNAVAILABLE
    return jsonify(status="ready")


@operations.get("/version")
def version() -> ResponseReturnValue:
    revision = os.environ.get("SLIPWAY_REVISION", "unknown")
    return jsonify(version=current_app.config["VERSION"], revision=revision)
