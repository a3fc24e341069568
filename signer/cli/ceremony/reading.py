"""A ceremony's file read: every scalar a string, every fault with its line and field."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from marshmallow import RAISE, Schema, ValidationError, fields, validate

from signer.ca.hierarchy import CA_REASONS, RevokedCa
from signer.ca.names import ca_name
from signer.ca.profiles import KEY_ALGORITHMS
from signer.ca.schemes import SCHEMES
from signer.cli.ceremony.plan import (
    ISSUING_FILE,
    LONGEST_CA_DAYS,
    LONGEST_CRL_DAYS,
    ROLES,
    CaStep,
    Ceremony,
    CrlStep,
    CrossStep,
    KeyPlace,
    KnownCa,
    Nonsense,
    Operator,
    Place,
    RoleStep,
    Step,
    TokenPlace,
    require_sense,
)
from signer.clock import HANOI
from signer.config import Settings
from signer.errors import N_, ConfigError, Invalid, SignerError

_LIMIT_BYTES = 256 * 1024

# Words a person reads when the shape is wrong; marshmallow's own are English.
_REQUIRED, _WRONG = N_("Mục này còn thiếu."), N_("Giá trị không hợp lệ.")
_TEXT, _NUMBER, _LIST = N_("Phải là chữ."), N_("Phải là số nguyên."), N_("Phải là danh sách.")
_DAY, _INSTANT = N_("Phải là ngày, như 2026-11-23."), N_("Phải là thời điểm, như 2026-11-23T09:00.")
_TABLE, _UNKNOWN = N_("Phải là các mục “tên: giá trị”."), N_("Không có mục nào tên như vậy.")
_EMPTY = N_("Mục này không được để trống.")
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
    default_error_messages = {"required": _REQUIRED, "null": _EMPTY, "invalid": _TEXT}  # noqa: RUF012  # marshmallow's own way


class _Number(fields.Integer):
    default_error_messages = {"required": _REQUIRED, "null": _EMPTY, "invalid": _NUMBER}  # noqa: RUF012


class _Day(fields.Date):
    default_error_messages = {"required": _REQUIRED, "null": _EMPTY, "invalid": _DAY}  # noqa: RUF012


class _Instant(fields.AwareDateTime):
    default_error_messages = {  # noqa: RUF012
        "required": _REQUIRED,
        "null": _EMPTY,
        "invalid": _INSTANT,
        "invalid_awareness": _INSTANT,
    }


class _List(fields.List[Any]):
    default_error_messages = {"required": _REQUIRED, "null": _EMPTY, "invalid": _LIST}  # noqa: RUF012


class _Part(fields.Nested):
    default_error_messages = {"required": _REQUIRED, "null": _EMPTY, "type": _TABLE}  # noqa: RUF012


class _Shape(Schema):
    error_messages = {"type": _TABLE, "unknown": _UNKNOWN}  # noqa: RUF012

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


class _Ceremony(_Shape):
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


def read_ceremony(file: Path, settings: Settings) -> Ceremony:
    """The ceremony in the file, whole and sensible; `ConfigError` names line and field.

    What it leaves out is the installation's: organisation, addresses, and the label and PIN file
    of the token and keys that the service itself uses.
    """
    try:
        raw = file.read_bytes()
        text = raw.decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(N_("Không đọc được tệp nghi lễ %(file)s."), file=file.name) from error
    data, lines = _parsed(text, file.name)
    try:
        loaded = _Ceremony().load(data)
        ceremony = _ceremony(loaded, settings, file=file.name, sha256=_sha256(raw))
        require_sense(ceremony)
    except ValidationError as error:
        place, why = min(_faults(error.messages), key=lambda fault: _line(fault[0], lines))
        raise _fault(file.name, place, lines, SignerError(why)) from error
    except Nonsense as error:
        raise _fault(file.name, error.place, lines, error.why) from error
    return ceremony


def _ceremony(loaded: Mapping[str, Any], settings: Settings, *, file: str, sha256: str) -> Ceremony:
    """The values, with what the file left out taken from the installation."""
    organisation = loaded.get("organisation")
    country = loaded.get("country", "VN")
    tokens = _named(
        "tokens", [_token(t, settings, index) for index, t in enumerate(loaded["tokens"])]
    )
    known = _named(
        "known",
        [
            KnownCa(
                name=k["name"],
                certificate=k["certificate"],
                key=_key(k, settings.issuing_key_label, ("known", index)),
            )
            for index, k in enumerate(loaded["known"])
        ],
    )
    steps = []
    for index, values in enumerate(loaded["steps"]):
        here: Place = ("steps", index)
        if "common_name" in values:
            _require_name(
                values["common_name"], organisation or settings.organisation, country, here
            )
        step = _step(values, settings, here)
        _require_service(step, tokens, settings, here)
        steps.append(step)
    return Ceremony(
        file=file,
        sha256=sha256,
        title=loaded["title"],
        place=loaded["place"],
        held_on=loaded["held_on"],
        operators=tuple(Operator(**operator) for operator in loaded["operators"]),
        organisation=organisation,
        country=country,
        addresses=loaded.get("addresses"),
        tokens=tokens,
        known=known,
        steps=tuple(steps),
    )


def _token(values: Mapping[str, Any], settings: Settings, index: int) -> TokenPlace:
    is_services = "label" not in values
    if is_services != ("pin_file" not in values):
        missing = "label" if is_services else "pin_file"
        raise Nonsense(("tokens", index, missing), _REQUIRED)
    return TokenPlace(
        name=values["name"],
        label=settings.token_label if is_services else values["label"],
        pin_file=settings.below_home(
            settings.token_pin_file if is_services else Path(values["pin_file"])
        ),
    )


def _named(place: str, things: list[Any]) -> dict[str, Any]:  # TokenPlace or KnownCa
    found: dict[str, Any] = {}
    for index, thing in enumerate(things):
        if thing.name in found:
            raise Nonsense((place, index, "name"), N_("Tên này đã dùng ở trên."))
        found[thing.name] = thing
    return found


def _key(values: Mapping[str, Any], default_label: str | None, here: Place) -> KeyPlace:
    label = values["key"].get("label", default_label)
    if label is None:
        raise Nonsense((*here, "key", "label"), _REQUIRED)
    return KeyPlace(token=values["token"], label=label, algorithm=values["key"]["algorithm"])


def _step(values: Mapping[str, Any], settings: Settings, here: Place) -> Step:
    make, output = values["make"], values["output"]
    name = values.get("name", Path(output).stem)
    if make in ("root", "subordinate"):
        label = settings.issuing_key_label if output == ISSUING_FILE else None
        return CaStep(
            name=name,
            key=_key(values, label, here),
            issuer=values.get("issuer"),
            signature=values["signature"],
            common_name=values["common_name"],
            not_before=values["not_before"],
            validity_days=values["validity_days"],
            path_length=values.get("path_length"),
            output=output,
        )
    if make == "cross":
        return CrossStep(
            name=name,
            subject=values["subject"],
            issuer=values["issuer"],
            signature=values["signature"],
            not_before=values["not_before"],
            validity_days=values["validity_days"],
            path_length=values["path_length"],
            output=output,
        )
    if make == "crl":
        return CrlStep(
            name=values.get("name", output),
            issuer=values["issuer"],
            signature=values["signature"],
            validity_days=values["validity_days"],
            revoked=tuple(
                RevokedCa(
                    serial=int(entry["serial"], 16),
                    reason=entry["reason"],
                    at=entry["at"],
                )
                for entry in values["revoked"]
            ),
            output=output,
        )
    role = make.removesuffix("-signer")
    label = settings.ocsp_key_label if role == "ocsp" else settings.tsa_key_label
    return RoleStep(
        name=name,
        role=role,
        issuer=values["issuer"],
        key=_key(values, label, here),
        common_name=values["common_name"],
        output=output,
    )


def _require_name(text: str, organisation: str, country: str, here: Place) -> None:
    try:
        ca_name(country=country, organisation=organisation, common_name=text)
    except Invalid as error:
        top = error.field in ("organisation", "country")
        place: Place = (error.field or "",) if top else (*here, "common_name")
        raise Nonsense(place, error.sentence, **error.values) from error


def _require_service(
    step: Step, tokens: Mapping[str, TokenPlace], settings: Settings, here: Place
) -> None:
    """What the service will use lies where its settings look for it."""
    if isinstance(step, CaStep) and step.output == ISSUING_FILE:
        label = settings.issuing_key_label
    elif isinstance(step, RoleStep):
        label = settings.ocsp_key_label if step.role == "ocsp" else settings.tsa_key_label
    else:
        return
    token = tokens.get(step.key.token)
    if token is not None and token.label != settings.token_label:
        raise Nonsense(
            (*here, "token"),
            N_("Hệ thống tìm khóa này trên token “%(label)s” (thiết lập token_label)."),
            label=settings.token_label,
        )
    if step.key.label != label:
        raise Nonsense(
            (*here, "key", "label"),
            N_("Hệ thống tìm khóa này theo nhãn “%(label)s” (xem thiết lập)."),
            label=label,
        )


# Where things stand in the file ----------------------------------------------------------------


def _parsed(text: str, file: str) -> tuple[Any, dict[Place, int]]:
    """The file's value, every scalar a string, and the line of each part of it."""
    lines: dict[Place, int] = {}
    try:
        if len(text) > _LIMIT_BYTES or any(
            isinstance(event, yaml.AliasEvent) for event in yaml.parse(text)
        ):
            raise ConfigError(
                N_("Tệp nghi lễ %(file)s quá lớn hoặc dùng tham chiếu (*) của YAML."), file=file
            )
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        return _value(node, (), lines), lines
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        why = SignerError(N_("Không đúng cú pháp YAML."))
        raise ConfigError(_AT_LINE, file=file, line=line, why=why) from error
    except yaml.YAMLError as error:
        why = SignerError(N_("Không đúng cú pháp YAML."))
        raise ConfigError(_AT_LINE, file=file, line=1, why=why) from error
    except Nonsense as error:
        raise _fault(file, error.place, lines, error.why) from error


