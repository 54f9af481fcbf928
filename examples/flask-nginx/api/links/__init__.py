"""Short-lived download links, signed by the server: a Flask API."""

import os
from pathlib import Path

from flask import Flask

from links import operations, views

__version__ = "1.0.0"


def create_app(secrets: Path = Path("/run/secrets")) -> Flask:
    """The application factory; `secrets` holds one file per runtime secret."""
    app = Flask(__name__)
    app.config["SECRETS"] = secrets
    app.config["LIFETIME"] = int(os.environ.get("LINKS_LIFETIME_SECONDS", "3600"))
    app.config["VERSION"] = __version__
    app.register_blueprint(views.links)
    app.register_blueprint(operations.operations)
    return app
