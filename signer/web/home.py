"""The start page, the short guide, and the choices of language and of light or dark."""

from flask import Blueprint, redirect, request
from flask.typing import ResponseReturnValue

from signer.web.access import public, safe_next

blueprint = Blueprint("home", __name__, template_folder="templates")

_YEAR = 365 * 24 * 3600


@blueprint.get("/language/<any(vi, en):code>")
@public
def choose_language(code: str) -> ResponseReturnValue:
    """The visitor goes on reading in that language."""
    return _remembered("lang", code)


@blueprint.get("/theme/<any(light, dark):theme>")
@public
def choose_theme(theme: str) -> ResponseReturnValue:
    """The visitor goes on reading on that ground; app.js does the same without a request."""
    return _remembered("theme", theme)


def _remembered(name: str, value: str) -> ResponseReturnValue:
    answer = redirect(safe_next(request.args.get("next")))
    answer.set_cookie(name, value, max_age=_YEAR, samesite="Lax", path="/")
    return answer
