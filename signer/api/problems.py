"""Every error of this door as a problem document (RFC 9457), in the caller's language."""

import json
import re
from collections.abc import Iterator, Mapping
from http import HTTPStatus

from flask import Blueprint, Flask, Response, current_app, make_response, request
from flask_babel import force_locale, gettext
from werkzeug.exceptions import HTTPException, MethodNotAllowed
from werkzeug.routing import RequestRedirect

from signer.errors import N_, Conflict, Forbidden, Invalid, NotFound, SignerError, Unavailable

CONTENT_TYPE = "application/problem+json"
LANGUAGES = ("vi", "en")


class Unauthorized(SignerError):
    """The caller is not known: no token, a wrong one, or one that has run out."""


_STATUS: dict[type[SignerError], int] = {
    Invalid: 422,
    Unauthorized: 401,
    Forbidden: 403,
    NotFound: 404,
    Conflict: 409,
    Unavailable: 503,
}
_TITLES: dict[int, str] = {
    400: N_("Yêu cầu không đọc được"),
    401: N_("Cần đăng nhập"),
    403: N_("Không có quyền"),
    404: N_("Không tìm thấy"),
    405: N_("Địa chỉ này không nhận phương thức vừa dùng"),
    409: N_("Dữ liệu đã thay đổi"),
    413: N_("Dữ liệu gửi lên quá lớn"),
    415: N_("Không nhận kiểu nội dung này"),
    422: N_("Dữ liệu chưa hợp lệ"),
    429: N_("Gọi quá nhanh"),
    503: N_("Hệ thống tạm thời bận"),
}
_SENTENCES: dict[int, str] = {
    400: N_("Nội dung yêu cầu sai định dạng nên không đọc được."),
    404: N_("Không có địa chỉ này trong giao diện lập trình."),
    405: N_("Địa chỉ này chỉ nhận các phương thức ghi ở tiêu đề Allow."),
    413: N_("Nội dung gửi lên vượt quá dung lượng cho phép."),
    415: N_("Hãy gửi nội dung đúng kiểu mà thao tác này ghi trong tài liệu."),
    422: N_("Một số trường chưa hợp lệ; xem từng trường ở mục errors."),
    429: N_("Bạn gọi quá nhiều lần trong thời gian ngắn. Hãy chờ một lát rồi thử lại."),
    500: N_("Hệ thống gặp lỗi ngoài dự kiến. Không có dữ liệu nào bị mất; hãy thử lại sau."),
}
_OTHER_TITLE = N_("Có lỗi xảy ra")
_OTHER_SENTENCE = N_("Yêu cầu vừa gửi không thực hiện được.")

_FIELD_NAMES = {"person_codes": "persons"}
"""What the bodies call a field for which the services and the forms have another name."""
_FIELD_SENTENCES: dict[str, str] = {  # marshmallow's own words, which come in English only
    "Missing data for required field.": N_("Trường này là bắt buộc."),
    "Field may not be null.": N_("Trường này không được để null."),
    "Unknown field.": N_("Không có trường nào tên như vậy."),
    "Invalid JSON body.": N_("Nội dung không phải là JSON hợp lệ."),
    "Invalid input type.": N_("Nội dung phải là một đối tượng JSON."),
    "Not a valid string.": N_("Giá trị phải là một chuỗi ký tự."),
    "Not a valid integer.": N_("Giá trị phải là một số nguyên."),
    "Not a valid number.": N_("Giá trị phải là một số."),
    "Not a valid boolean.": N_("Giá trị phải là true hoặc false."),
    "Not a valid date.": N_("Ngày phải có dạng YYYY-MM-DD và là ngày có thật."),
    "Not a valid list.": N_("Giá trị phải là một danh sách."),
}
_FIELD_PATTERNS = {
    r"Must be one of: (?P<choices>.+)\.": N_("Giá trị phải là một trong: %(choices)s."),
    r"Must be .+ to (?P<min>\S+) and .+ to (?P<max>\S+)\.": N_(
        "Giá trị phải nằm trong khoảng từ %(min)s đến %(max)s."
    ),
    r"Must be greater than or equal to (?P<min>\S+)\.": N_("Giá trị phải từ %(min)s trở lên."),
    r"Longer than maximum length (?P<max>\d+)\.": N_("Độ dài không được quá %(max)s."),
    r"Shorter than minimum length (?P<min>\d+)\.": N_("Độ dài ít nhất phải là %(min)s."),
    r"Length must be between (?P<min>\d+) and (?P<max>\d+)\.": N_(
        "Độ dài phải từ %(min)s đến %(max)s."
    ),
    r"Length must be (?P<size>\d+)\.": N_("Độ dài phải đúng bằng %(size)s."),
}
_FIELD_OTHERWISE = N_("Giá trị không hợp lệ.")


