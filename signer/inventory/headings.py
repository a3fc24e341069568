"""Finds a roster's header under its title rows, and what each column holds."""

import re
from collections.abc import Mapping, Sequence

from signer.inventory.fields import FIELD_NAMES, Column, Field, as_text, column_letter
from signer.inventory.names import fold
from signer.inventory.sheets import Cell

_SYNONYMS: dict[Field, str] = {
    Field.NUMBER: "stt|so thu tu|tt",
    Field.CODE: "ma cb|ma can bo|ma cbcc|ma cbccvc|ma cong chuc|ma vien chuc|ma nhan vien|ma nv"
    "|ma so can bo|ma so cbccvc|so hieu cbccvc|so hieu cong chuc|ma so|ma ho so",
    Field.FULL_NAME: "ho va ten|ho ten|ho va ten khai sinh|ho ten khai sinh|ho va ten can bo"
    "|ho va ten cbccvc|ten can bo|ho ten can bo|ho dem va ten",
    Field.FAMILY_NAME: "ho|ho dem|ho va dem|ho va ten dem|ho va chu dem|ho lot",
    Field.GIVEN_NAME: "ten",
    Field.BIRTH_DATE: "ngay sinh|ngay thang nam sinh|nam sinh|sinh ngay|ngay thang sinh",
    Field.BIRTH_DATE_MALE: "ngay sinh nam",
    Field.BIRTH_DATE_FEMALE: "ngay sinh nu",
    Field.SEX: "gioi tinh|phai|nam nu|gioi",
    Field.ID_NUMBER: "so cccd|cccd|so cccd ddcn|cccd ddcn|so dinh danh|so dinh danh ca nhan"
    "|so ddcn|ddcn|so can cuoc|so can cuoc cong dan|can cuoc cong dan|so the can cuoc"
    "|so cmnd|cmnd|so cmnd cccd|cmnd cccd|so cccd cmnd|cccd cmnd|can cuoc|so giay to"
    "|so dinh danh ca nhan cccd|so cccd so dinh danh ca nhan",
    Field.ID_ISSUED_ON: "ngay cap|ngay cap cccd|ngay cap cccd ddcn|ngay thang nam cap"
    "|ngay cap so dinh danh",
    Field.ID_ISSUED_BY: "noi cap|noi cap cccd|co quan cap|noi cap cccd ddcn|noi cap so dinh danh",
    Field.KIND: "loai|loai can bo|doi tuong|loai cbccvc|loai doi tuong|dien|phan loai"
    "|can bo cong chuc vien chuc",
    Field.UNIT: "don vi|co quan|co quan to chuc|co quan don vi|don vi cong tac|co quan cong tac"
    "|co quan to chuc cong tac|co quan don vi cong tac|ten don vi|noi cong tac|ma don vi",
    Field.DIVISION: "phong|phong ban|don vi truc thuoc|phong don vi truc thuoc|bo phan"
    "|phong chuyen mon|phong ban don vi truc thuoc",
    Field.TITLE: "chuc vu|chuc danh|chuc vu chuc danh|chuc danh chuc vu",
    Field.EMAIL: "thu dien tu cong vu|thu dien tu|email|e mail|email cong vu|thu cong vu"
    "|dia chi thu dien tu cong vu|dia chi thu dien tu|dia chi email|hop thu cong vu",
    Field.MOBILE: "so dien thoai di dong|so dien thoai|dien thoai|di dong|sdt|so dt"
    "|dien thoai di dong|so di dong|mobile",
    Field.STATE: "trang thai|trang thai cong tac|tinh trang|tinh trang cong tac",
    Field.STATE_SINCE: "tu ngay|ngay hieu luc|trang thai tu ngay|ngay thay doi",
    Field.STATE_DECISION: "so quyet dinh|quyet dinh so|quyet dinh|so qd|qd so",
    Field.RANK_CODE: "ma ngach|ngach|ma so ngach|ma ngach cong chuc|ngach cong chuc"
    "|ma chuc danh nghe nghiep|ma ngach chuc danh nghe nghiep|ma so chuc danh nghe nghiep",
    Field.SIGNING_ROLES: "vai tro ky|vai tro|vai tro ky so|vai tro trong ky so",
    Field.SIM_PKI: "sim pki|dang ky sim pki|dang ky sim|su dung sim pki|co dang ky sim pki",
    Field.MOBILE_NETWORK: "nha mang|mang di dong|nha mang di dong|nha cung cap sim|mang",
}
_FIELD_OF = {words: field for field, text in _SYNONYMS.items() for words in text.split("|")}
_BIRTH_BY_SEX = {"nam": Field.BIRTH_DATE_MALE, "nu": Field.BIRTH_DATE_FEMALE}
_REQUIRED = (Field.CODE, Field.FULL_NAME, Field.UNIT)
CORRECTION_SHEET = "Dòng lỗi"
"""The sheet of refused rows that we write ourselves: its headings mean what they say, whatever
a clerk once said of the same words elsewhere."""
HEADER_WITHIN_ROWS = 60
_HEADER_FIELDS = 3  # a title row may happen to hold one or two of the words

