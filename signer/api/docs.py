"""The description of the API: an OpenAPI 3.1 document, and a page to read and try it.

The page's script and style come from the installed package `flask-swagger-ui`; the few lines that
start it are a file of our own, because the content security policy allows no inline script.
"""

from pathlib import Path
from typing import Any

import flask_swagger_ui
from flask import Blueprint, Flask, Response, current_app, render_template, send_from_directory
from flask.json import dumps
from flask_babel import get_locale

from signer.api import problems
from signer.api.access import authenticate
from signer.doors import PUBLIC, marked
from signer.errors import N_, NotFound

blueprint = Blueprint(
    "api_docs", __name__, url_prefix="/api", template_folder="templates", static_folder=None
)
blueprint.before_request(authenticate)
problems.register_on(blueprint)

ASSETS = ("swagger-ui.css", "swagger-ui-bundle.js", "favicon-32x32.png")
_DIST = Path(flask_swagger_ui.__file__).parent / "dist"
_OWN = Path(__file__).parent / "static"
_OWN_ASSETS = ("docs.js", "docs.css")
_DOCUMENT = "signer-openapi"


def serve(app: Flask, document: dict[str, Any]) -> None:
    """The application answers with this document."""
    app.extensions[_DOCUMENT] = dumps(document, indent=1, ensure_ascii=False)
    app.register_blueprint(blueprint)


@blueprint.get("/openapi.json")
def openapi() -> Response:
    """The OpenAPI document."""
    answer = Response(current_app.extensions[_DOCUMENT], content_type="application/json")
    answer.headers["Cache-Control"] = "public, max-age=300"
    return answer


@blueprint.get("/docs")
def page() -> str:
    """A page to read and try every operation."""
    return render_template("api/docs.html", language=str(get_locale()))


@blueprint.get("/docs/<path:name>")
def asset(name: str) -> Response:
    """A script, a style or a picture of the page."""
    folder = _OWN if name in _OWN_ASSETS else _DIST
    if name not in ASSETS + _OWN_ASSETS:
        raise NotFound(N_("Không có địa chỉ này trong giao diện lập trình."))
    answer = send_from_directory(folder, name, max_age=3600)
    answer.headers["Cache-Control"] = "public, max-age=3600"
    return answer


for _view in (openapi, page, asset):
    marked(_view, PUBLIC)
