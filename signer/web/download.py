"""A list as a file to take away: exactly what the page lists, however long it is."""

import re
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from itertools import chain, islice

from flask import Response, send_file, stream_with_context

from signer.db import release
from signer.inventory.identity import mask
from signer.inventory.names import fold
from signer.inventory.tables import Value, csv_pieces, write_xlsx
from signer.services import services
from signer.web.access import actor

_XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_CSV = "text/csv; charset=utf-8"
_WORD = re.compile(r"\w+")
_TOLD = 100
"""So many letters of a filter are recorded: as many as a search looks at."""
_ID_NUMBER = re.compile(r"\d(?:[ .-]?\d){8,}")


def list_download(
    kind: str,
    listed: str,
    title: str,
    headings: Sequence[str],
    rows: Iterable[Sequence[Value]],
    *,
    filters: Mapping[str, str | None],
    count: int | None = None,
) -> Response:
    """The rows as a "csv" or "xlsx" file that has the list's title and the day as its name.

    Who took how many rows of which list is on record before the first one leaves. With `count`, a
    .csv is sent while it is read: what goes wrong before the first row is an error page; later the
    transfer breaks off, so that nobody takes a part for the whole. Any other file is written to
    this machine's disk first. Memory does not grow with the number of rows. Who gets another name
    while a .csv is on its way stands where a page of it was read, perhaps twice or not at all.
    """
    words = "-".join(_WORD.findall(fold(title)))
    name = f"{words}-{services().clock.today()}.{kind}"
    # What is typed into a search may be an ID number, which the record must not hold.
    asked = {key: _ID_NUMBER.sub(_masked, value[:_TOLD]) for key, value in filters.items() if value}
    if kind == "csv" and count is not None:
        left = iter(rows)
        first = list(islice(left, 1))
        services().audit.exported(actor().name, listed, rows=count, filters=asked, file=name)
        pieces = _sent(csv_pieces(headings, chain(first, left)))
        response = Response(stream_with_context(pieces), mimetype=_CSV)
        response.headers.set("Content-Disposition", "attachment", filename=name)
        return response
    number = 0

    def counted() -> Iterator[Sequence[Value]]:
        nonlocal number
        for number, row in enumerate(rows, start=1):  # noqa: B007  # read below
            yield row

    with ExitStack() as opened:
        file = opened.enter_context(tempfile.TemporaryFile(prefix="signer-"))
        if kind == "csv":
            file.writelines(csv_pieces(headings, counted()))
        else:
            write_xlsx(file, title, headings, counted())
        file.seek(0)
        services().audit.exported(actor().name, listed, rows=number, filters=asked, file=name)
        opened.pop_all()  # closed when it was sent
    mimetype = _CSV if kind == "csv" else _XLSX
    return send_file(file, mimetype=mimetype, as_attachment=True, download_name=name)


def _masked(number: re.Match[str]) -> str:
    return mask("".join(filter(str.isdigit, number[0])))


def _sent(pieces: Iterator[bytes]) -> Iterator[bytes]:
    for piece in pieces:
        release()  # whoever takes the file slowly keeps no connection of the database
        yield piece
