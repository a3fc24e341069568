"""Who may open which page: every view wears one mark, and a view without a mark is closed."""

from urllib.parse import urlsplit

from flask import Flask, Response, current_app, g, make_response, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_wtf.csrf import CSRFProtect
from werkzeug.exceptions import BadRequest, NotFound

from signer.accounts import Actor
from signer.doors import LARGEST_ID, access_of
from signer.errors import N_, Forbidden
from signer.services import services

csrf = CSRFProtect()
"""Checked by `guard`, so that it covers this door and leaves the JSON door's tokens alone."""

_TAKE_FILES = (
    *("dossiers.create", "roster.check", "scoring.set_score", "verify.verify"),
    *("outside.upload", "outside.bring_list", "signature_image.store"),
    "own_seals.store_image",
)
_FORM_BYTES = 1024 * 1024
"""More than any form without a file; files would go to this machine's disk before a view runs."""


def register(app: Flask, blueprints: frozenset[str]) -> None:
    """Every request to these blueprints, or to no view at all, passes `guard` first."""
    secure = is_behind_tls(app)
    app.config.update(
        SESSION_COOKIE_NAME="__Host-signer_form" if secure else "signer_form",
        SESSION_COOKIE_SECURE=secure,
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        WTF_CSRF_CHECK_DEFAULT=False,  # `guard` asks for the check itself
        WTF_CSRF_TIME_LIMIT=None,  # a form is as good as the browser session it was opened in
    )
    csrf.init_app(app)

    @app.before_request
    def _guard() -> ResponseReturnValue | None:
        lost = request.endpoint is None and not request.path.startswith("/api/")
        return guard() if lost or request.blueprint in blueprints else None


def guard() -> ResponseReturnValue | None:
    """Sets `g.actor`, then lets the request through, sends it to log in, or raises `Forbidden`."""
    g.actor = None
    view = current_app.view_functions.get(request.endpoint or "")
    if request.blueprint == "assets":
        return None
    _check_address()
    g.actor = _actor_of_cookie()
    if view is None:
        return None  # the page that says so is about to be shown
    access = access_of(view)
    if access is None:
        raise Forbidden(N_("Trang này chưa được mở cho ai."))
    if access.signed_in:
        if g.actor is None:
            return _elsewhere(url_for("accounts.login_page", next=_here()))
        if g.actor.must_change_password and not access.with_old_password:
            return _elsewhere(url_for("accounts.password_page"))
        if access.permission is not None:
            g.actor.require(access.permission)
    _check_form()
    csrf.protect()
    return None


def session_cookie() -> str:
    """The cookie that carries the session's token; the prefix binds it to this very host."""
    return "__Host-signer_session" if is_behind_tls(current_app) else "signer_session"


def remember(response: Response, token: str) -> None:
    """The browser keeps the token until it is closed; the server decides when it is too old."""
    response.set_cookie(
        session_cookie(),
        token,
        httponly=True,
        samesite="Lax",
        secure=is_behind_tls(current_app),
        path="/",
    )


def forget(response: Response) -> None:
    """The browser drops the token."""
    response.delete_cookie(
        session_cookie(), path="/", secure=is_behind_tls(current_app), httponly=True
    )


def is_behind_tls(app: Flask) -> bool:
    """True when people reach this installation over TLS."""
    with app.app_context():
        return services().settings.base_url.startswith("https://")


def safe_next(address: str | None) -> str:
    """The address if it is a path on this host, else the start page: no open redirect."""
    if not address or not address.startswith("/") or "\\" in address:
        return "/"
    parts = urlsplit(address)
    starts_another_host = address.startswith("//") or parts.scheme or parts.netloc
    return "/" if starts_another_host or any(ord(c) < 32 for c in address) else address


def actor() -> Actor:
    """The actor of a view that is not public."""
    found: Actor | None = g.actor
    if found is None:
        raise Forbidden(N_("Bạn cần đăng nhập để xem trang này."))
    return found


def _actor_of_cookie() -> Actor | None:
    token = request.cookies.get(session_cookie())
    return services().accounts.actor_of_session(token) if token else None


def _here() -> str:
    """Where to come back to after logging in; a form that was sent is not sent again."""
    if request.method != "GET":
        return "/"
    return request.full_path.removesuffix("?")


def _elsewhere(address: str) -> ResponseReturnValue:
    if request.headers.get("HX-Request"):  # a fragment is never replaced by a whole page
        response = make_response("", 401)
        response.headers["HX-Redirect"] = address
        return response
    return redirect(address)


def _check_address() -> None:
    """Raises for an address that names nothing; sets how much the body may have."""
    if request.endpoint not in _TAKE_FILES:
        request.max_content_length = _FORM_BYTES
    numbers = [value for value in (request.view_args or {}).values() if isinstance(value, int)]
    if any(number > LARGEST_ID for number in numbers):
        raise NotFound
    _refuse_nul(request.path)
    for _, text in request.args.items(multi=True):
        _refuse_nul(text)


def _check_form() -> None:
    """Raises for a form with a NUL, which PostgreSQL does not store; reads the body."""
    for _, text in request.form.items(multi=True):
        _refuse_nul(text)


def _refuse_nul(text: str) -> None:
    if "\0" in text:
        raise BadRequest
