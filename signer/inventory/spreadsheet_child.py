"""Runs alone in a child process: prints a spreadsheet's visible sheets as lines of JSON.

The library that reads spreadsheets allocates every cell between the first and the last one, so
a file of a few kilobytes with one cell in each corner makes it ask for 500 GB and abort the
process. Here that ends this child alone. Never imported: `sheets.py` starts it.
"""

import json
import resource
import sys
from datetime import date, datetime, time, timedelta
from pathlib import Path

MEMORY_BYTES = 3 * 1024**3
CPU_SECONDS = 120
OUTPUT_BYTES = 256 * 1024**2
"""150,000 rows of a roster make 60 MB; one long text shared by a million cells makes 30 GB."""
MAX_ROWS = 400_000
MAX_COLUMNS = 200
MAX_SHEETS = 20
PASSWORD, DAMAGED, TOO_LARGE = 3, 4, 5
"""Exit codes; anything else is a crash."""


def main(path: str) -> int:
    """Prints {"sheet": name} and then one list per row; the exit code says what went wrong."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
    resource.setrlimit(resource.RLIMIT_FSIZE, (OUTPUT_BYTES, OUTPUT_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    from python_calamine import (  # after the limits, so that they hold for its loading too
        CalamineError,
        CalamineWorkbook,
        PasswordError,
        SheetTypeEnum,
        SheetVisibleEnum,
    )

    try:
        with Path(path).open("rb") as stream:
            book = CalamineWorkbook.from_filelike(stream)
            names = [
                sheet.name
                for sheet in book.sheets_metadata
                if sheet.visible == SheetVisibleEnum.Visible
                and sheet.typ == SheetTypeEnum.WorkSheet
            ]
            for name in names[:MAX_SHEETS]:
                sheet = book.get_sheet_by_name(name)
                if sheet.total_height > MAX_ROWS or sheet.total_width > MAX_COLUMNS:
                    return TOO_LARGE
                print(json.dumps({"sheet": name}))
                for row in sheet.to_python(skip_empty_area=False):
                    print(json.dumps([_plain(cell) for cell in row], separators=(",", ":")))
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
    if isinstance(cell, datetime):
        return {"d": cell.date().isoformat()}
    if isinstance(cell, date):
        return {"d": cell.isoformat()}
    if isinstance(cell, time | timedelta):
        return str(cell)
    return cell


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
