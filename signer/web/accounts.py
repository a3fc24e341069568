"""Logging in and out, and choosing a password."""

from flask import flash, make_response, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from signer.doors import BEFORE_NEW_PASSWORD, PUBLIC
from signer.errors import N_, Invalid
from signer.services import services
from signer.web.access import actor, forget, remember, safe_next, session_cookie
from signer.web.forms import FormError, required
from signer.web.pages import Pages

blueprint = Pages("accounts", __name__)


@blueprint.page("/login", PUBLIC)
def login_page(errors: tuple[FormError, ...] = ()) -> ResponseReturnValue:
    """Name and password; `next` leads back to where the visitor was going."""
    target = safe_next(request.values.get("next"))
    return render_template("accounts/login.html", errors=errors, target=target)


@blueprint.form("/login", PUBLIC, again=login_page)
def log_in() -> ResponseReturnValue:
    """The visitor has a session, under a new token, and goes on."""
    name = required("name", N_("Hãy nhập tên đăng nhập."))
    password = request.form.get("password", "")
    token = services().accounts.log_in(name, password, address=request.remote_addr or "")
    session.clear()  # the form token of the anonymous visit ends with it
    answer = make_response(redirect(safe_next(request.form.get("next"))))
    remember(answer, token)
    return answer


@blueprint.form("/logout", BEFORE_NEW_PASSWORD)
def log_out() -> ResponseReturnValue:
    """The session is over, here and on the server."""
    services().accounts.log_out(request.cookies[session_cookie()])
    session.clear()
    flash(_("Bạn đã đăng xuất."), "ok")
    answer = make_response(redirect(url_for(".login_page")))
    forget(answer)
    return answer


@blueprint.page("/password", BEFORE_NEW_PASSWORD)
def password_page(errors: tuple[FormError, ...] = ()) -> ResponseReturnValue:
    """The form for a new password; the first page somebody with a one-time password sees."""
    return render_template("accounts/password.html", errors=errors)


@blueprint.form("/password", BEFORE_NEW_PASSWORD, again=password_page)
def change_password() -> ResponseReturnValue:
    """The password is another one, and other sessions of the account are over."""
    new = request.form.get("new", "")
    if new != request.form.get("again"):
        raise Invalid(N_("Hai lần nhập mật khẩu mới không giống nhau."), field="again")
    own = request.cookies[session_cookie()]
    services().accounts.change_password(actor(), request.form.get("old", ""), new, keep=own)
    flash(_("Đã đổi mật khẩu. Các phiên đăng nhập khác của bạn đã kết thúc."), "ok")
    return redirect("/")
