"""A ceremony's file read: YAML whose every fault is told with its line and field.

Every scalar arrives as a string, so a label such as `007` or `no` is what it looks like.
"""

import re
from collections.abc import Container, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import yaml

from signer.ca.hierarchy import CA_REASONS, RevokedCa
from signer.ca.names import ca_name
from signer.ca.outputs import sha256
from signer.ca.profiles import KEY_ALGORITHMS
from signer.ca.schemes import SCHEMES, USUAL
from signer.cli.ceremony import plan
from signer.cli.ceremony.plan import Ceremony, KeyPlace, Nonsense, Place
from signer.clock import HANOI
from signer.config import Settings
from signer.errors import N_, ConfigError, Invalid, SignerError

_LIMIT_CHARACTERS = 256 * 1024
_REQUIRED = N_("Mục này còn thiếu.")
_EMPTY = N_("Mục này không được để trống hoặc quá dài.")
_AT_LINE = N_("Tệp nghi lễ %(file)s, dòng %(line)d: %(why)s")
_AT_FIELD = N_("Tệp nghi lễ %(file)s, dòng %(line)d, mục %(field)s: %(why)s")
_KEY = N_("Khóa phải là p256, p384, rsa3072 hoặc rsa4096; loại khác yếu hoặc không dùng được.")
_ROLE = N_("Vai trò phải là người chủ trì, người giữ mã PIN, người chứng kiến hoặc người thao tác.")
_FILE_NAME = N_(
    "Phải là một tên tệp trong thư mục chứng thư: chữ thường, số và gạch nối, đuôi .pem hoặc .crl."
)
_MAKES = ("root", "subordinate", "cross", "crl", "ocsp-signer", "tsa-signer")


def read_ceremony(file: Path, settings: Settings) -> Ceremony:
    """The ceremony in the file, whole and sensible; `ConfigError` names line and field.

    What it leaves out is the installation's: the label and PIN file of the token that the service
    itself uses, and the labels of its keys there.
    """
    try:
        raw = file.read_bytes()
        text = raw.decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(N_("Không đọc được tệp nghi lễ %(file)s."), file=file.name) from error
    lines: dict[Place, int] = {}
    try:
        if len(text) > _LIMIT_CHARACTERS or any(
            isinstance(event, yaml.AliasEvent) for event in yaml.parse(text)
        ):
            raise ConfigError(
                N_("Tệp nghi lễ %(file)s quá lớn hoặc dùng tham chiếu (*) của YAML."),
                file=file.name,
            )
        whole = _Part(_value(yaml.compose(text, Loader=yaml.SafeLoader), (), lines), ())
        ceremony = _Reader(settings).ceremony(whole, file.name, sha256(raw))
        plan.require_sense(ceremony)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        why = SignerError(N_("Không đúng cú pháp YAML."))
        line = mark.line + 1 if mark else 1
        raise ConfigError(_AT_LINE, file=file.name, line=line, why=why) from error
    except Nonsense as error:
        told = {"file": file.name, "line": _line(error.place, lines), "why": error.why}
        field = ".".join(str(p + 1 if isinstance(p, int) else p) for p in error.place)
        raise ConfigError(_AT_FIELD if field else _AT_LINE, field=field, **told) from error
    return ceremony


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
        here = (*place, key)
        if key in found:  # YAML itself would silently keep the last
            lines[here] = key_node.start_mark.line + 1
            raise Nonsense(here, N_("Mục này được viết hai lần."))
        found[key] = _value(child, here, lines)
        lines[here] = key_node.start_mark.line + 1
    return found


def _line(place: Place, lines: Mapping[Place, int]) -> int:
    """The line of the part, or of what it is missing in."""
    while place and place not in lines:
        place = place[:-1]
    return lines.get(place, 1)


