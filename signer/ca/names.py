"""Subject names: the facts about a person that a certificate may state, and nothing else.

The name holds C, L, O, OU… and CN; the official e-mail address goes to the subject alternative
name. No ID number, tax code or title ever: a certificate is public for as long as it exists.
"""

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache

from cryptography import x509
from cryptography.x509.oid import NameOID

from signer.ca import der
from signer.errors import N_, Invalid

UPPER_BOUNDS = {  # RFC 5280 appendix A.1, in characters
    NameOID.COUNTRY_NAME: 2,
    NameOID.LOCALITY_NAME: 128,
    NameOID.ORGANIZATION_NAME: 64,
    NameOID.ORGANIZATIONAL_UNIT_NAME: 64,
    NameOID.COMMON_NAME: 64,
}
_O, _OU = NameOID.ORGANIZATION_NAME, NameOID.ORGANIZATIONAL_UNIT_NAME
_FIELDS = {  # where the fault is, in the words of `SubjectFacts`
    NameOID.LOCALITY_NAME: "locality",
    _O: "organisation",
    _OU: "units",
    NameOID.COMMON_NAME: "common_name",
}
ID_NUMBER = re.compile(r"(?<!\d)(?:\d{9}|\d{12})(?!\d)")
"""Old 9-digit and present 12-digit personal numbers (domain R2)."""

EMAIL = re.compile(
    r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*"
    r"@(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z]{2,63}"
)
_SHORT_FORMS = (  # the office's own abbreviations, used only when a name is over its bound
    ("Ủy ban nhân dân", "UBND"),
    ("Hội đồng nhân dân", "HĐND"),
    ("Mặt trận Tổ quốc", "MTTQ"),
    ("Phục vụ hành chính công", "PVHCC"),
    ("thành phố", "TP"),
    ("Văn phòng", "VP"),
    ("Trung học cơ sở", "THCS"),
    ("Trung học phổ thông", "THPT"),
    ("Ban Quản lý", "BQL"),
    ("Trung tâm", "TT"),
)


@dataclass(frozen=True, kw_only=True)
class SubjectFacts:
    """Who a certificate is for, in the words that will stand in it."""

    common_name: str
    organisation: str
    units: tuple[str, ...]
    """From the highest unit below the organisation to the person's own; one OU each."""
    locality: str
    country: str = "VN"
    email: str | None = None
    """The official address; a role or a system may have none."""


def subject_der(facts: SubjectFacts) -> bytes:
    """The Name: C, L, O, OU…, CN, all but the country as UTF8String (RFC 5280 section 4.1.2.4).

    A unit's name over 64 characters is written with the office's own abbreviations; `Invalid`
    when a part is empty, still too long, or holds a control character or an ID number.
    """
    above = _above_the_person(facts.country, facts.locality, facts.organisation, facts.units)
    return der.tlv(der.SEQUENCE, above, _common_name_der(facts.common_name))


@lru_cache(maxsize=4096)  # thousands of people share a few hundred units
def _above_the_person(
    country: str, locality: str, organisation: str, units: tuple[str, ...]
) -> bytes:
    return b"".join(
        (
            _relative_der(NameOID.COUNTRY_NAME, _country(country)),
            _relative_der(NameOID.LOCALITY_NAME, written(NameOID.LOCALITY_NAME, locality)),
            _relative_der(NameOID.ORGANIZATION_NAME, written(_O, organisation)),
            *(_relative_der(_OU, written(_OU, unit)) for unit in units),
        )
    )


@lru_cache(maxsize=4096)  # and many a name
def _common_name_der(common_name: str) -> bytes:
    return _relative_der(NameOID.COMMON_NAME, written(NameOID.COMMON_NAME, common_name))


def _relative_der(oid: x509.ObjectIdentifier, text: str) -> bytes:
    """One RelativeDistinguishedName of one attribute."""
    tag = der.PRINTABLE_STRING if oid == NameOID.COUNTRY_NAME else der.UTF8_STRING
    pair = der.tlv(der.SEQUENCE, der.oid(oid.dotted_string), der.tlv(tag, text.encode()))
    return der.tlv(der.SET, pair)


def ca_name(*, country: str = "VN", organisation: str, common_name: str) -> x509.Name:
    """The name of a CA: C, O, CN."""
    return x509.Name(
        [
            x509.NameAttribute(NameOID.COUNTRY_NAME, _country(country)),
            x509.NameAttribute(_O, written(_O, organisation)),
            x509.NameAttribute(NameOID.COMMON_NAME, written(NameOID.COMMON_NAME, common_name)),
        ]
    )


def mailbox(email: str) -> str:
    """The address as it goes into rfc822Name: ASCII, its domain in small letters.

    RFC 5280 section 4.2.1.6 and appendix A.1 (at most 255); `Invalid` for anything else.
    """
    address = email.strip()
    if len(address) > 255 or not EMAIL.fullmatch(address):
        raise Invalid(
            N_("Địa chỉ thư điện tử “%(email)s” không dùng được trong chứng thư."),
            email=email,
            field="email",
        )
    local, _, domain = address.rpartition("@")
    return f"{local}@{domain.lower()}"


def spelled(text: str) -> str:
    """The text as a certificate writes it: NFC, single spaces."""
    return " ".join(unicodedata.normalize("NFC", text).split())


@lru_cache(maxsize=4096)
def written(oid: x509.ObjectIdentifier, value: str) -> str:
    """The text as a certificate's attribute of this type writes it; `Invalid` when it cannot."""
    text, limit = spelled(value), UPPER_BOUNDS[oid]
    if len(text) > limit:
        text = _shortened(text, limit)
    if not text or len(text) > limit:
        raise Invalid(
            N_("“%(text)s” để trống hoặc dài quá %(limit)d ký tự cho phép trong chứng thư."),
            text=text,
            limit=limit,
            field=_FIELDS[oid],
        )
    if ID_NUMBER.search(text) or any(unicodedata.category(c) in ("Cc", "Cf", "Co") for c in text):
        raise Invalid(
            N_("Tên trong chứng thư không được chứa số định danh hoặc ký tự điều khiển."),
            field=_FIELDS[oid],
        )
    return text


def _shortened(text: str, limit: int) -> str:
    for long, short in _SHORT_FORMS:
        if len(text) <= limit:
            break
        text = re.sub(re.escape(long), short, text, flags=re.IGNORECASE)
    return text


def _country(code: str) -> str:
    if not re.fullmatch(r"[A-Z]{2}", code):
        raise Invalid(N_("Mã quốc gia phải gồm hai chữ cái in hoa."), field="country")
    return code
