"""What users call."""

from http import HTTPStatus
from typing import Any

from flask import Blueprint, abort, current_app, jsonify, request
from flask.typing import ResponseReturnValue
from itsdangerous import BadSignature, SignatureExpired

from links.signing import serializer

links = Blueprint("links", __name__, url_prefix="/api")


@links.get("/")
def about() -> ResponseReturnValue:
    return jsonify(service="links", version=current_app.config["VERSION"])


@links.post("/links")
def create() -> ResponseReturnValue:
    """Body `{"file": NAME}`; answers 201 with the link's token."""
    body: Any = request.get_json(silent=True)
    if not isinstance(body, dict) or not isinstance(body.get("file"), str) or not body["file"]:
        abort(HTTPStatus.UNPROCESSABLE_ENTITY, "file: a name is required")
    return jsonify(token=serializer().dumps(body["file"])), HTTPStatus.CREATED


@links.get("/links/<token>")
def read(token: str) -> ResponseReturnValue:
    """The file that a link stands for; 410 when it ran out, 404 when it is forged."""
    try:
        name = serializer().loads(token, max_age=current_app.config["LIFETIME"])
    except SignatureExpired:
        abort(HTTPStatus.GONE, "the link ran out")
    except BadSignature:
        abort(HTTPStatus.NOT_FOUND, "no such link")
    return jsonify(file=name)
