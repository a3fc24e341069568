"""The shape of a ceremony's file: which entries there are, and what a person reads of a wrong one.

Every scalar arrives as a string, so a label such as `007` or `no` is what it looks like.
"""

from collections.abc import Mapping
from typing import Any, ClassVar

from marshmallow import (
    RAISE,
    Schema,
    ValidationError,
    fields,
    post_load,
    validate,
    validates_schema,
)

from signer.ca.hierarchy import CA_REASONS, RevokedCa
from signer.ca.profiles import KEY_ALGORITHMS
from signer.ca.schemes import SCHEMES, USUAL
from signer.cli.ceremony.plan import (
    LONGEST_CA_DAYS,
    LONGEST_CRL_DAYS,
    ROLES,
    CaStep,
    CrlStep,
    CrossStep,
    KeyPlace,
    KnownCa,
    Operator,
    RoleStep,
)
from signer.clock import HANOI
from signer.errors import N_

# Words a person reads when the shape is wrong; marshmallow's own are English.
REQUIRED, _NUMBER = N_("Mục này còn thiếu."), N_("Phải là số nguyên.")
_TEXT, _LIST = N_("Phải là chữ."), N_("Phải là danh sách.")
_INSTANT = N_("Phải là thời điểm, như 2026-11-23T09:00.")
_TABLE, _UNKNOWN = N_("Phải là các mục “tên: giá trị”."), N_("Không có mục nào tên như vậy.")
_EMPTY = N_("Mục này không được để trống hoặc quá dài.")
_OUT_OF_RANGE = N_("Số này nằm ngoài khoảng cho phép.")
_FILE_NAME = N_(
    "Phải là một tên tệp trong thư mục chứng thư: chữ thường, số và gạch nối, đuôi .pem hoặc .crl."
)
_KEY = N_("Khóa phải là p256, p384, rsa3072 hoặc rsa4096; loại khác yếu hoặc không dùng được.")
_SCHEME = N_("Không có cách ký này.")
_OTHER_SCHEME = N_("Khóa loại này không ký theo cách đó.")
_ROLE = N_("Vai trò phải là người chủ trì, người giữ mã PIN, người chứng kiến hoặc người thao tác.")
_SERIAL = N_("Số hiệu chứng thư phải viết bằng số hệ mười sáu.")
_REASON = N_("Không có lý do thu hồi này.")


def _said(wrong: str) -> dict[str, Any]:
    kinds = ("invalid", "type", "invalid_awareness")
    return {"required": REQUIRED, "null": _EMPTY} | dict.fromkeys(kinds, wrong)


def _text(*, limit: int = 200, **kwargs: Any) -> fields.String:  # marshmallow's own, as below
    kwargs = {"required": "load_default" not in kwargs} | kwargs
    kwargs.setdefault("validate", validate.Length(1, limit, error=_EMPTY))
    return fields.String(error_messages=_said(_TEXT), **kwargs)


def _one_of(allowed: Any, error: str, **kwargs: Any) -> fields.String:
    return _text(validate=validate.OneOf(tuple(allowed), error=error), **kwargs)


def _file_name(suffix: str, **kwargs: Any) -> fields.String:
    # A name and nothing else: no path leads out of the folder of the certificates.
    pattern = rf"\A[a-z0-9][a-z0-9-]{{0,60}}\.{suffix}\Z"
    return _text(validate=validate.Regexp(pattern, error=_FILE_NAME), **kwargs)


def _days(limit: int) -> fields.Integer:
    in_range = validate.Range(1, limit, error=_OUT_OF_RANGE)
    return fields.Integer(required=True, validate=in_range, error_messages=_said(_NUMBER))


def _part(shape: "type[_Shape]") -> fields.Nested:
    return fields.Nested(shape, required=True, error_messages=_said(_TABLE))


def _list(of: fields.Field[Any], **kwargs: Any) -> fields.List[Any]:
    return fields.List(of, error_messages=_said(_LIST), **kwargs)


