"""Finds the list inside a roster: its header under the title rows, its people, its end."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from signer.errors import N_, Invalid
from signer.inventory.names import clean_text, fold, legacy_font_of
from signer.inventory.sheets import Cell, Sheet, read_sheets


class Field(StrEnum):
    """What a column of a roster can hold (domain.md 4.1)."""

    NUMBER = "number"
    CODE = "code"
    FULL_NAME = "full_name"
    FAMILY_NAME = "family_name"
    GIVEN_NAME = "given_name"
    BIRTH_DATE = "birth_date"
    BIRTH_DATE_MALE = "birth_date_male"
    BIRTH_DATE_FEMALE = "birth_date_female"
    SEX = "sex"
    ID_NUMBER = "id_number"
    ID_ISSUED_ON = "id_issued_on"
    ID_ISSUED_BY = "id_issued_by"
    KIND = "kind"
    UNIT = "unit"
    DIVISION = "division"
    TITLE = "title"
    EMAIL = "email"
    MOBILE = "mobile"
    STATE = "state"
    STATE_SINCE = "state_since"


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
    Field.ID_ISSUED_ON: "ngay cap|ngay cap cccd|ngay cap cccd ddcn|ngay thang nam cap",
    Field.ID_ISSUED_BY: "noi cap|noi cap cccd|co quan cap|noi cap cccd ddcn",
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
}
_FIELD_OF = {words: field for field, text in _SYNONYMS.items() for words in text.split("|")}
_BIRTH_BY_SEX = {"nam": Field.BIRTH_DATE_MALE, "nu": Field.BIRTH_DATE_FEMALE}
_NAMES_SHOWN: dict[Field, str] = {
    Field.CODE: N_("Mã cán bộ"),
    Field.FULL_NAME: N_("Họ và tên"),
    Field.UNIT: N_("Đơn vị"),
}
_HEADER_WITHIN_ROWS = 60
_HEADER_FIELDS = 3  # a title row may happen to hold one or two of the words
_ROW_FIELDS = 3  # fewer filled cells and no code: a group heading or a signature
_TOTAL = re.compile(r"(tổng( cộng| số| hợp)?|cộng)\b[\s:.]*(\(?\d|$|người|cộng|danh sách|là)")
_CODE = re.compile(r"[A-Za-z0-9Đđ][A-Za-z0-9Đđ._/\-]{0,19}")
_COLUMN_NUMBER = re.compile(r"\(?(\d{1,2}|[A-Za-z])(\.0)?\)?")


@dataclass(frozen=True, kw_only=True)
class Column:
    """One recognised column: `index` counts from 0, `letter` is the spreadsheet's."""

    field: Field
    index: int
    letter: str
    heading: str


@dataclass(frozen=True, kw_only=True)
class TableRow:
    """One person's row: its spreadsheet number and its cells by field, blanks left out."""

    number: int
    cells: Mapping[Field, Cell]


@dataclass(frozen=True, kw_only=True)
class Table:
    """The list found in a file. `ignored` are rows below the header that are no person's."""

    sheet: str
    header_row: int
    """The last row of the header."""
    columns: Mapping[Field, Column]
    rows: tuple[TableRow, ...]
    ignored: tuple[int, ...]
    unknown_headings: tuple[str, ...]
    remark: str | None = None


def read_table(path: Path, *, limit_bytes: int) -> Table:
    """The list in the first sheet that has a header; raises `Invalid` in the clerk's words."""
    sheets = read_sheets(path, limit_bytes=limit_bytes)
    for sheet in sheets:
        if (place := _find_header(sheet.rows)) is not None:
            return _table_of(sheet, place)
    _refuse_old_fonts(sheets)
    raise Invalid(
        N_(
            "Không tìm thấy dòng tiêu đề của danh sách "
            "(cần có các cột Mã cán bộ, Họ và tên, Đơn vị)."
        ),
        field="file",
    )


def column_letter(index: int) -> str:
    """0 is A, 25 is Z, 26 is AA."""
    letters = ""
    index += 1
    while index:
        index, rest = divmod(index - 1, 26)
        letters = chr(65 + rest) + letters
    return letters


def as_text(cell: Cell) -> str:
    """The cell as a person would type it; whole numbers without their ".0"."""
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return str(cell)
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    if isinstance(cell, str):
        return clean_text(cell)
    return cell.strftime("%d/%m/%Y") if not isinstance(cell, int | float) else str(cell)


def _find_header(rows: Sequence[Sequence[Cell]]) -> int | None:
    """The index of the header's first row: the one with most known headings, if enough."""
    best, most = None, _HEADER_FIELDS - 1
    for place, row in enumerate(rows[:_HEADER_WITHIN_ROWS]):
        fields = {_field_of(_heading(cell)) for cell in row if isinstance(cell, str)} - {None}
        names_people = fields & {Field.FULL_NAME, Field.GIVEN_NAME}
        if names_people and len(fields) > most:
            best, most = place, len(fields)
    return best


def _table_of(sheet: Sheet, place: int) -> Table:
    columns, height, unknown = _columns_of(sheet.rows, place)
    missing = [
        shown
        for field, shown in _NAMES_SHOWN.items()
        if field not in columns and not (field is Field.FULL_NAME and Field.GIVEN_NAME in columns)
    ]
    if missing:
        raise Invalid(
            N_("Danh sách thiếu cột bắt buộc: %(columns)s."),
            field="file",
            columns=", ".join(missing),
        )
    first = place + height
    rows, ignored = _people_rows(sheet.rows, first, columns)
    return Table(
        sheet=sheet.name,
        header_row=first,
        columns=columns,
        rows=tuple(rows),
        ignored=tuple(ignored),
        unknown_headings=tuple(unknown),
        remark=sheet.remark,
    )


