"""Who may call what: every operation names its access, and one without a name is closed.

Callers show a bearer token (RFC 6750); cookies are not looked at, so that no other site can make
a browser act here.
"""

from flask import current_app, g, request

from signer.accounts import Actor
from signer.api.problems import Unauthorized
from signer.doors import access_of
from signer.errors import N_, Forbidden
from signer.services import services


def authenticate() -> None:
    """Sets `g.actor` and raises unless the caller may begin this operation."""
    g.actor = None
    access = access_of(current_app.view_functions[request.endpoint or ""])
    if access is None:
        raise Forbidden(N_("Thao tác này chưa được mở cho ai."))
    token = bearer_token()
    g.actor = services().accounts.actor_of_session(token) if token else None
    if not access.signed_in:
        return
    if g.actor is None:
        raise Unauthorized(
            N_("Mã truy cập không đúng hoặc đã hết hạn. Hãy đăng nhập lại.")
            if token
            else N_("Thao tác này cần mã truy cập. Hãy đăng nhập để lấy mã.")
        )
    if g.actor.must_change_password and not access.with_old_password:
        raise Forbidden(N_("Bạn cần đổi mật khẩu dùng một lần trước khi làm việc khác."))
    if access.permission is not None:
        g.actor.require(access.permission)


def actor() -> Actor:
    """The caller of an operation that is not public."""
    found: Actor | None = g.actor
    if found is None:
        raise Unauthorized(N_("Thao tác này cần mã truy cập. Hãy đăng nhập để lấy mã."))
    return found


def bearer_token() -> str | None:
    """The token of the Authorization header, the only place where one is accepted."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return token.strip() or None if scheme.lower() == "bearer" else None
