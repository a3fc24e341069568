"""The shape of a ceremony's file: which entries there are, and what a person reads of a wrong one.

Every scalar arrives as a string, so a label such as `007` or `no` is what it looks like.
"""

from collections.abc import Mapping
from typing import Any

from marshmallow import RAISE, Schema, ValidationError, fields, validate

from signer.ca.hierarchy import CA_REASONS
from signer.ca.profiles import KEY_ALGORITHMS
from signer.ca.schemes import SCHEMES
from signer.cli.ceremony.plan import LONGEST_CA_DAYS, LONGEST_CRL_DAYS, ROLES
from signer.clock import HANOI
from signer.errors import N_

# Words a person reads when the shape is wrong; marshmallow's own are English.
REQUIRED, _WRONG = N_("Mục này còn thiếu."), N_("Giá trị không hợp lệ.")
_TEXT, _NUMBER, _LIST = N_("Phải là chữ."), N_("Phải là số nguyên."), N_("Phải là danh sách.")
_DAY, _INSTANT = N_("Phải là ngày, như 2026-11-23."), N_("Phải là thời điểm, như 2026-11-23T09:00.")
_TABLE, _UNKNOWN = N_("Phải là các mục “tên: giá trị”."), N_("Không có mục nào tên như vậy.")
_EMPTY = N_("Mục này không được để trống hoặc quá dài.")
_OUT_OF_RANGE = N_("Số này nằm ngoài khoảng cho phép.")
_FILE_NAME = N_(
    "Phải là một tên tệp trong thư mục chứng thư: chữ thường, số và gạch nối, đuôi .pem hoặc .crl."
)
_KEY = N_("Khóa phải là p256, p384, rsa3072 hoặc rsa4096; loại khác yếu hoặc không dùng được.")
_SCHEME = N_("Không có cách ký này.")
_ROLE = N_("Vai trò phải là người chủ trì, người giữ mã PIN, người chứng kiến hoặc người thao tác.")
_URL = N_("Phải là địa chỉ http:// hoặc https://.")
_SERIAL = N_("Số hiệu chứng thư phải viết bằng số hệ mười sáu.")


class _Text(fields.String):
    default_error_messages = {"required": REQUIRED, "null": _EMPTY, "invalid": _TEXT}  # noqa: RUF012  # marshmallow's


class _Number(fields.Integer):
    default_error_messages = {"required": REQUIRED, "null": _EMPTY, "invalid": _NUMBER}  # noqa: RUF012  # marshmallow's


class _Day(fields.Date):
    default_error_messages = {"required": REQUIRED, "null": _EMPTY, "invalid": _DAY}  # noqa: RUF012  # marshmallow's


class _Instant(fields.AwareDateTime):
    default_error_messages = {  # noqa: RUF012  # marshmallow's
        "required": REQUIRED,
        "null": _EMPTY,
        "invalid": _INSTANT,
        "invalid_awareness": _INSTANT,
    }


class _List(fields.List[Any]):
    default_error_messages = {"required": REQUIRED, "null": _EMPTY, "invalid": _LIST}  # noqa: RUF012  # marshmallow's


class _Part(fields.Nested):
    default_error_messages = {"required": REQUIRED, "null": _EMPTY, "type": _TABLE}  # noqa: RUF012  # marshmallow's


class _Shape(Schema):
    error_messages = {"type": _TABLE, "unknown": _UNKNOWN}  # noqa: RUF012  # marshmallow's

    class Meta:
        unknown = RAISE


def _text(*, required: bool = True, limit: int = 200, **kwargs: Any) -> _Text:  # marshmallow's own
    return _Text(required=required, validate=validate.Length(1, limit, error=_EMPTY), **kwargs)


def _one_of(allowed: Any, error: str, *, required: bool = True, default: Any = None) -> _Text:
    options: dict[str, Any] = {"required": True} if required else {"load_default": default}
    return _Text(validate=validate.OneOf(tuple(allowed), error=error), **options)