def _columns_of(
    rows: Sequence[Sequence[Cell]], place: int
) -> tuple[dict[Field, Column], int, list[str]]:
    """The columns by field, the header's height in rows, and the headings nobody knows."""
    top = rows[place]
    below = rows[place + 1] if place + 1 < len(rows) else []
    two_rows = _is_second_header(top, below)
    columns: dict[Field, Column] = {}
    unknown: list[str] = []
    group = ""
    for index in range(max(len(top), len(below) if two_rows else 0)):
        upper = _text_at(top, index)
        lower = _text_at(below, index) if two_rows else ""
        group = upper or (group if lower else "")  # a merged cell keeps its text in the first
        field = _field_of_pair(_heading(group), _heading(lower))
        heading = " – ".join(part for part in (group, lower) if part)
        if field is None:
            if heading:
                unknown.append(heading)
        elif field not in columns:
            columns[field] = Column(
                field=field, index=index, letter=column_letter(index), heading=heading
            )
    return columns, 2 if two_rows else 1, unknown


def _is_second_header(top: Sequence[Cell], below: Sequence[Cell]) -> bool:
    """True when the next row splits merged headings: texts only, under group headings."""
    filled = [(i, cell) for i, cell in enumerate(below) if _text_at(below, i)]
    if not filled or not all(isinstance(cell, str) for _, cell in filled):
        return False
    known = 0
    for index, cell in filled:
        upper = _text_at(top, index)
        if upper and _field_of(_heading(upper)) in (Field.CODE, Field.FULL_NAME):
            return False  # a person's code or name stands here, not a heading
        text = _heading(cell)
        known += (_field_of(text) is not None) or text in _BIRTH_BY_SEX or text == "so"
    return known * 2 >= len(filled)


def _field_of_pair(upper: str, lower: str) -> Field | None:
    if lower in _BIRTH_BY_SEX and _field_of(upper) is Field.BIRTH_DATE:
        return _BIRTH_BY_SEX[lower]
    if lower:
        return _field_of(lower) or _field_of(f"{upper} {lower}") or _field_of(upper)
    return _field_of(upper)


def _heading(cell: Cell) -> str:
    """The folded words of a heading, without numbers, punctuation and remarks in brackets."""
    if not isinstance(cell, str):
        return ""
    without_remarks = re.sub(r"\([^)]*\)", " ", cell)
    words = fold(without_remarks) or fold(cell)
    return " ".join(re.sub(r"[^a-z]+", " ", words).split())


def _field_of(heading: str) -> Field | None:
    return _FIELD_OF.get(heading)


def _text_at(row: Sequence[Cell], index: int) -> str:
    return as_text(row[index]) if index < len(row) else ""


def _people_rows(
    rows: Sequence[Sequence[Cell]], first: int, columns: Mapping[Field, Column]
) -> tuple[list[TableRow], list[int]]:
    people: list[TableRow] = []
    ignored: list[int] = []
    after_total = False
    for place in range(first, len(rows)):
        row = rows[place]
        cells: dict[Field, Cell] = {}
        for field, column in columns.items():
            cell = row[column.index] if column.index < len(row) else None
            if cell is not None and not (isinstance(cell, str) and not clean_text(cell)):
                cells[field] = cell
        if not any(cell is not None for cell in row):
            continue
        if _is_total(row):
            after_total = True
            ignored.append(place + 1)
        elif _is_person(cells, after_total=after_total):
            people.append(TableRow(number=place + 1, cells=cells))
        else:
            ignored.append(place + 1)
    return people, ignored


def _is_total(row: Iterable[Cell]) -> bool:
    first = next((cell for cell in row if cell is not None and as_text(cell)), None)
    return isinstance(first, str) and _TOTAL.match(clean_text(first).casefold()) is not None


def _is_person(cells: Mapping[Field, Cell], *, after_total: bool) -> bool:
    """Tells a person's row from a group heading, a row of column numbers and a signature."""
    code = as_text(cells.get(Field.CODE))
    if not after_total and _CODE.fullmatch(code) and not _COLUMN_NUMBER.fullmatch(code):
        return True
    texts = {f: as_text(c) for f, c in cells.items() if f is not Field.NUMBER}
    if texts and all(_COLUMN_NUMBER.fullmatch(text) for text in texts.values()):
        return False  # (1) (2) (3) under the header
    has_code = _CODE.fullmatch(code) is not None
    names = Field.FULL_NAME in texts or Field.GIVEN_NAME in texts
    if after_total:
        return has_code and len(texts) >= _ROW_FIELDS
    if has_code:
        return True
    return len(texts) >= _ROW_FIELDS and (names or Field.UNIT in texts)


def _refuse_old_fonts(sheets: Sequence[Sheet]) -> None:
    for sheet in sheets:
        for row in sheet.rows[:_HEADER_WITHIN_ROWS]:
            for cell in row:
                font = legacy_font_of(cell) if isinstance(cell, str) else None
                if font is not None:
                    raise Invalid(
                        N_(
                            "Tệp dùng bảng mã cũ %(font)s, không phải Unicode; "
                            "hãy chuyển mã sang Unicode rồi tải lên lại."
                        ),
                        field="file",
                        font=font,
                    )
