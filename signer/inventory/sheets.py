"""Opens what a clerk uploads: any spreadsheet or CSV as rows of cells, or one clear refusal."""

import codecs
import csv
import io
import json
import re
import subprocess
import sys
import tempfile
import zipfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import IO

from signer.errors import N_, Invalid
from signer.inventory import spreadsheet_child as child
from signer.inventory.names import legacy_font_of

Cell = str | int | float | bool | date | None

_ZIP_ENTRIES = 2_000
_UNPACKED_BYTES = 700 * 1024**2
"""150,000 rows of a roster unpack to about 200 MB."""
_RATIO = 200
"""Packed XML of real lists shrinks 8 to 40 times; a bomb 1,000 times."""
_RATIO_FROM_BYTES = 20 * 1024**2
_CHILD_SECONDS = 180.0
_OLE = bytes.fromhex("d0cf11e0a1b11ae1")
_ENCRYPTED_PACKAGE = "EncryptedPackage".encode("utf-16-le")  # [MS-OFFCRYPTO] 2.3.4.4
_CSV_FIELD_CHARACTERS = 10_000
_VIETNAMESE = re.compile(r"[ăâđêôơưĂÂĐÊÔƠƯạảấầẩẫậắằẳẵặẹẻẽếềểễệỉịọỏốồổỗộớờởỡợụủứừửữựỳỵỷỹ]")


@dataclass(frozen=True, kw_only=True)
class Sheet:
    """One sheet; `rows[0]` is the spreadsheet's row 1. `remark` tells how the text was read."""

    name: str
    rows: list[list[Cell]]
    remark: str | None = None


def read_sheets(path: Path, *, limit_bytes: int) -> list[Sheet]:
    """All visible sheets in their order; what the file is, its bytes say, never its name.

    Raises `Invalid` with one sentence for a file that is too large, protected by a password, a
    zip bomb, damaged, of another kind, or in a character set that cannot be known for sure.
    """
    size = path.stat().st_size
    if size == 0:
        raise Invalid(N_("Tệp không có nội dung nào."), field="file")
    if size > limit_bytes:
        raise Invalid(
            N_("Tệp lớn quá %(limit)d MB; hãy tách danh sách thành nhiều tệp."),
            field="file",
            limit=limit_bytes // 1024**2,
        )
    with path.open("rb") as stream:
        start = stream.read(8)
    if start.startswith(b"PK"):
        _check_zip(path)
        return _read_in_child(path)
    if start == _OLE:
        if _contains(path, _ENCRYPTED_PACKAGE):
            raise _password()
        return _read_in_child(path)
    if start.startswith(b"%PDF"):
        raise Invalid(N_("Đây là tệp PDF; hãy tải lên tệp Excel hoặc CSV."), field="file")
    return [_read_csv(path)]


def _password() -> Invalid:
    return Invalid(
        N_("Tệp được bảo vệ bằng mật khẩu; hãy bỏ mật khẩu trong Excel rồi tải lên lại."),
        field="file",
    )


def _damaged() -> Invalid:
    return Invalid(
        N_("Tệp bảng tính bị hỏng hoặc không đúng định dạng; hãy lưu lại rồi tải lên lần nữa."),
        field="file",
    )


def _too_large() -> Invalid:
    return Invalid(
        N_("Bảng tính quá lớn khi mở ra; hãy xóa các dòng, cột trống thừa hoặc tách nhỏ tệp."),
        field="file",
    )


def _contains(path: Path, wanted: bytes) -> bool:
    before = b""
    with path.open("rb") as stream:
        while block := stream.read(1024**2):
            if wanted in before + block:
                return True
            before = block[-len(wanted) :]
    return False


def _check_zip(path: Path) -> None:
    """Unpacks every entry against the limits before any parser sees the file.

    The sizes in the directory are checked first and then held to: an entry that unpacks to more
    than it declares fails its checksum here.
    """
    bomb = Invalid(
        N_("Tệp nén bất thường (giải nén ra quá lớn), có thể gây hại nên không được mở."),
        field="file",
    )
    try:
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
            if len(entries) > _ZIP_ENTRIES or sum(e.file_size for e in entries) > _UNPACKED_BYTES:
                raise bomb
            for entry in entries:
                if entry.file_size > max(_RATIO_FROM_BYTES, _RATIO * entry.compress_size):
                    raise bomb
                if entry.flag_bits & 0x1:
                    raise _password()
                with archive.open(entry) as stream:
                    while stream.read(1024**2):
                        pass
            names = {entry.filename for entry in entries}
            _check_kind(archive, names)
    except (zipfile.BadZipFile, EOFError, OSError, NotImplementedError, ValueError) as error:
        raise _damaged() from error
    except Exception as error:  # zlib.error and lzma.LZMAError share no base but this one
        if isinstance(error, Invalid):
            raise
        raise _damaged() from error


def _check_kind(archive: zipfile.ZipFile, names: set[str]) -> None:
    if "META-INF/manifest.xml" in names and b"encryption-data" in archive.read(
        "META-INF/manifest.xml"
    ):
        raise _password()
    if not names & {"xl/workbook.xml", "xl/workbook.bin", "content.xml"}:
        raise Invalid(
            N_("Tệp này không phải bảng tính; hãy tải lên tệp .xlsx, .xls, .ods hoặc .csv."),
            field="file",
        )


