"""Opens what a clerk uploads: any spreadsheet or CSV as rows of cells, or one clear refusal.

Rows are walked through, never held: a workbook of a million rows is spooled to a file as lines of
JSON, and a CSV is decoded as it is read.
"""

import codecs
import csv
import json
import subprocess
import sys
import tempfile
import zipfile
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from itertools import islice
from pathlib import Path

from signer.errors import N_, Invalid
from signer.inventory import spreadsheet_child as child
from signer.inventory.legacy import Font, font_of_bytes, is_windows_1258

Cell = str | int | float | bool | date | None

_ZIP_ENTRIES = 2_000
_UNPACKED_BYTES = 2 * 1024**3
"""1,000,000 rows of a roster unpack to about 1.4 GB."""
_RATIO = 200
"""Packed XML of real lists shrinks 8 to 40 times; a bomb 1,000 times."""
_RATIO_FROM_BYTES = 20 * 1024**2
_KINDS = {"xl/workbook.xml": ".xlsx", "xl/workbook.bin": ".xlsb", "content.xml": ".ods"}
_CHILD_SECONDS = 300.0
_OLE = bytes.fromhex("d0cf11e0a1b11ae1")
_ENCRYPTED_PACKAGE = "EncryptedPackage".encode("utf-16-le")  # [MS-OFFCRYPTO] 2.3.4.4
_CSV_FIELD_CHARACTERS = 10_000
_CSV_SAMPLE_LINES = 60
_LEGACY_SAMPLE_BYTES = 400_000
_BLOCK = 1024**2

_PASSWORD = N_("Tệp được bảo vệ bằng mật khẩu; hãy bỏ mật khẩu trong Excel rồi tải lên lại.")
_DAMAGED = N_("Tệp bảng tính bị hỏng hoặc không đúng định dạng; hãy lưu lại rồi tải lên lần nữa.")
_TOO_LARGE = N_("Bảng tính quá lớn khi mở ra; hãy xóa các dòng, cột trống thừa hoặc tách nhỏ tệp.")
_BOMB = N_("Tệp nén bất thường (giải nén ra quá lớn), có thể gây hại nên không được mở.")
_NO_SPREADSHEET = N_("Tệp này không phải bảng tính; hãy tải lên tệp .xlsx, .xls, .ods hoặc .csv.")
_ENDED = {child.PASSWORD: _PASSWORD, child.DAMAGED: _DAMAGED}
"""What the child's exit codes say; after any other its library aborted when memory ran out."""


@dataclass(frozen=True, kw_only=True)
class Sheet:
    """One sheet; its first row is the spreadsheet's row 1. `remark` tells how the text was read."""

    name: str
    open_rows: Callable[[Collection[int] | None], Iterator[tuple[int, list[Cell]]]]
    """Rows from the top with their numbers from 1: all of them, or only those numbers."""
    remark: str | None = None
    font: Font | None = None
    """The old font that every letter of the file is typed for, when its bytes say so."""

    def rows(self) -> Iterator[list[Cell]]:
        """Every row from the top."""
        return (row for _, row in self.open_rows(None))

    def numbered(self, only: Collection[int] | None = None) -> Iterator[tuple[int, list[Cell]]]:
        """The rows with their numbers; `only` some of them costs little for the others."""
        return self.open_rows(only)

    def head(self, rows: int) -> list[list[Cell]]:
        """The first rows."""
        return list(islice(self.rows(), rows))


