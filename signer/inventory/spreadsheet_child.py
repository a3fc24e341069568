"""Runs alone in a child process: prints a spreadsheet's visible sheets as lines of JSON.

The library that reads spreadsheets allocates every cell between the first and the last one, so
a file of a few kilobytes with one cell in each corner makes it ask for 500 GB and abort the
process. Here that ends this child alone. Never imported: `sheets.py` starts it.
"""

import json
import resource
import sys
from datetime import date, datetime, time, timedelta

MEMORY_BYTES = 4 * 1024**3
"""1,000,000 rows of a roster take 1.9 GB here, and 150,000 take 0.3."""
CPU_SECONDS = 300
OUTPUT_BYTES = 640 * 1024**2
"""1,000,000 rows of a roster make 350 MB; one long text shared by as many cells makes 30 GB."""
MAX_ROWS = 1_048_576  # what a sheet of Excel holds
MAX_COLUMNS = 200
MAX_CELLS = 60_000_000
MAX_SHEETS = 20
PASSWORD, DAMAGED, TOO_LARGE = 3, 4, 5
"""Exit codes; anything else is a crash."""
_PLAIN = (str, int, float, bool)


def main(path: str) -> int:
    """Prints {"sheet": name} and then one list per row; the exit code says what went wrong.

    The end of the path's name says what the file is: .xlsx, .xlsb, .xls or .ods.
    """
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
    resource.setrlimit(resource.RLIMIT_FSIZE, (OUTPUT_BYTES, OUTPUT_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    from python_calamine import (  # after the limits, so that they hold for its loading too
        CalamineError,
        CalamineSheet,
        CalamineWorkbook,
        PasswordError,
        SheetTypeEnum,
        SheetVisibleEnum,
    )

    def show(sheet: CalamineSheet) -> None:
        """From row 1 on, which the library gives; column A it leaves out when it is empty."""
        before = [None] * (sheet.start or (0, 0))[1]
        encode = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False).encode
        for row in sheet.iter_rows():  # one at a time: as Python objects they take twice the memory
            sys.stdout.write(encode(before + [_plain(cell) for cell in row]) + "\n")

    sys.stdout.reconfigure(encoding="utf-8", errors="replace")  # type: ignore[union-attr]  # a TextIOWrapper
    try:
        book = CalamineWorkbook.from_path(path)  # an open file it would read into memory first
        names = [
            sheet.name
            for sheet in book.sheets_metadata
            if sheet.visible == SheetVisibleEnum.Visible and sheet.typ == SheetTypeEnum.WorkSheet
        ]
        for name in names[:MAX_SHEETS]:
            sheet = book.get_sheet_by_name(name)
            height, width = sheet.total_height, sheet.total_width
            if height > MAX_ROWS or width > MAX_COLUMNS or height * width > MAX_CELLS:
                return TOO_LARGE
            print(json.dumps({"sheet": name}))
            show(sheet)
        sys.stdout.flush()
    except PasswordError:
        return PASSWORD
    except (CalamineError, ValueError):
        return DAMAGED
    except (MemoryError, OSError):  # OSError: the output reached its limit
        return TOO_LARGE
    return 0


def _plain(cell: object) -> object:
    """JSON has no dates: a day becomes {"d": "2023-07-05"}; instants lose their time of day."""
    if isinstance(cell, _PLAIN):
        return None if cell == "" else cell
    if isinstance(cell, datetime):
        return {"d": cell.date().isoformat()}
    if isinstance(cell, date):
        return {"d": cell.isoformat()}
    if isinstance(cell, time | timedelta):
        return str(cell)
    return cell


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