def _value(node: Any, place: Place, lines: dict[Place, int]) -> Any:  # a node of PyYAML
    """Plain lists, dictionaries and strings: YAML's guesses at types are not asked for."""
    if node is None:
        return None
    lines[place] = node.start_mark.line + 1
    if isinstance(node, yaml.ScalarNode):
        return None if node.tag == "tag:yaml.org,2002:null" else node.value
    if isinstance(node, yaml.SequenceNode):
        return [_value(child, (*place, i), lines) for i, child in enumerate(node.value)]
    found: dict[str, Any] = {}
    for key_node, child in node.value:
        key = str(key_node.value)
        lines[(*place, key)] = key_node.start_mark.line + 1
        if key in found:  # YAML itself would silently keep the last
            raise Nonsense((*place, key), N_("Mục này được viết hai lần."))
        found[key] = _value(child, (*place, key), lines)
        lines[(*place, key)] = key_node.start_mark.line + 1
    return found


def _faults(messages: Any, place: Place = ()) -> list[tuple[Place, str]]:
    """marshmallow's tree of messages as (place, sentence)."""
    if isinstance(messages, dict):
        return [
            fault
            for key, below in messages.items()
            for fault in _faults(below, place if key == "_schema" else (*place, key))
        ]
    if isinstance(messages, list):
        return [fault for below in messages for fault in _faults(below, place)]
    return [(place, str(messages))]


def _line(place: Place, lines: Mapping[Place, int]) -> int:
    """The line of the part, or of what it is missing in."""
    while place and place not in lines:
        place = place[:-1]
    return lines.get(place, 1)


def _fault(file: str, place: Place, lines: Mapping[Place, int], why: SignerError) -> ConfigError:
    field = ".".join(str(p + 1 if isinstance(p, int) else p) for p in place)
    line = _line(place, lines)
    if not field:
        return ConfigError(_AT_LINE, file=file, line=line, why=why)
    return ConfigError(_AT_FIELD, file=file, line=line, field=field, why=why)


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


_AT_LINE = N_("Tệp nghi lễ %(file)s, dòng %(line)d: %(why)s")
_AT_FIELD = N_("Tệp nghi lễ %(file)s, dòng %(line)d, mục %(field)s: %(why)s")