@contextmanager
def opened_sheets(path: Path, *, limit_bytes: int) -> Iterator[list[Sheet]]:
    """All visible sheets in their order; what the file is, its bytes say, never its name.

    Their rows can be walked through, also several times, while the block lasts. Raises `Invalid`
    with one sentence for a file that is too large, protected by a password, a zip bomb, damaged,
    of another kind, or in a character set that cannot be known for sure.
    """
    size = path.stat().st_size
    if size == 0:
        raise _refused(N_("Tệp không có nội dung nào."))
    if size > limit_bytes:
        sentence = N_("Tệp lớn quá %(limit)d MB; hãy tách danh sách thành nhiều tệp.")
        raise _refused(sentence, limit=limit_bytes // 1024**2)
    with path.open("rb") as stream:
        start = stream.read(8)
    if start.startswith(b"%PDF"):
        raise _refused(N_("Đây là tệp PDF; hãy tải lên tệp Excel hoặc CSV."))
    if start == _OLE and _contains(path, _ENCRYPTED_PACKAGE):
        raise _refused(_PASSWORD)
    if not start.startswith(b"PK") and start != _OLE:
        yield [_csv_sheet(path)]
        return
    kind = _check_zip(path) if start.startswith(b"PK") else ".xls"
    with tempfile.TemporaryDirectory(prefix="signer-rows-") as folder:
        book, spool = Path(folder) / f"book{kind}", Path(folder) / "rows"
        book.symlink_to(path.absolute())
        _read_in_child(book, spool)
        yield _spooled(spool)


def _refused(sentence: str, **values: object) -> Invalid:
    return Invalid(sentence, field="file", **values)


def _contains(path: Path, wanted: bytes) -> bool:
    before = b""
    with path.open("rb") as stream:
        while block := stream.read(_BLOCK):
            if wanted in before + block:
                return True
            before = block[-len(wanted) :]
    return False


# Workbooks


def _check_zip(path: Path) -> str:
    """The kind of workbook; every entry is unpacked against the limits before a parser sees it.

    The sizes in the directory are checked first and then held to: an entry that unpacks to more
    than it declares fails its checksum here.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
            if len(entries) > _ZIP_ENTRIES or sum(e.file_size for e in entries) > _UNPACKED_BYTES:
                raise _refused(_BOMB)
            for entry in entries:
                if entry.file_size > max(_RATIO_FROM_BYTES, _RATIO * entry.compress_size):
                    raise _refused(_BOMB)
                if entry.flag_bits & 0x1:
                    raise _refused(_PASSWORD)
                with archive.open(entry) as stream:
                    while stream.read(_BLOCK):
                        pass
            return _kind_of(archive, {entry.filename for entry in entries})
    except Invalid:
        raise
    except Exception as error:  # a library's: zlib.error and lzma.LZMAError share no other base
        raise _refused(_DAMAGED) from error


def _kind_of(archive: zipfile.ZipFile, names: set[str]) -> str:
    manifest = "META-INF/manifest.xml"
    if manifest in names and b"encryption-data" in archive.read(manifest):
        raise _refused(_PASSWORD)
    for name, kind in _KINDS.items():
        if name in names:
            return kind
    raise _refused(_NO_SPREADSHEET)


def _read_in_child(path: Path, spool: Path) -> None:
    # -I keeps the child's path clean; it loads the reading library and nothing of ours.
    command = [sys.executable, "-I", child.__file__, str(path)]
    with spool.open("wb") as output:
        try:
            ended = subprocess.run(  # noqa: S603  # our own program, the path is an argument
                command,
                stdout=output,
                stderr=subprocess.DEVNULL,
                stdin=subprocess.DEVNULL,
                timeout=_CHILD_SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise _refused(_TOO_LARGE) from error
    if ended.returncode != 0:
        raise _refused(_ENDED.get(ended.returncode, _TOO_LARGE))


def _spooled(spool: Path) -> list[Sheet]:
    sheets: list[Sheet] = []
    place = 0
    with spool.open("rb") as stream:
        for line in stream:
            place += len(line)
            if line.startswith(b"{"):
                sheets.append(_spooled_sheet(spool, place, json.loads(line)["sheet"]))
    return sheets


def _spooled_sheet(spool: Path, start: int, name: str) -> Sheet:
    def rows(only: Collection[int] | None) -> Iterator[tuple[int, list[Cell]]]:
        decode = json.JSONDecoder(object_hook=_day).raw_decode  # without looking for what follows
        with spool.open("rb") as stream:
            stream.seek(start)
            for number, line in enumerate(stream, start=1):
                if line.startswith(b"{"):  # the next sheet
                    return
                if only is None or number in only:
                    yield number, decode(line.decode())[0]

    return Sheet(name=name, open_rows=rows)


def _day(value: dict[str, str]) -> date:
    return date.fromisoformat(value["d"])


# CSV


def _csv_sheet(path: Path) -> Sheet:
    encoding, remark, font = _encoding_of(path)
    with path.open(encoding=encoding, newline="") as stream:
        sample = list(islice(stream, _CSV_SAMPLE_LINES))
    counts = Counter({mark: sum(line.count(mark) for line in sample) for mark in ",;\t|"})
    delimiter, found = counts.most_common(1)[0]
    if not found:
        raise _refused(_NO_SPREADSHEET)

    def rows(only: Collection[int] | None) -> Iterator[tuple[int, list[Cell]]]:
        csv.field_size_limit(_CSV_FIELD_CHARACTERS)
        with path.open(encoding=encoding, newline="") as stream:
            reader = csv.reader(stream, delimiter=delimiter)
            try:
                for number, row in enumerate(reader, start=1):
                    if number > child.MAX_ROWS or len(row) > child.MAX_COLUMNS:
                        raise _refused(_TOO_LARGE)
                    if only is None or number in only:
                        yield number, [cell or None for cell in row]
            except csv.Error as error:
                raise _refused(_DAMAGED) from error

    return Sheet(name="CSV", open_rows=rows, remark=remark, font=font)


def _encoding_of(path: Path) -> tuple[str, str | None, Font | None]:
    """How a CSV is encoded, a remark when that is not Unicode, the old font it is typed for.

    UTF-8 and UTF-16 prove themselves. Of the one-byte sets Windows-1258 is taken only when it
    yields Vietnamese letters and no trace of the old fonts; text of those is read byte by byte
    as Latin-1, as a spreadsheet holds it, and put into Unicode cell by cell.
    """
    with path.open("rb") as stream:
        start = stream.read(_LEGACY_SAMPLE_BYTES)
    for mark, encoding in (
        (codecs.BOM_UTF8, "utf-8-sig"),
        (codecs.BOM_UTF16_LE, "utf-16"),
        (codecs.BOM_UTF16_BE, "utf-16"),
    ):
        if start.startswith(mark):
            return _proven(path, encoding), None, None
    if b"\0" in start[:4000]:
        even, odd = start[:4000:2].count(0), start[1:4000:2].count(0)
        if max(even, odd) < 10 * min(even, odd) or max(even, odd) < len(start[:4000]) // 5:
            raise _refused(_NO_SPREADSHEET)
        return _proven(path, "utf-16-le" if odd > even else "utf-16-be"), None, None
    if _decodes(path, "utf-8"):
        return "utf-8", None, None
    if is_windows_1258(start) and _decodes(path, "cp1258"):
        return "cp1258", N_("Tệp dùng bảng mã Windows-1258, đã được chuyển sang Unicode."), None
    if (font := font_of_bytes(start)) is not None:
        return "latin-1", None, font
    raise _refused(
        N_("Không xác định được bảng mã của tệp; hãy lưu lại dạng “CSV UTF-8” rồi tải lên lại.")
    )


def _proven(path: Path, encoding: str) -> str:
    if not _decodes(path, encoding):
        raise _refused(_DAMAGED)
    return encoding


def _decodes(path: Path, encoding: str) -> bool:
    decoder = codecs.getincrementaldecoder(encoding)()
    with path.open("rb") as stream:
        try:
            while block := stream.read(_BLOCK):
                decoder.decode(block)
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            return False
    return True
