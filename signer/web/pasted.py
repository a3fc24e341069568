"""People named in a pasted list: lines of codes or addresses, or columns copied from Excel."""

import re

_CELLS = re.compile(r"[\t;,|]")
_RUNNING_NUMBER = re.compile(r"\d{1,4}")
_CODE = re.compile(r"(?=\S*\d)[^\s/:@]+")  # holds a digit, and is neither a day nor a time


def names_in(text: str) -> list[str]:
    """One code or e-mail address a line, in order, each once; lines without either as they are.

    Of a line with several columns the address counts, else the first cell that looks like a code
    and is not the running number before it. What is chosen is shown with its name before anything
    is done with it.
    """
    lines = (_name_in(line) for line in text.splitlines())
    return list(dict.fromkeys(name for name in lines if name))


def _name_in(line: str) -> str:
    cells = [cell.strip().strip("\"'") for cell in _CELLS.split(line)]
    cells = [cell for cell in cells if cell]
    if len(cells) < 2:
        return cells[0] if cells else ""
    addresses = [cell for cell in cells if "@" in cell]
    codes = [cell for cell in cells if _CODE.fullmatch(cell)]
    if len(codes) > 1 and _RUNNING_NUMBER.fullmatch(codes[0]):
        codes = codes[1:]
    return (addresses or codes or [" ".join(cells)])[0]
