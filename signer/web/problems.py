"""Errors as pages: one sentence, what to do next, and the right status."""

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec

from flask import Flask, Response, make_response, render_template
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_wtf.csrf import CSRFError
from werkzeug.exceptions import HTTPException
from werkzeug.routing import RequestRedirect

from signer.errors import N_, Conflict, Forbidden, Invalid, NotFound, SignerError, Unavailable
from signer.web.formats import say

_P = ParamSpec("_P")
_STATUS: dict[type[SignerError], int] = {
    Invalid: 400,
    Forbidden: 403,
    NotFound: 404,
    Conflict: 409,
    Unavailable: 503,
}


_TITLES: dict[int, str] = {
    400: N_("Chưa thực hiện được"),
    403: N_("Bạn không có quyền xem trang này"),
    404: N_("Không tìm thấy"),
    409: N_("Dữ liệu vừa thay đổi"),
    413: N_("Tệp quá lớn"),
    429: N_("Gọi quá nhanh"),
    503: N_("Hệ thống tạm thời bận"),
}
_SENTENCES: dict[int, str] = {
    404: N_("Trang này không tồn tại hoặc đã được chuyển đi nơi khác."),
    405: N_("Trang này không nhận thao tác vừa gửi."),
    413: N_("Tệp gửi lên vượt quá dung lượng cho phép."),
    429: N_("Bạn thao tác quá nhanh. Hãy chờ một lát rồi thử lại."),
    500: N_("Hệ thống gặp lỗi ngoài dự kiến. Không có dữ liệu nào bị mất; hãy thử lại sau."),
}
_OTHER_TITLE = N_("Có lỗi xảy ra")
_OTHER_SENTENCE = N_("Yêu cầu vừa gửi không thực hiện được.")


def register(app: Flask) -> None:
    """Errors are answered with a page; the JSON door's blueprints have handlers of their own."""
    app.register_error_handler(SignerError, _refused)
    app.register_error_handler(CSRFError, _stale_form)
    app.register_error_handler(HTTPException, _http_error)


def status_of(error: SignerError) -> int:
    """The HTTP status that says the same as the error."""
    return next((code for kind, code in _STATUS.items() if isinstance(error, kind)), 500)


def told_to_script(
    view: Callable[_P, ResponseReturnValue],
) -> Callable[_P, ResponseReturnValue]:
    """The view's refusal is JSON with one sentence, for a script that shows it where it is."""

    @wraps(view)
    def told(*args: _P.args, **kwargs: _P.kwargs) -> ResponseReturnValue:
        try:
            return view(*args, **kwargs)
        except SignerError as error:
            return {"sentence": say(error)}, status_of(error)

    return told


def _refused(error: SignerError) -> ResponseReturnValue:
    answer = _page(status_of(error), say(error))
    if isinstance(error, Unavailable):
        answer.headers["Retry-After"] = str(error.retry_after_seconds)
    return answer


def _http_error(error: HTTPException) -> ResponseReturnValue:
    if isinstance(error, RequestRedirect):  # a missing slash at the end is no error
        return error.get_response()
    status = error.code or 500
    return _page(status, say(_SENTENCES.get(status, _OTHER_SENTENCE)), error)


def _stale_form(_error: CSRFError) -> ResponseReturnValue:
    return _page(400, _("Biểu mẫu này đã quá hạn. Hãy tải lại trang rồi gửi lại."))


def _page(status: int, sentence: str, error: HTTPException | None = None) -> Response:
    title = say(_TITLES.get(status, _OTHER_TITLE))
    answer = make_response(
        render_template("error.html", status=status, title=title, sentence=sentence)
    )
    answer.status_code = status
    if status == 429:
        answer.headers["Retry-After"] = "60"  # the counts of `limits` are a minute's
    if error is not None:
        for name, value in error.get_headers():
            if name in ("Allow", "Retry-After"):
                answer.headers[name] = value
    return answer