class _Part:
    """A table of the file, of which entry after entry is taken; at the end none may be left."""

    def __init__(self, value: Any, place: Place) -> None:
        if not isinstance(value, dict):
            raise Nonsense(place, N_("Phải là các mục “tên: giá trị”."))
        self.place = place
        self._left = dict(value)

    def end(self) -> None:
        for name in self._left:
            raise Nonsense((*self.place, name), N_("Không có mục nào tên như vậy."))

    def text(self, name: str, *, limit: int = 200, default: str | None = None) -> str:
        """The words of the entry; `default` when it is left out."""
        if name not in self._left and default is not None:
            return default
        value, here = self._take(name), (*self.place, name)
        if not isinstance(value, str):
            raise Nonsense(here, N_("Phải là chữ."))
        if not 0 < len(value) <= limit:
            raise Nonsense(here, _EMPTY)
        return value

    def one_of(
        self, name: str, allowed: Container[str], error: str, default: str | None = None
    ) -> str:
        value = self.text(name, default=default)
        if value != default and value not in allowed:
            raise Nonsense((*self.place, name), error)
        return value

    def matching(self, name: str, pattern: str, error: str) -> str:
        value = self.text(name)
        if not re.fullmatch(pattern, value):
            raise Nonsense((*self.place, name), error)
        return value

    def file_name(self, name: str, suffix: str = "pem") -> str:
        # A name and nothing else: no path leads out of the folder of the certificates.
        return self.matching(name, rf"[a-z0-9][a-z0-9-]{{0,60}}\.{suffix}", _FILE_NAME)

    def days(self, limit: int) -> int:
        here, text = (*self.place, "validity_days"), self.text("validity_days")
        try:
            value = int(text)
        except ValueError as error:
            raise Nonsense(here, N_("Phải là số nguyên.")) from error
        if not 1 <= value <= limit:
            raise Nonsense(here, N_("Số này nằm ngoài khoảng cho phép."))
        return value

    def instant(self, name: str) -> datetime:
        """In Hanoi's time unless the entry names another zone."""
        try:
            value = datetime.fromisoformat(self.text(name))
        except ValueError as error:
            told = N_("Phải là thời điểm, như 2026-11-23T09:00.")
            raise Nonsense((*self.place, name), told) from error
        return value if value.tzinfo else value.replace(tzinfo=HANOI)

    def part(self, name: str) -> "_Part":
        return _Part(self._take(name), (*self.place, name))

    def parts(self, name: str, *, are_needed: bool = True) -> "Iterator[_Part]":
        """The tables of a list, each to be taken apart whole before the next is asked for."""
        if name not in self._left and not are_needed:
            return
        values, here = self._take(name), (*self.place, name)
        if not isinstance(values, list):
            raise Nonsense(here, N_("Phải là danh sách."))
        if are_needed and not values:
            raise Nonsense(here, _EMPTY)
        for index, value in enumerate(values):
            part = _Part(value, (*here, index))
            yield part
            part.end()

    def _take(self, name: str) -> Any:
        if name not in self._left:
            raise Nonsense((*self.place, name), _REQUIRED)
        value = self._left.pop(name)
        if value is None:
            raise Nonsense((*self.place, name), N_("Mục này không được để trống hoặc quá dài."))
        return value