def _file_name(suffix: str) -> _Text:
    # A name and nothing else: no path leads out of the folder of the certificates.
    pattern = rf"[a-z0-9][a-z0-9-]{{0,60}}\.{suffix}"
    return _Text(required=True, validate=validate.Regexp(rf"\A{pattern}\Z", error=_FILE_NAME))


def _days(limit: int) -> _Number:
    return _Number(required=True, validate=validate.Range(1, limit, error=_OUT_OF_RANGE))


class _Operator(_Shape):
    name = _text()
    role = _one_of(ROLES, _ROLE)


class _Token(_Shape):
    name = _text()
    label = _text(required=False, limit=32)  # CK_TOKEN_INFO has 32 bytes
    pin_file = _text(required=False)


class _Key(_Shape):
    label = _text(required=False)
    algorithm = _one_of(KEY_ALGORITHMS, _KEY)


class _Known(_Shape):
    name = _text()
    certificate = _file_name("pem")
    token = _text()
    key = _Part(_Key, required=True)


class _Revoked(_Shape):
    serial = _Text(required=True, validate=validate.Regexp(r"\A[0-9A-Fa-f]{1,40}\Z", error=_SERIAL))
    reason = _one_of(
        CA_REASONS,
        N_("Không có lý do thu hồi này."),
    )
    at = _Instant(required=True, default_timezone=HANOI)


class _Step(_Shape):
    make = _text()
    name = _text(required=False)


class _Signed(_Step):
    issuer = _text()
    signature = _one_of(SCHEMES, _SCHEME, required=False, default="")


class _Root(_Step):
    token = _text()
    key = _Part(_Key, required=True)
    signature = _one_of(SCHEMES, _SCHEME, required=False, default="")
    common_name = _text(limit=64)
    not_before = _Day(load_default=None)
    validity_days = _days(LONGEST_CA_DAYS)
    output = _file_name("pem")


class _Subordinate(_Root):
    issuer = _text()
    path_length = _Number(load_default=0, validate=validate.Range(0, 3, error=_OUT_OF_RANGE))


class _Cross(_Signed):
    subject = _text()
    not_before = _Day(load_default=None)
    validity_days = _days(LONGEST_CA_DAYS)
    path_length = _Number(load_default=None, validate=validate.Range(0, 3, error=_OUT_OF_RANGE))
    output = _file_name("pem")


class _Crl(_Signed):
    validity_days = _days(LONGEST_CRL_DAYS)
    revoked = _List(_Part(_Revoked), load_default=list)
    output = _file_name("crl")


class _Role(_Step):
    issuer = _text()
    token = _text()
    key = _Part(_Key, required=True)
    common_name = _text(limit=64)
    output = _file_name("pem")


_STEPS: Mapping[str, type[_Step]] = {
    "root": _Root,
    "subordinate": _Subordinate,
    "cross": _Cross,
    "crl": _Crl,
    "ocsp-signer": _Role,
    "tsa-signer": _Role,
}


class _AnyStep(fields.Field[dict[str, Any]]):
    """One step, read by the shape that its `make` names."""

    def _deserialize(
        self, value: Any, attr: str | None, data: Any, **kwargs: Any
    ) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise ValidationError(_TABLE)
        shape = _STEPS.get(str(value.get("make")))
        if shape is None:
            raise ValidationError({"make": [N_("Không biết làm bước này.")]})
        loaded: dict[str, Any] = shape().load(value)
        return loaded


class CeremonyShape(_Shape):
    """The whole file."""

    title = _text()
    place = _text()
    held_on = _Day(load_default=None)
    operators = _List(_Part(_Operator), required=True, validate=validate.Length(1, error=_EMPTY))
    organisation = _text(required=False, limit=64)
    country = _text(required=False)
    addresses = _Text(validate=validate.Regexp(r"\Ahttps?://\S+\Z", error=_URL))
    tokens = _List(_Part(_Token), required=True, validate=validate.Length(1, error=_EMPTY))
    known = _List(_Part(_Known), load_default=list)
    steps = _List(_AnyStep(), required=True, validate=validate.Length(1, error=_EMPTY))