def _filled(of: fields.Field[Any]) -> fields.List[Any]:
    return _list(of, required=True, validate=validate.Length(1, error=_EMPTY))


class _Shape(Schema):
    error_messages = {"type": _TABLE, "unknown": _UNKNOWN}  # noqa: RUF012  # marshmallow's
    made: ClassVar[type] = dict

    class Meta:
        unknown = RAISE

    @post_load
    def _made(self, values: dict[str, Any], **_: Any) -> Any:
        return self.made(**values)


class _Operator(_Shape):
    made = Operator
    name = _text()
    role = _one_of(ROLES, _ROLE)


class _Token(_Shape):
    name = _text()
    label = _text(load_default="", limit=32)  # CK_TOKEN_INFO has 32 bytes
    pin_file = _text(load_default="")


class _Key(_Shape):
    label = _text(load_default="")
    algorithm = _one_of(KEY_ALGORITHMS, _KEY)
    signature = _one_of(SCHEMES, _SCHEME, load_default="")

    @validates_schema
    def _signs_so(self, values: dict[str, Any], **_: Any) -> None:
        kind = values["algorithm"] if values["algorithm"] in USUAL else values["algorithm"][:3]
        if values["signature"] and SCHEMES[values["signature"]].key != kind:
            raise ValidationError(_OTHER_SCHEME, "signature")


class _Keyed(_Shape):
    token = _text()
    key = _part(_Key)

    @post_load
    def _made(self, values: dict[str, Any], **_: Any) -> Any:
        values["key"] = KeyPlace(token=values.pop("token"), **values["key"])
        return self.made(**values)


class _Known(_Keyed):
    made = KnownCa
    name = _text()
    output = _file_name("pem", data_key="certificate")


class _Revoked(_Shape):
    serial = _text(validate=validate.Regexp(r"\A[0-9A-Fa-f]{1,40}\Z", error=_SERIAL))
    reason = _one_of(CA_REASONS, _REASON)
    at = fields.AwareDateTime(required=True, default_timezone=HANOI, error_messages=_said(_INSTANT))

    @post_load
    def _made(self, values: dict[str, Any], **_: Any) -> RevokedCa:
        return RevokedCa(**values | {"serial": int(values["serial"], 16)})


class _Root(_Keyed):
    made = CaStep
    make, name = _text(), _text()
    common_name = _text(limit=64)
    validity_days = _days(LONGEST_CA_DAYS)
    output = _file_name("pem")


class _Subordinate(_Root):
    issuer = _text()


class _Cross(_Shape):
    made = CrossStep
    make, name = _text(), _text()
    subject, issuer = _text(), _text()
    validity_days = _days(LONGEST_CA_DAYS)
    output = _file_name("pem")


class _Crl(_Shape):
    made = CrlStep
    make, name = _text(), _text()
    issuer = _text()
    validity_days = _days(LONGEST_CRL_DAYS)
    revoked = _list(_part(_Revoked), load_default=tuple)
    output = _file_name("crl")


class _Role(_Keyed):
    made = RoleStep
    make, name = _text(), _text()
    issuer = _text()
    common_name = _text(limit=64)
    output = _file_name("pem")


_STEPS: Mapping[str, type[_Shape]] = {
    "root": _Root,
    "subordinate": _Subordinate,
    "cross": _Cross,
    "crl": _Crl,
    "ocsp-signer": _Role,
    "tsa-signer": _Role,
}


class _AnyStep(fields.Field[Any]):
    """One step, read by the shape that its `make` names."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        if not isinstance(value, dict):
            raise ValidationError(_TABLE)
        shape = _STEPS.get(str(value.get("make")))
        if shape is None:
            raise ValidationError({"make": [N_("Không biết làm bước này.")]})
        return shape().load({"name": str(value.get("output")).removesuffix(".pem")} | value)


class CeremonyShape(_Shape):
    """The whole file."""

    title, place = _text(), _text()
    operators = _filled(_part(_Operator))
    tokens = _filled(_part(_Token))
    known = _list(_part(_Known), load_default=tuple)
    steps = _filled(_AnyStep())
