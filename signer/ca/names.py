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

from signer.errors import N_, Invalid

UPPER_BOUNDS = {  # RFC 5280 appendix A.1, in characters
    NameOID.COUNTRY_NAME: 2,
    NameOID.LOCALITY_NAME: 128,
    NameOID.ORGANIZATION_NAME: 64,
    NameOID.ORGANIZATIONAL_UNIT_NAME: 64,
    NameOID.COMMON_NAME: 64,
}
ID_NUMBER = re.compile(r"(?<!\d)(?:\d{9}|\d{12})(?!\d)")
"""Old 9-digit and present 12-digit personal numbers (domain R2)."""

_EMAIL = re.compile(
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


def subject_name(facts: SubjectFacts) -> x509.Name:
    """C, L, O, OU…, CN, all but the country as UTF8String (RFC 5280 section 4.1.2.4).

    A unit's name over 64 characters is written with the office's own abbreviations; `Invalid`
    when a part is empty, still too long, or holds a control character or an ID number.
    """
    parts = [
        x509.NameAttribute(NameOID.COUNTRY_NAME, _country(facts.country)),
        _attribute(NameOID.LOCALITY_NAME, facts.locality, "locality"),
        _attribute(NameOID.ORGANIZATION_NAME, facts.organisation, "organisation"),
    ]
    parts += [_attribute(NameOID.ORGANIZATIONAL_UNIT_NAME, u, "units") for u in facts.units]
    parts.append(_attribute(NameOID.COMMON_NAME, facts.common_name, "common_name"))
    return x509.Name(parts)


def ca_name(*, country: str, organisation: str, common_name: str) -> x509.Name:
    """The name of a CA: C, O, CN."""
    return x509.Name(
        [
            x509.NameAttribute(NameOID.COUNTRY_NAME, _country(country)),
            _attribute(NameOID.ORGANIZATION_NAME, organisation, "organisation"),
            _attribute(NameOID.COMMON_NAME, common_name, "common_name"),
        ]
    )


def mailbox(email: str) -> str:
    """The address as it goes into rfc822Name: ASCII, its domain in small letters.

    RFC 5280 section 4.2.1.6 and appendix A.1 (at most 255); `Invalid` for anything else.
    """
    address = email.strip()
    if len(address) > 255 or not _EMAIL.fullmatch(address):
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


@lru_cache(maxsize=1024)  # thousands of people share a few hundred units
def _attribute(oid: x509.ObjectIdentifier, value: str, field: str) -> x509.NameAttribute[str]:
    text = spelled(value)
    if len(text) > UPPER_BOUNDS[oid]:
        text = _shortened(text, UPPER_BOUNDS[oid])
    if not text or len(text) > UPPER_BOUNDS[oid]:
        raise Invalid(
            N_("“%(text)s” để trống hoặc dài quá %(limit)d ký tự cho phép trong chứng thư."),
            text=text,
            limit=UPPER_BOUNDS[oid],
            field=field,
        )
    if ID_NUMBER.search(text) or any(unicodedata.category(c) in ("Cc", "Cf", "Co") for c in text):
        raise Invalid(
            N_("Tên trong chứng thư không được chứa số định danh hoặc ký tự điều khiển."),
            field=field,
        )
    return x509.NameAttribute(oid, text)


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
