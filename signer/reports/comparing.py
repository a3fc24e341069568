"""What differs between two appendices of the same unit: by line and column, nothing else."""

from dataclasses import dataclass

from signer.reports.appendix import Appendix, AppendixRow
from signer.reports.columns import COLUMNS, Cell, Column, Line, Sort, lines_of
from signer.reports.wording import Say, in_vietnamese


@dataclass(frozen=True, kw_only=True)
class Difference:
    """One figure that changed; a line that only one of the two has differs in its figures."""

    label: str
    column: Column
    before: Cell
    after: Cell


def differences(
    before: Appendix, after: Appendix, say: Say = in_vietnamese
) -> tuple[Difference, ...]:
    """Every figure that is not the same, in the order of the newer table."""
    old, new = _by_place(before, say), _by_place(after, say)
    found = []
    for place in dict.fromkeys((*new, *old)):
        line = new.get(place) or old[place]
        for column in COLUMNS:
            if column.sort is Sort.TEXT:
                continue
            cells = [_cell(lines.get(place), column) for lines in (old, new)]
            if cells[0] != cells[1]:
                found.append(
                    Difference(label=line.label, column=column, before=cells[0], after=cells[1])
                )
    return tuple(found)


def _by_place(appendix: Appendix, say: Say) -> dict[tuple[str, int, bool], Line]:
    """The lines by unit; a unit that is reported on has a line of its own people too."""
    found = {}
    for line in lines_of(appendix, {}, say):
        is_direct = isinstance(line.figures, AppendixRow) and line.figures.is_direct
        if line.figures is not None:
            found[line.code, line.level, is_direct] = line
    return found


def _cell(line: Line | None, column: Column) -> Cell:
    return line.cell(column) if line else ""
