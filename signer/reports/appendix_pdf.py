"""The appendix's table on pages across: the header again on each page, the total last."""

from collections.abc import Sequence

from reportlab.lib.colors import black
from reportlab.lib.enums import TA_CENTER, TA_LEFT
from reportlab.platypus import Flowable, LongTable, Paragraph, Spacer

from signer.reports.columns import COLUMNS, SPANS, Sort
from signer.reports.decree30 import TableAppendix
from signer.reports.typesetting import paragraph, printed, width_of

_SIZES = (9.0, 8.0, 7.0, 6.0)
_TEXT_ROOM = 190.0
"""Points that unit and remark need between them; a city's large figures get smaller letters."""
_PAD = 2.0
_LABEL_SHARE = 0.58
HEAD_ROWS = 2


def appendix_story(appendix: TableAppendix, room: float) -> list[Flowable]:
    """Title, what it belongs to, the table over `room` points of width, the notes."""
    return [
        *(part for line in appendix.above() for part in printed(line)),
        Spacer(1, 8),
        _table(appendix, room),
        Spacer(1, 6),
        *(part for note in appendix.below() for part in printed(note, alignment=TA_LEFT)),
    ]


def _table(appendix: TableAppendix, room: float) -> LongTable:
    texts = [line.texts() for line in appendix.lines]
    size, widths = fitted(texts, room)
    rows: list[list[str | Paragraph]] = [*_header(size)]
    looks: list[tuple[object, ...]] = _frame(size)
    for number, (line, cells) in enumerate(zip(appendix.lines, texts, strict=True), HEAD_ROWS):
        is_strong = line.is_total or line.figures is None
        font, points = ("Serif-Bold" if is_strong else "Serif"), size - (line.level and 1)
        rows.append(
            [
                paragraph(cell, font, points, leading=1.15)
                if column.key in _WRAPPED and width_of(cell, font, points) > width - 2 * _PAD
                else cell
                for column, cell, width in zip(COLUMNS, cells, widths, strict=True)
            ]
        )
        if is_strong:
            looks.append(("FONTNAME", (0, number), (-1, number), font))
        if line.figures is None:
            looks.append(("SPAN", (1, number), (-1, number)))
        if line.level:
            looks.append(("FONTSIZE", (0, number), (-1, number), points))
    return LongTable(rows, colWidths=widths, repeatRows=HEAD_ROWS, style=looks, splitInRow=1)


_WRAPPED = {"label": "LEFT", "remark": "LEFT"}


def fitted(texts: Sequence[Sequence[str]], room: float) -> tuple[float, list[float]]:
    """The largest letters with which every figure stays on one line, and the columns' widths."""
    for size in _SIZES:
        widths = [
            0.0 if column.key in _WRAPPED else _needed(index, column.heading, texts, size)
            for index, column in enumerate(COLUMNS)
        ]
        left = room - sum(widths)
        if left >= _TEXT_ROOM or size == _SIZES[-1]:
            break
    share = {"label": left * _LABEL_SHARE, "remark": left * (1 - _LABEL_SHARE)}
    return size, [
        share.get(column.key, width) for column, width in zip(COLUMNS, widths, strict=True)
    ]


def _needed(index: int, heading: str, texts: Sequence[Sequence[str]], size: float) -> float:
    words = [(word, size - 1) for word in heading.split()]
    cells = [(cells[index], size) for cells in texts]
    return (
        max(width_of(text, "Serif-Bold", points) for text, points in words + cells) + 2 * _PAD + 1
    )


def _header(size: float) -> tuple[list[str | Paragraph], list[str | Paragraph]]:
    upper, lower = [], []
    for column in COLUMNS:
        words = paragraph(column.heading, "Serif-Bold", size - 1, alignment=TA_CENTER, leading=1.15)
        group = paragraph(column.group, "Serif-Bold", size - 1, alignment=TA_CENTER, leading=1.15)
        upper.append(group if column.group else words)
        lower.append(words if column.group else "")
    return upper, lower


def _frame(size: float) -> list[tuple[object, ...]]:
    looks: list[tuple[object, ...]] = [
        ("GRID", (0, 0), (-1, -1), 0.5, black),
        ("FONT", (0, 0), (-1, -1), "Serif", size),
        ("VALIGN", (0, 0), (-1, -1), "MIDDLE"),
        ("LEFTPADDING", (0, 0), (-1, -1), _PAD),
        ("RIGHTPADDING", (0, 0), (-1, -1), _PAD),
        ("TOPPADDING", (0, 0), (-1, -1), 1.5),
        ("BOTTOMPADDING", (0, 0), (-1, -1), 2.5),
    ]
    for span in SPANS:
        looks.append(("SPAN", (span.first, 0), (span.last, 0 if span.is_group else 1)))
    for index, column in enumerate(COLUMNS):
        alignment = "RIGHT" if column.sort is not Sort.TEXT else _WRAPPED.get(column.key, "CENTER")
        looks.append(("ALIGN", (index, HEAD_ROWS), (index, -1), alignment))
    return looks
