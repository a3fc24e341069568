"""Style sheets, scripts and fonts: our own, and those of the installed packages."""

import hashlib
from dataclasses import dataclass
from functools import cache
from importlib.metadata import distribution
from pathlib import Path

from flask import Flask, Response, send_file, url_for

from signer.doors import PUBLIC
from signer.errors import N_, NotFound
from signer.web.pages import Pages

blueprint = Pages("assets", __name__)

_YEAR = 365 * 24 * 3600
_OWN = Path(__file__).parent / "static"
_OWN_TYPES = (".css", ".js", ".svg")
_FONT_FOLDER = "fontpkg_be_vietnam_pro/files"
_PACKAGED = {
    "bootstrap.css": ("bootstrap-flask", "flask_bootstrap/static/bootstrap5/css/bootstrap.min.css"),
    "htmx.js": ("django-js-lib-htmx", "js_lib_htmx/static/htmx/htmx.min.js"),
    "fonts/400.ttf": ("fontpkg-be-vietnam-pro", f"{_FONT_FOLDER}/BeVietnamPro-Regular.ttf"),
    "fonts/500.ttf": ("fontpkg-be-vietnam-pro", f"{_FONT_FOLDER}/BeVietnamPro-Medium.ttf"),
    "fonts/600.ttf": ("fontpkg-be-vietnam-pro", f"{_FONT_FOLDER}/BeVietnamPro-SemiBold.ttf"),
    "fonts/700.ttf": ("fontpkg-be-vietnam-pro", f"{_FONT_FOLDER}/BeVietnamPro-Bold.ttf"),
}
"""Name in our address → (distribution, file in it). Nothing else of a package is served."""


@dataclass(frozen=True, kw_only=True)
class _Shelf:
    files: dict[str, Path]
    digest: str


def register(app: Flask) -> None:
    """Templates know `asset("app.css")`; a package that is missing stops the start, not a page."""
    _shelf()
    app.jinja_env.globals["asset"] = address_of


def address_of(name: str) -> str:
    """The address of a file; it changes when any file does, so browsers may keep it for a year."""
    return url_for("assets.show", digest=_shelf().digest, name=name)


@blueprint.page("/assets/<digest>/<path:name>", PUBLIC)
def show(digest: str, name: str) -> Response:
    """One file of the shelf."""
    file = _shelf().files.get(name)
    if file is None:
        raise NotFound(N_("Không tìm thấy tệp này."))
    response = send_file(file, max_age=_YEAR if digest == _shelf().digest else 0)
    if digest == _shelf().digest:
        response.cache_control.public = True
        response.cache_control.immutable = True
    return response


@cache
def _shelf() -> _Shelf:
    """Every file that is served, under one digest, so that they may name each other relatively."""
    files = {
        str(file.relative_to(_OWN)): file
        for file in sorted(_OWN.rglob("*"))
        if file.suffix in _OWN_TYPES
    }
    for name, (package, inside) in _PACKAGED.items():
        files[name] = Path(str(distribution(package).locate_file(inside))).resolve(strict=True)
    digest = hashlib.sha256()
    for name, file in files.items():
        digest.update(name.encode() + hashlib.sha256(file.read_bytes()).digest())
    return _Shelf(files=files, digest=digest.hexdigest()[:12])