def register(app: Flask) -> None:
    """Addresses below /api/ that lead nowhere are answered by this door too, not with a page."""

    @app.before_request
    def _nowhere() -> Response | None:
        error = request.routing_exception
        if error is None or isinstance(error, RequestRedirect):
            return None
        return of_http_error(error) if request.path.startswith("/api/") else None


def register_on(blueprint: Blueprint) -> None:
    """Whatever an operation of this blueprint raises becomes a problem document."""
    blueprint.register_error_handler(SignerError, of_signer_error)
    blueprint.register_error_handler(HTTPException, of_http_error)


def language() -> str:
    """The language the caller asks for (RFC 9110, 12.5.4), Vietnamese when it asks for none."""
    return request.accept_languages.best_match(LANGUAGES, default=LANGUAGES[0])


def translated(sentence: str, values: Mapping[str, object]) -> str:
    """The sentence in the language set at the moment, its values filled in."""
    text = str(gettext(sentence))
    return text % values if values else text


def of_signer_error(error: SignerError) -> Response:
    """The problem document of one of the house's own errors."""
    status = next((code for kind, code in _STATUS.items() if isinstance(error, kind)), 500)
    if status == 500:
        current_app.logger.error("unexpected %s: %s", type(error).__name__, error)
        return _problem(500, _SENTENCES[500], {})
    field = error.field if isinstance(error, Invalid) else None
    field = _FIELD_NAMES.get(field or "", field)
    answer = _problem(status, error.sentence, error.values, field=field)
    if isinstance(error, Unavailable):
        answer.headers["Retry-After"] = str(error.retry_after_seconds)
    return answer


def of_http_error(error: HTTPException) -> Response:
    """The problem document of an error of the framework: parsing, routing, size, or a bug."""
    if isinstance(error, RequestRedirect) or error.response is not None:
        return make_response(error.get_response())
    status = error.code or 500
    messages = getattr(error, "data", {}).get("messages", {})  # webargs puts field errors there
    if isinstance(error, SaidHTTPError):
        answer = _problem(status, error.sentence, error.values)
    else:
        answer = _problem(status, _SENTENCES.get(status, _OTHER_SENTENCE), {}, messages=messages)
    if isinstance(error, MethodNotAllowed):  # RFC 9110, 15.5.6: Allow is a must
        answer.headers["Allow"] = ", ".join(sorted(error.valid_methods or ()))
    retry_after = dict(error.get_headers()).get("Retry-After")
    if status == 429:
        retry_after = "60"  # the counts of `limits` are a minute's
    if retry_after:
        answer.headers["Retry-After"] = retry_after
    return answer


class SaidHTTPError(HTTPException):
    """An HTTP error that has its own sentence for the caller."""

    def __init__(self, status: int, sentence: str, **values: object) -> None:
        super().__init__()
        self.code = status
        self.sentence = sentence
        self.values = values


def _problem(
    status: int,
    sentence: str,
    values: Mapping[str, object],
    *,
    field: str | None = None,
    messages: Mapping[str, object] | None = None,
) -> Response:
    chosen = language()
    with force_locale(chosen):
        detail = translated(sentence, values)
        document: dict[str, object] = {
            "type": f"urn:signer:problem:{HTTPStatus(status).name.lower().replace('_', '-')}",
            "title": gettext(_TITLES.get(status, _OTHER_TITLE)),
            "status": status,
            "detail": detail,
        }
        errors = [{"field": field, "detail": detail}] if field else list(_field_errors(messages))
    if errors:
        document["errors"] = errors
    answer = Response(
        json.dumps(document, ensure_ascii=False), status=status, content_type=CONTENT_TYPE
    )
    answer.headers["Content-Language"] = chosen
    answer.headers["Cache-Control"] = "no-store"
    answer.vary.add("Accept-Language")
    if status == 401:
        answer.headers["WWW-Authenticate"] = 'Bearer realm="signer"'  # RFC 6750, 3
    return answer


def _field_errors(messages: Mapping[str, object] | None) -> Iterator[dict[str, str]]:
    """One entry per complaint; the first level of webargs' tree is where the field was sought."""
    for found in (messages or {}).values():
        yield from _complaints(found, "")


def _complaints(found: object, field: str) -> Iterator[dict[str, str]]:
    if isinstance(found, Mapping):
        for key, below in found.items():
            name = "" if key == "_schema" else str(key)
            yield from _complaints(below, ".".join(part for part in (field, name) if part))
    elif isinstance(found, list):
        for message in found:
            yield from _complaints(message, field)
    else:
        yield {"field": field, "detail": _field_sentence(str(found))}


def _field_sentence(message: str) -> str:
    """A field's complaint in the language set at the moment."""
    if not message.isascii():  # a sentence of our own schemas, already one of the catalogue
        return translated(message, {})
    if message in _FIELD_SENTENCES:
        return translated(_FIELD_SENTENCES[message], {})
    for pattern, sentence in _FIELD_PATTERNS.items():
        if match := re.fullmatch(pattern, message):
            return translated(sentence, match.groupdict())
    return translated(_FIELD_OTHERWISE, {})
