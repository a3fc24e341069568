"""A list as a file to take away: exactly what the page lists, however long it is."""

import tempfile
from collections.abc import Iterable, Sequence
from itertools import chain, islice

from flask import Response, send_file, stream_with_context

from signer.inventory.tables import Value, csv_pieces, write_xlsx

_XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


def csv_download(name: str, headings: Sequence[str], rows: Iterable[Sequence[Value]]) -> Response:
    """The rows as `name`.csv, sent while they are read: memory does not grow with their number.

    What goes wrong before the first row is an error page; later the transfer breaks off, so that
    nobody takes a part for the whole.
    """
    left = iter(rows)
    first = list(islice(left, 1))
    response = Response(
        stream_with_context(csv_pieces(headings, chain(first, left))),
        mimetype="text/csv; charset=utf-8",
    )
    response.headers.set("Content-Disposition", "attachment", filename=f"{name}.csv")
    return response


def xlsx_download(
    name: str, title: str, headings: Sequence[str], rows: Iterable[Sequence[Value]]
) -> Response:
    """The rows as `name`.xlsx, written to a file on this machine's disk first."""
    file = tempfile.TemporaryFile(prefix="signer-")  # noqa: SIM115  # closed when it was sent
    write_xlsx(file, title, headings, rows)
    file.seek(0)
    return send_file(file, mimetype=_XLSX, as_attachment=True, download_name=f"{name}.xlsx")