def _read_in_child(path: Path) -> list[Sheet]:
    # -I keeps the child's path clean; it loads the reading library and nothing of ours.
    command = [sys.executable, "-I", child.__file__, str(path.absolute())]
    with tempfile.TemporaryFile() as output:
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
            raise _too_large() from error
        if ended.returncode == child.PASSWORD:
            raise _password()
        if ended.returncode == child.DAMAGED:
            raise _damaged()
        if ended.returncode != 0:  # TOO_LARGE, or the library aborted when memory ran out
            raise _too_large()
        output.seek(0)
        return list(_sheets_of(output))


def _sheets_of(output: IO[bytes]) -> Iterator[Sheet]:
    sheet: Sheet | None = None
    for line in output:
        value = json.loads(line)
        if isinstance(value, dict):
            if sheet is not None:
                yield sheet
            sheet = Sheet(name=value["sheet"], rows=[])
        elif sheet is not None:
            sheet.rows.append([_cell(v) for v in value])
    if sheet is not None:
        yield sheet


def _cell(value: object) -> Cell:
    if isinstance(value, dict):
        return date.fromisoformat(value["d"])
    if value == "":
        return None
    assert value is None or isinstance(value, str | int | float | bool)
    return value


def _read_csv(path: Path) -> Sheet:
    text, remark = _decode(path.read_bytes())
    sample = text[:20_000].splitlines()[:60]
    counts = Counter({mark: sum(line.count(mark) for line in sample) for mark in ",;\t|"})
    delimiter, found = counts.most_common(1)[0]
    if not found:
        raise Invalid(
            N_("Tệp này không phải bảng tính; hãy tải lên tệp .xlsx, .xls, .ods hoặc .csv."),
            field="file",
        )
    csv.field_size_limit(_CSV_FIELD_CHARACTERS)
    rows: list[list[Cell]] = []
    try:
        for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter):
            if len(rows) >= child.MAX_ROWS or len(row) > child.MAX_COLUMNS:
                raise _too_large()
            rows.append([cell or None for cell in row])
    except csv.Error as error:
        raise _damaged() from error
    return Sheet(name="CSV", rows=rows, remark=remark)


def _decode(content: bytes) -> tuple[str, str | None]:
    """The text of a CSV and a remark when it came in another set than UTF-8.

    UTF-8 and UTF-16 prove themselves. Of the one-byte sets only Windows-1258 is converted, and
    only when it yields Vietnamese letters and no trace of the old fonts; TCVN3 and VNI are
    refused by name, since the same bytes are different letters in them.
    """
    for mark, encoding in (
        (codecs.BOM_UTF8, "utf-8-sig"),
        (codecs.BOM_UTF16_LE, "utf-16"),
        (codecs.BOM_UTF16_BE, "utf-16"),
    ):
        if content.startswith(mark):
            return _strict(content, encoding), None
    if b"\0" in content[:4000]:
        even, odd = content[:4000:2].count(0), content[1:4000:2].count(0)
        if max(even, odd) < 10 * min(even, odd) or max(even, odd) < len(content[:4000]) // 5:
            raise Invalid(
                N_("Tệp này không phải bảng tính; hãy tải lên tệp .xlsx, .xls, .ods hoặc .csv."),
                field="file",
            )
        return _strict(content, "utf-16-le" if odd > even else "utf-16-be"), None
    try:
        return content.decode("utf-8"), None
    except UnicodeDecodeError:
        return _decode_legacy(content)


def _strict(content: bytes, encoding: str) -> str:
    try:
        return content.decode(encoding)
    except UnicodeDecodeError as error:
        raise _damaged() from error


def _decode_legacy(content: bytes) -> tuple[str, str | None]:
    western = content.decode("latin-1")
    fonts = Counter(
        font for word in western[:200_000].split() if (font := legacy_font_of(word)) is not None
    )
    vietnamese = content.decode("cp1258", errors="replace")
    # In Windows-1258 tones are marks of their own; in the fonts' sets those bytes are letters.
    marks = sum(vietnamese.count(mark) for mark in "\u0300\u0301\u0303\u0309\u0323")
    if "\ufffd" not in vietnamese and marks and _VIETNAMESE.search(vietnamese):
        words = [w for w in vietnamese[:200_000].split() if not w.isascii()]
        odd = sum(1 for word in words if legacy_font_of(word) is not None)
        if odd * 20 <= len(words):
            return vietnamese, N_("Tệp dùng bảng mã Windows-1258, đã được chuyển sang Unicode.")
    if fonts:
        raise Invalid(
            N_(
                "Tệp dùng bảng mã cũ %(font)s, không phải Unicode; "
                "hãy chuyển mã sang Unicode rồi tải lên lại."
            ),
            field="file",
            font=fonts.most_common(1)[0][0],
        )
    raise Invalid(
        N_("Không xác định được bảng mã của tệp; hãy lưu lại dạng “CSV UTF-8” rồi tải lên lại."),
        field="file",
    )
