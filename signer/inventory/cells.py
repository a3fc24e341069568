"""Reads one cell of a roster: dates, addresses, telephone numbers, words from closed lists."""

import re
from collections.abc import Callable, Mapping
from datetime import date, timedelta
from functools import lru_cache
from typing import TypeVar

from signer.errors import N_, Invalid
from signer.inventory.kinds import (
    PERSON_KIND_NAMES,
    SEX_NAMES,
    SIGNING_ROLE_NAMES,
    PersonKind,
    Sex,
    SigningRole,
)
from signer.inventory.names import clean_text, fold
from signer.inventory.sheets import Cell
from signer.inventory.states import STATE_RULES, PersonState

_DATE = re.compile(r"(\d{1,2})\s*[/.\-]\s*(\d{1,2})\s*[/.\-]\s*(\d{4})")
_DATE_ISO = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})(?:[T ]00:00(?::00)?)?")
_DATE_IN_WORDS = re.compile(r"(?:ngay )?(\d{1,2}) thang (\d{1,2}) nam (\d{4})")
_EXCEL_EPOCH = date(1899, 12, 30)  # day 0 of the 1900 date system, its leap-year mistake included
_EXCEL_DAYS = (1_000, 73_050)  # 1902 to 2099: what a birth or issue date may be as a bare number
_EMAIL = re.compile(
    r"[a-z0-9](?:[a-z0-9._+\-]{0,62}[a-z0-9])?"
    r"@(?:[a-z0-9](?:[a-z0-9\-]{0,61}[a-z0-9])?\.)+[a-z]{2,24}"
)
"""The dot-atom of RFC 5322, 3.2.3, in the letters that official addresses use."""
_EMAIL_LENGTH = 254  # RFC 5321, 4.5.3.1.3, less the angle brackets
_MOBILE = re.compile(r"0\d{9}")
_T = TypeVar("_T")
_WORDS = 512
"""A roster says the same few words on every row."""
DATE_HINT = N_("Ghi ngày theo dạng ngày/tháng/năm, ví dụ 05/10/1980.")

_KIND_WORDS: dict[str, PersonKind] = {
    **{fold(name): kind for kind, name in PERSON_KIND_NAMES.items()},
    **{str(kind): kind for kind in PersonKind},
    "cb": PersonKind.CADRE,
    "cc": PersonKind.CIVIL_SERVANT,
    "vc": PersonKind.PUBLIC_EMPLOYEE,
    "hop dong": PersonKind.WORKER,
    "hop dong lao dong": PersonKind.WORKER,
    "hop dong 111": PersonKind.WORKER,
    "nld": PersonKind.WORKER,
}
_SEX_WORDS: dict[str, Sex] = {
    **{fold(name): sex for sex, name in SEX_NAMES.items()},
    "male": Sex.MALE,
    "female": Sex.FEMALE,
}
_STATE_WORDS: dict[str, PersonState] = {
    **{fold(rule.label): state for state, rule in STATE_RULES.items()},
    **{str(state): state for state in PersonState},
    "dang lam viec": PersonState.WORKING,
    "dieu dong": PersonState.ROTATED,
    "luan chuyen": PersonState.ROTATED,
    "thai san": PersonState.MATERNITY_LEAVE,
    "nghi viec khong huong luong": PersonState.UNPAID_LEAVE,
    "tam dinh chi": PersonState.SUSPENDED,
    "da nghi huu": PersonState.RETIRED,
    "huu tri": PersonState.RETIRED,
    "nghi viec": PersonState.RESIGNED,
    "ky luat buoc thoi viec": PersonState.DISMISSED,
    "da mat": PersonState.DECEASED,
}


_ROLE_WORDS: dict[str, SigningRole | None] = {
    **{fold(name.partition(" (")[0]): role for role, name in SIGNING_ROLE_NAMES.items()},
    **{str(role): role for role in SigningRole},
    "ky nhay": SigningRole.SPECIALIST,
    "chuyen vien ky nhay": SigningRole.SPECIALIST,
    "lanh dao ky": SigningRole.LEADER,
    "ky duyet": SigningRole.LEADER,
    "bo phan mot cua": SigningRole.ONE_STOP,
    "can bo mot cua": SigningRole.ONE_STOP,
    "khong": None,
    "khong ky": None,
}
_YES = frozenset({"co", "x", "yes", "true", "1", "dang ky", "co dang ky"})
_NO = frozenset({"khong", "no", "false", "0", "khong dang ky"})
_NETWORKS = ("Viettel", "VinaPhone", "MobiFone", "Vietnamobile", "Gmobile", "iTel", "Wintel")
_NETWORK_WORDS = {
    **{fold(name): name for name in _NETWORKS},
    "vina": "VinaPhone",
    "vnpt": "VinaPhone",
    "mobi": "MobiFone",
    "viettel telecom": "Viettel",
}
_RANK = re.compile(r"\d{2}\.\d{3}|V\.\d{2}\.\d{2}\.\d{2}")
_RANK_TYPED = re.compile(r"(V?)\W*((?:\d\W*)+)", re.IGNORECASE)


def date_of(cell: Cell) -> date:
    """The day in a cell, also as Excel's bare number; `Invalid` if the calendar has no such day."""
    if isinstance(cell, date):
        return cell
    if isinstance(cell, int | float) and not isinstance(cell, bool):
        first, last = _EXCEL_DAYS
        if float(cell).is_integer() and first <= cell <= last:
            return _EXCEL_EPOCH + timedelta(days=int(cell))
        raise Invalid(N_("“%(value)s” không đủ ngày, tháng, năm."), value=f"{cell:g}")
    return _day_of(str(cell))


