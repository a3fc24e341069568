"""The list inside a roster file: its header under the title rows, its people, its end."""

import dataclasses
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import islice

from signer.errors import N_, Invalid
from signer.inventory.fields import Column, Field, Heading, as_text, column_letter
from signer.inventory.headings import (
    CORRECTION_SHEET,
    HEADER_WITHIN_ROWS,
    Chosen,
    Remembered,
    columns_of,
    find_header,
    header_height,
    missing_columns,
)
from signer.inventory.legacy import Evidence, Font, evidence, to_unicode
from signer.inventory.names import clean_text
from signer.inventory.sheets import Cell, Sheet

__all__ = ["Column", "Field", "Table", "TableRow", "as_text", "column_letter", "find_table"]

_ROW_FIELDS = 3  # fewer filled cells and no code: a group heading or a signature
_TOTAL = re.compile(r"(tổng( cộng| số| hợp)?|cộng)\b[\s:.]*(\(?\d|$|người|cộng|danh sách|là)")
_CODE = re.compile(r"[A-Za-z0-9Đđ][A-Za-z0-9Đđ._/\-]{0,19}")
_COLUMN_NUMBER = re.compile(r"\(?(\d{1,2}|[A-Za-z])(\.0)?\)?")
_EVIDENCE_ROWS = 3_000
"""Rows whose words say how a column is written."""
CONVERTED = {
    Font.TCVN3: N_(
        "Chữ viết bằng phông cũ TCVN3 (.VnTime…) đã được chuyển sang Unicode; "
        "hãy xem lại vài tên trước khi ghi."
    ),
    Font.VNI: N_(
        "Chữ viết bằng phông cũ VNI (VNI-Times…) đã được chuyển sang Unicode; "
        "hãy xem lại vài tên trước khi ghi."
    ),
}


@dataclass(frozen=True, kw_only=True)
class TableRow:
    """One person's row: its spreadsheet number and its cells by field, blanks left out."""

    number: int
    cells: Mapping[Field, Cell]
    doubtful: Mapping[Field, Font] = dataclasses.field(default_factory=dict)
    """Cells that may be of an old font or not, in a column that mixes both."""

    @cached_property
    def code(self) -> str:
        """The person's code as the row writes it; empty when it has none."""
        return as_text(self.cells.get(Field.CODE)).upper().replace(" ", "")


@dataclass(frozen=True, kw_only=True)
class Table:
    """The list found in a file; its rows are read from there each time they are walked through."""

    sheet: Sheet
    header_row: int
    """The last row of the header."""
    columns: Mapping[Field, Column]
    headings: tuple[Heading, ...]
    missing: tuple[str, ...]
    """Required columns that it lacks; without them its rows say nothing of use."""
    fonts: Mapping[Field, Evidence]
    remark: str | None = None
    other_lists: tuple[str, ...] = ()
    """Further sheets that have a header too; they are not read."""

    @property
    def unknown_headings(self) -> tuple[str, ...]:
        """Headings of columns that are not used."""
        return tuple(h.heading for h in self.headings if h.field is None and h.heading)

    def rows(self) -> Iterator[TableRow | int]:
        """The people's rows; of rows that name nobody (headings, totals, signatures) the number."""
        after_total = False
        for number, row in self.sheet.numbered():
            if number <= self.header_row or row.count(None) == len(row):
                continue
            if _is_total(row):
                after_total = True
                yield number
                continue
            found = self._row(number, row)
            yield found if _is_person(found.cells, after_total=after_total) else number

    def rows_of(self, numbers: Collection[int]) -> Iterator[TableRow]:
        """These rows again, all known to be people's."""
        return (self._row(number, row) for number, row in self.sheet.numbered(numbers))

    @cached_property
    def _places(self) -> list[tuple[Field, int]]:
        return [(field, column.index) for field, column in self.columns.items()]

    def _row(self, number: int, row: Sequence[Cell]) -> TableRow:
        cells: dict[Field, Cell] = {}
        for field, index in self._places:
            cell = row[index] if index < len(row) else None
            if cell is not None and not (isinstance(cell, str) and not clean_text(cell)):
                cells[field] = cell
        return _in_unicode(TableRow(number=number, cells=cells), self.fonts)