Remembered = Mapping[str, Field | None]
"""What a clerk said of headings before, by their folded words; None: not to be used."""
Chosen = Mapping[str, Field | None]
"""What a clerk says of this file's columns, by their letters."""


def find_header(rows: Sequence[Sequence[Cell]], remembered: Remembered) -> int | None:
    """The index of the header's first row: the one with most known headings, if enough."""
    best, most = None, _HEADER_FIELDS - 1
    for place, row in enumerate(rows[:HEADER_WITHIN_ROWS]):
        words = [heading_key(cell) for cell in row if isinstance(cell, str)]
        fields = {remembered.get(w) or _FIELD_OF.get(w) for w in words} - {None}
        names_people = fields & {Field.FULL_NAME, Field.GIVEN_NAME}
        if names_people and len(fields) > most:
            best, most = place, len(fields)
    return best


def header_height(rows: Sequence[Sequence[Cell]], place: int) -> int:
    """2 when the row below the header splits its merged headings, else 1."""
    below = rows[place + 1] if place + 1 < len(rows) else []
    return 2 if _is_second_header(rows[place], below) else 1


def columns_of(
    header: Sequence[Sequence[Cell]], remembered: Remembered, chosen: Chosen | None
) -> tuple[dict[Field, Column], list[tuple[int, str]]]:
    """The columns by field, and place and text of every heading, known or not.

    What a clerk chose goes before what was remembered, and that before the usual words. Of two
    columns with one meaning the first counts.
    """
    columns: dict[Field, Column] = {}
    headings: list[tuple[int, str]] = []
    group = ""
    top, below = header[0], header[1] if len(header) > 1 else []
    for index in range(max(len(top), len(below))):
        upper, lower = _text_at(top, index), _text_at(below, index)
        group = upper or (group if lower else "")  # a merged cell keeps its text in the first
        heading = " – ".join(part for part in (group, lower) if part)
        headings.append((index, heading))
        letter = column_letter(index)
        if chosen is not None:
            field = chosen.get(letter)
        elif (key := heading_key(heading)) in remembered:
            field = remembered[key]
        else:
            field = _field_of_pair(heading_key(group), heading_key(lower))
        if field is not None and field not in columns:
            columns[field] = Column(field=field, index=index, letter=letter, heading=heading)
    return columns, headings


def missing_columns(columns: Mapping[Field, Column]) -> list[str]:
    """What a roster cannot do without and this one lacks, in the clerk's words."""
    return [
        FIELD_NAMES[field]
        for field in _REQUIRED
        if field not in columns and not (field is Field.FULL_NAME and Field.GIVEN_NAME in columns)
    ]


def heading_key(cell: Cell) -> str:
    """The folded words of a heading, without numbers, punctuation and remarks in brackets."""
    if not isinstance(cell, str):
        return ""
    without_remarks = re.sub(r"\([^)]*\)", " ", cell)
    words = fold(without_remarks) or fold(cell)
    return " ".join(re.sub(r"[^a-z]+", " ", words).split())


def _is_second_header(top: Sequence[Cell], below: Sequence[Cell]) -> bool:
    """True when the next row splits merged headings: texts only, under group headings."""
    filled = [(i, cell) for i, cell in enumerate(below) if _text_at(below, i)]
    if not filled or not all(isinstance(cell, str) for _, cell in filled):
        return False
    known = 0
    for index, cell in filled:
        upper = _text_at(top, index)
        if upper and _FIELD_OF.get(heading_key(upper)) in (Field.CODE, Field.FULL_NAME):
            return False  # a person's code or name stands here, not a heading
        text = heading_key(cell)
        known += text in _FIELD_OF or text in _BIRTH_BY_SEX or text == "so"
    return known * 2 >= len(filled)


def _field_of_pair(upper: str, lower: str) -> Field | None:
    if lower in _BIRTH_BY_SEX and _FIELD_OF.get(upper) is Field.BIRTH_DATE:
        return _BIRTH_BY_SEX[lower]
    if lower:
        return _FIELD_OF.get(lower) or _FIELD_OF.get(f"{upper} {lower}") or _FIELD_OF.get(upper)
    return _FIELD_OF.get(upper)


def _text_at(row: Sequence[Cell], index: int) -> str:
    return as_text(row[index]) if index < len(row) else ""
