"""Subjects as the government's authority writes them (domain.md 2.2, R13), read but never mended.

Pure: DER in, values out. The order of the RDNs is kept; nothing depends on it.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from asn1crypto.core import ObjectIdentifier

from signer.ca import der
from signer.errors import N_, Invalid
from signer.inventory.names import clean_text, fold
from signer.outside.kinds import Owner

_LABELS = {
    der.oid(dotted): label
    for dotted, label in (
        ("2.5.4.3", "CN"),
        ("2.5.4.6", "C"),
        ("2.5.4.7", "L"),
        ("2.5.4.8", "ST"),
        ("2.5.4.10", "O"),
        ("2.5.4.11", "OU"),
        ("2.5.4.12", "T"),
        ("2.5.4.4", "SN"),
        ("2.5.4.5", "SERIALNUMBER"),
        ("2.5.4.42", "GN"),
        ("1.2.840.113549.1.9.1", "E"),
        ("0.9.2342.19200300.100.1.1", "UID"),
    )
}
_SPECIAL = re.compile(r'([,+"\\<>;])')
_ESCAPED = r"\\\1"
_MARKER = re.compile(r"\s*\(\w{1,2}\)$")
"""Such as "(M)", which the authority's own tools leave out when they show a name."""
_BODY = re.compile(
    r"(ủy ban|uỷ ban|uy ban nhan dan|ubnd|hội đồng|hđnd|sở|phòng|văn phòng|trung tâm|trường"
    r"|bệnh viện|trạm|chi cục|cục|thanh tra|công an|thành ủy|thành uỷ|đảng ủy|đảng uỷ|mặt trận"
    r"|liên đoàn|chi nhánh|viện|quỹ|tòa án|toà án|hệ thống|máy chủ|phần mềm|cổng thông tin"
    r"|ban (quản lý|dân|tổ chức|tuyên|nội chính|chỉ huy|chỉ đạo|tiếp)"
    r"|hội (liên hiệp|nông dân|cựu|chữ thập|người))\b"
)
"""How the names of bodies and systems begin; with their tones, since Trương is a family."""


@dataclass(frozen=True, kw_only=True)
class DistinguishedName:
    """The attributes in their order, as (label or dotted OID, value)."""

    attributes: tuple[tuple[str, str], ...]

    def all(self, label: str) -> tuple[str, ...]:
        """Every value under this label, in order, those that say nothing left out."""
        return tuple(value for found, value in self.attributes if found == label and value)

    @property
    def text(self) -> str:
        """For reading: the attributes in their order, special characters escaped (RFC 4514)."""
        return ", ".join(
            f"{label}={_SPECIAL.sub(_ESCAPED, value)}" for label, value in self.attributes
        )

    @property
    def common_name(self) -> str:
        """The last CN: where there are several, the most specific one."""
        return self.all("CN")[-1] if self.all("CN") else ""

    @property
    def name(self) -> str:
        """The common name without the marker that tools leave out."""
        return shown_name(self.common_name)

    @property
    def units(self) -> tuple[str, ...]:
        """OU and O in their order; which is the higher one, an issuer's habit decides."""
        return tuple(value for label, value in self.attributes if label in ("OU", "O") and value)

    @property
    def emails(self) -> tuple[str, ...]:
        """Addresses in lower case."""
        return tuple(value.lower() for value in self.all("E"))

    @property
    def owner(self) -> Owner:
        """A body when the name is that of one; persons' names never begin like that."""
        return owner_of(self.name, self.units)


def shown_name(common_name: str) -> str:
    """The name without a marker such as "(M)" at its end."""
    return _MARKER.sub("", common_name).strip()


def owner_of(name: str, units: tuple[str, ...]) -> Owner:
    """What a name beside these units names; it need not be in capitals."""
    is_unit = fold(name) in {fold(unit) for unit in units}
    return Owner.BODY if is_unit or _BODY.match(clean_text(name).casefold()) else Owner.PERSON


def parse_name(name_der: bytes) -> DistinguishedName:
    """The Name (RFC 5280 section 4.1.2.4) with any order, number and kind of attributes."""
    try:
        return DistinguishedName(attributes=tuple(_attributes(name_der)))
    except (ValueError, IndexError) as error:
        raise Invalid(N_("Tên trong chứng thư số không đọc được.")) from error


def _attributes(name_der: bytes) -> Iterator[tuple[str, str]]:
    for _, rdn in der.children(name_der):
        for _, attribute in der.children(rdn):
            (_, kind), (tag, value) = der.children(attribute)
            label = _LABELS.get(kind) or ObjectIdentifier.load(kind).dotted
            yield label, clean_text(_text(tag, der.content(value)))


def _text(tag: int, content: bytes) -> str:
    """A DirectoryString, whatever type it claims; bytes that are no text stand as they are."""
    if tag == 0x1E:  # BMPString
        return content.decode("utf-16-be", errors="replace")
    if tag == 0x1C:  # UniversalString
        return content.decode("utf-32-be", errors="replace")
    try:  # UTF8String; the others too: T61String and PrintableString often hold UTF-8
        return content.decode("utf-8")
    except UnicodeDecodeError:
        return content.decode("latin-1")