def find_table(
    sheets: Sequence[Sheet], remembered: Remembered | None = None, chosen: Chosen | None = None
) -> Table:
    """The list in the first sheet that has a header; raises `Invalid` in the clerk's words."""
    found: list[Table] = []
    for sheet in sheets:
        meanings = {} if sheet.name == CORRECTION_SHEET else remembered or {}
        head = sheet.head(HEADER_WITHIN_ROWS + 1)
        for font in [sheet.font] if sheet.font else [None, *Font]:
            rows = [[_text_in(font, cell) for cell in row] for row in head]
            if (place := find_header(rows, meanings)) is not None:
                found.append(_table_of(sheet, rows, place, meanings, chosen))
                break
    if found:
        return replace(found[0], other_lists=tuple(table.sheet.name for table in found[1:]))
    raise Invalid(
        N_(
            "Không tìm thấy dòng tiêu đề của danh sách "
            "(cần có các cột Mã cán bộ, Họ và tên, Đơn vị)."
        ),
        field="file",
    )


def _table_of(
    sheet: Sheet,
    head: Sequence[Sequence[Cell]],
    place: int,
    remembered: Remembered,
    chosen: Chosen | None,
) -> Table:
    height = header_height(head, place)
    columns, texts = columns_of(head[place : place + height], remembered, chosen)
    fonts = _fonts_of(sheet, place + height, columns)
    converted = next((found.font for found in fonts.values() if not found.is_mixed), None)
    table = Table(
        sheet=sheet,
        header_row=place + height,
        columns=columns,
        headings=(),
        missing=tuple(missing_columns(columns)),
        fonts=fonts,
        remark=CONVERTED[converted] if converted else sheet.remark,
    )
    return replace(table, headings=_headings_of(table, texts))


def _headings_of(table: Table, texts: Sequence[tuple[int, str]]) -> tuple[Heading, ...]:
    """Every column that has a heading or something under it, as a clerk sees it."""
    fields = {column.index: field for field, column in table.columns.items()}
    first: list[Cell] = next(
        (row for n, row in table.sheet.numbered() if n > table.header_row and len(row) > 2), []
    )
    width = max([len(first), *(index + 1 for index, _ in texts)])
    heading_of = dict(texts)
    font = table.sheet.font or next((e.font for e in table.fonts.values()), None)
    return tuple(
        Heading(
            letter=column_letter(index),
            heading=heading_of.get(index, ""),
            field=fields.get(index),
            example=as_text(_text_in(font, first[index]) if index < len(first) else None)[:60],
        )
        for index in range(width)
        if heading_of.get(index) or (index < len(first) and as_text(first[index]))
    )


# Text of before Unicode


def _fonts_of(
    sheet: Sheet, header_row: int, columns: Mapping[Field, Column]
) -> dict[Field, Evidence]:
    """How each column of text is written, by the words of its first rows."""
    if sheet.font:
        return dict.fromkeys(columns, Evidence(font=sheet.font, is_mixed=False))
    texts: dict[Field, list[str]] = {field: [] for field in columns}
    for row in islice(sheet.rows(), header_row, header_row + _EVIDENCE_ROWS):
        for field, column in columns.items():
            cell = row[column.index] if column.index < len(row) else None
            if isinstance(cell, str) and not cell.isascii():
                texts[field].append(cell)
    found = {field: evidence(words) for field, words in texts.items() if words}
    return {field: said for field, said in found.items() if said is not None}


def _text_in(font: Font | None, cell: Cell) -> Cell:
    """The cell in Unicode if it was typed for that font; else as it is."""
    if font is None or not isinstance(cell, str):
        return cell
    meant = to_unicode(cell, font)
    return cell if meant is None else meant


def _in_unicode(row: TableRow, fonts: Mapping[Field, Evidence]) -> TableRow:
    if not fonts:
        return row
    cells = dict(row.cells)
    doubtful: dict[Field, Font] = {}
    for field, found in fonts.items():
        cell = cells.get(field)
        if not isinstance(cell, str) or cell.isascii():
            continue
        if not found.is_mixed:
            cells[field] = _text_in(found.font, cell)
        elif to_unicode(cell, found.font) is not None:
            doubtful[field] = found.font
    return TableRow(number=row.number, cells=cells, doubtful=doubtful)


# Whose row it is


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