class _Reader:
    """Reads the parts of one file for one installation."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._tokens: list[plan.TokenPlace] = []

    def ceremony(self, whole: _Part, file: str, digest: str) -> Ceremony:
        said = {"file": file, "sha256": digest}
        said |= {name: whole.text(name) for name in ("title", "place")}
        operators = [
            plan.Operator(name=part.text("name"), role=part.one_of("role", plan.ROLES, _ROLE))
            for part in whole.parts("operators")
        ]
        self._tokens = [self._token(part) for part in whole.parts("tokens")]
        known = [self._known(part) for part in whole.parts("known", are_needed=False)]
        steps = [self._step(part) for part in whole.parts("steps")]
        whole.end()
        return Ceremony(**said, operators=operators, tokens=self._tokens, known=known, steps=steps)

    def _token(self, part: _Part) -> plan.TokenPlace:
        name, settings = part.text("name"), self._settings
        label = part.text("label", limit=32, default="")  # CK_TOKEN_INFO has 32 bytes
        pin_file = part.text("pin_file", default="")
        if bool(label) != bool(pin_file):
            raise Nonsense((*part.place, "pin_file" if label else "label"), _REQUIRED)
        return plan.TokenPlace(
            name=name,
            label=label or settings.token_label,
            pin_file=settings.below_home(Path(pin_file or settings.token_pin_file)),
        )

    def _known(self, part: _Part) -> plan.KnownCa:
        output = part.file_name("certificate")
        return plan.KnownCa(name=part.text("name"), output=output, key=self._key(part, output))

    def _step(self, part: _Part) -> plan.Step:
        make = part.one_of("make", _MAKES, N_("Không biết làm bước này."))
        output = part.file_name("output", "crl" if make == "crl" else "pem")
        said = {"make": make, "output": output}
        said["name"] = part.text("name", default=output.removesuffix(".pem"))
        if make != "root":
            said["issuer"] = part.text("issuer")
        if make == "crl":
            days = part.days(plan.LONGEST_CRL_DAYS)
            revoked = [self._revoked(e) for e in part.parts("revoked", are_needed=False)]
            return plan.CrlStep(**said, validity_days=days, revoked=revoked)
        if make.endswith("-signer"):
            said["common_name"] = self._common_name(part)
            key = self._key(part, plan.ROLE_FILES[make.removesuffix("-signer")])
            return plan.RoleStep(**said, key=key)
        days = part.days(plan.LONGEST_CA_DAYS)
        if make == "cross":
            return plan.CrossStep(**said, subject=part.text("subject"), validity_days=days)
        said["common_name"] = self._common_name(part)
        return plan.CaStep(**said, key=self._key(part, output), validity_days=days)

    def _key(self, holder: _Part, output: str) -> KeyPlace:
        """The key and its label; what the service uses is where the service will look for it."""
        settings, part = self._settings, holder.part("key")
        token, here = holder.text("token"), (*holder.place, "key", "label")
        algorithm = part.one_of("algorithm", KEY_ALGORITHMS, _KEY)
        signature = part.one_of("signature", SCHEMES, N_("Không có cách ký này."), default="")
        kind = algorithm if algorithm in USUAL else algorithm[:3]
        if signature and SCHEMES[signature].key != kind:
            told = N_("Khóa loại này không ký theo cách đó.")
            raise Nonsense((*part.place, "signature"), told)
        wanted = {
            plan.ISSUING_FILE: settings.issuing_key_label,
            plan.ROLE_FILES["ocsp"]: settings.ocsp_key_label,
            plan.ROLE_FILES["tsa"]: settings.tsa_key_label,
        }.get(output)
        label = part.text("label", default=wanted or "")
        part.end()
        if not label:
            raise Nonsense(here, _REQUIRED)
        labels = {place.name: place.label for place in self._tokens}
        if wanted and labels.get(token, settings.token_label) != settings.token_label:
            told = N_("Hệ thống tìm khóa này trên token “%(label)s” (thiết lập token_label).")
            raise Nonsense((*holder.place, "token"), told, label=settings.token_label)
        if wanted not in (None, label):
            told = N_("Hệ thống tìm khóa này theo nhãn “%(label)s” (xem thiết lập).")
            raise Nonsense(here, told, label=wanted)
        return KeyPlace(token=token, label=label, algorithm=algorithm, signature=signature)

    def _common_name(self, part: _Part) -> str:
        name = part.text("common_name", limit=64)
        try:
            ca_name(organisation=self._settings.organisation, common_name=name)
        except Invalid as error:
            raise Nonsense((*part.place, "common_name"), error.sentence, **error.values) from error
        return name

    def _revoked(self, part: _Part) -> RevokedCa:
        told = N_("Số hiệu chứng thư phải viết bằng số hệ mười sáu.")
        serial = part.matching("serial", "[0-9A-Fa-f]{1,40}", told)
        reason = part.one_of("reason", CA_REASONS, N_("Không có lý do thu hồi này."))
        return RevokedCa(serial=int(serial, 16), reason=reason, at=part.instant("at"))