@lru_cache(maxsize=_WORDS)
def _day_of(cell: str) -> date:
    text = clean_text(cell)
    if found := _DATE.fullmatch(text) or _DATE_IN_WORDS.fullmatch(fold(text).replace(",", "")):
        day, month, year = (int(part) for part in found.groups())
    elif found := _DATE_ISO.fullmatch(text):
        year, month, day = (int(part) for part in found.groups())
    else:
        raise Invalid(N_("“%(value)s” không phải một ngày đầy đủ."), value=text)
    try:
        return date(year, month, day)
    except ValueError as error:
        raise Invalid(N_("Ngày %(value)s không có trong lịch."), value=text) from error


def email_of(text: str) -> str:
    """The address in lower case; raises `Invalid` when it is malformed."""
    address = clean_text(text).lower()
    local = address.partition("@")[0]
    if len(address) > _EMAIL_LENGTH or ".." in local or not _EMAIL.fullmatch(address):
        raise Invalid(N_("Địa chỉ thư điện tử “%(value)s” không đúng dạng."), value=address)
    return address


def is_official(email: str, domains: tuple[str, ...]) -> bool:
    """True when the address is in one of the domains or in a subdomain of one (R3)."""
    return _is_official(email.rpartition("@")[2], domains)


@lru_cache(maxsize=_WORDS)
def _is_official(host: str, domains: tuple[str, ...]) -> bool:
    return any(host == domain or host.endswith("." + domain) for domain in domains)


def mobile_of(cell: Cell) -> str:
    """Ten digits from 0; +84 and a zero that Excel dropped are put right; else `Invalid`."""
    text = f"{cell:.0f}" if isinstance(cell, float) else clean_text(str(cell))
    if _MOBILE.fullmatch(text):
        return text
    digits = re.sub(r"[\s.\-()]", "", text)
    digits = re.sub(r"^(\+?84|0084)(?=\d{9}$)", "0", digits)
    if re.fullmatch(r"[1-9]\d{8}", digits):
        digits = "0" + digits
    if not _MOBILE.fullmatch(digits):
        raise Invalid(N_("Số điện thoại “%(value)s” không phải số di động 10 chữ số."), value=text)
    return digits


def _one_of(words: Mapping[str, _T], sentence: str) -> Callable[[Cell], _T]:
    """Reads a word of a closed list, however it is written; raises `Invalid` for another."""

    @lru_cache(maxsize=_WORDS)
    def meant(text: str) -> _T:
        if (found := words.get(fold(text))) is None:
            raise Invalid(sentence, value=text[:80])
        return found

    return lambda cell: meant(str(cell))


kind_of = _one_of(_KIND_WORDS, N_("“%(value)s” không phải một loại cán bộ."))
sex_of = _one_of(_SEX_WORDS, N_("“%(value)s” không phải giới tính."))
state_of = _one_of(_STATE_WORDS, N_("“%(value)s” không phải một trạng thái công tác."))
network_of = _one_of(_NETWORK_WORDS, N_("“%(value)s” không phải một nhà mạng di động."))


def roles_of(cell: Cell) -> tuple[SigningRole, ...]:
    """The signing roles, in their fixed order; () for "không". Raises `Invalid`."""
    return _roles_in(str(cell))


@lru_cache(maxsize=_WORDS)
def _roles_in(text: str) -> tuple[SigningRole, ...]:
    found: set[SigningRole] = set()
    for part in re.split(r"[,;/+\n]| và ", text):
        word = " ".join(re.sub(r"[^a-z_ ]", " ", fold(part)).split())
        if not word:
            continue
        if word not in _ROLE_WORDS:
            raise Invalid(N_("“%(value)s” không phải một vai trò ký."), value=clean_text(part))
        if (role := _ROLE_WORDS[word]) is not None:
            found.add(role)
    return tuple(role for role in SigningRole if role in found)


def yes_or_no(cell: Cell) -> bool:
    """What a column of ticks says; raises `Invalid` for another word."""
    text = "1" if cell in (True, 1) else "0" if cell in (False, 0) else fold(str(cell))
    if text in _YES:
        return True
    if text in _NO:
        return False
    raise Invalid(N_("“%(value)s” không phải là Có hoặc Không."), value=clean_text(str(cell)))


def rank_of(cell: Cell) -> str:
    """The code of a rank, 01.003 or V.07.03.29, with the dots and zeros that Excel took.

    Raises `Invalid`.
    """
    text = f"{cell:.3f}" if isinstance(cell, float) else clean_text(str(cell)).upper()
    code = text.replace(" ", "")
    if isinstance(cell, float) and len(code) < 6:
        code = code.zfill(6)
    elif not _RANK.fullmatch(code) and (typed := _RANK_TYPED.fullmatch(text)):
        digits = re.sub(r"\D", "", typed[2])
        if not typed[1] and len(digits) == 5:
            code = f"{digits[:2]}.{digits[2:]}"
        elif typed[1] and len(digits) == 6:
            code = f"V.{digits[:2]}.{digits[2:4]}.{digits[4:]}"
    if not _RANK.fullmatch(code):
        raise Invalid(N_("Mã ngạch “%(value)s” không đúng dạng."), value=text[:40])
    return code
