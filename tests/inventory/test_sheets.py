"""What a clerk may upload, and what is refused with one clear sentence before it is parsed."""

import io
import unicodedata
import zipfile
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import xlsxwriter

from signer.errors import Invalid
from signer.inventory.sheets import opened_sheets
from tests.inventory.conftest import SAMPLE, csv_text, person, windows_1258, xlsx_bytes

LIMIT = 60 * 1024**2


def read(tmp_path: Path, content: bytes, limit: int = LIMIT) -> list[list[Any]]:
    file = tmp_path / "upload"
    file.write_bytes(content)
    with opened_sheets(file, limit_bytes=limit) as sheets:
        return list(sheets[0].rows())


def refused(tmp_path: Path, content: bytes, limit: int = LIMIT) -> str:
    with pytest.raises(Invalid) as caught:
        read(tmp_path, content, limit)
    assert caught.value.field == "file"
    return str(caught.value)


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"], ids=str
)
def test_csv_is_read_in_every_unicode_form(tmp_path: Path, encoding: str) -> None:
    """With and without a byte order mark."""
    rows = read(tmp_path, csv_text([person()]).encode(encoding))
    assert rows[0][2] == "Họ và tên"
    assert rows[1][2] == "Nguyễn Thị Ánh"


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_csv_is_read_with_the_usual_delimiters(tmp_path: Path, delimiter: str) -> None:
    """Vietnamese Excel writes semicolons."""
    text = csv_text([person()]).replace(",", delimiter)
    assert read(tmp_path, text.encode())[1][1] == "HN000900"


def test_windows_1258_is_converted_and_said_so(tmp_path: Path) -> None:
    """Its tones are marks of their own, which no other set has, so it can be known for sure."""
    file = tmp_path / "old.csv"
    file.write_bytes(windows_1258(csv_text([person()])))
    with opened_sheets(file, limit_bytes=LIMIT) as (sheet,):
        assert unicodedata.normalize("NFC", str(sheet.head(2)[1][2])) == "Nguyễn Thị Ánh"
    assert sheet.remark is not None
    assert "Windows-1258" in sheet.remark


@pytest.mark.parametrize(
    ("first", "second", "name"),
    [
        (
            "STT,M· CB,Hä vµ tªn,§¬n vÞ\n1,A1,NguyÔn V¨n An,Së Néi vô\n2,A2,TrÇn ThÞ B×nh\n",
            "3,A3,Hoµng Quèc Tr­ëng,Së T­ ph¸p\n",
            "TCVN3",
        ),
        (
            "STT,Maõ CB,Hoï vaø teân,Ñôn vò\n1,A1,Nguyeãn Vaên An,Sôû Noäi vuï\n",
            "2,A2,Traàn Thò Bình,Sôû Tö phaùp\n",
            "VNI",
        ),
    ],
)
def test_old_fonts_are_recognised_or_refused_by_name(
    tmp_path: Path, first: str, second: str, name: str
) -> None:
    """Their bytes are other letters than they look; with another set among them none is known."""
    file = tmp_path / "old.csv"
    file.write_bytes((first + second).encode("latin-1"))
    with opened_sheets(file, limit_bytes=LIMIT) as (sheet,):
        assert sheet.font == name
    western = "Café,déjà,façade,Zürich,Ångström,Æsop,Ødegaard\n" * 3
    assert name in refused(tmp_path, (first + western).encode("latin-1"))


def test_an_unknown_one_byte_set_is_refused(tmp_path: Path) -> None:
    """Better no import than a guess."""
    assert "bảng mã" in refused(tmp_path, "Café,déjà,ça\n1,2,3\n".encode("latin-1"))


def test_a_password_protected_workbook_is_named(tmp_path: Path) -> None:
    """Such a workbook is an OLE file with a stream called EncryptedPackage."""
    ole = bytes.fromhex("d0cf11e0a1b11ae1") + b"\0" * 1000 + "EncryptedPackage".encode("utf-16-le")
    assert "mật khẩu" in refused(tmp_path, ole + b"\0" * 1000)


def bomb(entries: dict[str, bytes]) -> bytes:
    output = io.BytesIO()
    with zipfile.ZipFile(output, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in entries.items():
            archive.writestr(name, content)
    return output.getvalue()


def test_zip_bombs_are_refused_before_a_parser_sees_them(tmp_path: Path) -> None:
    """By ratio, by unpacked size, by the number of entries."""
    by_ratio = bomb({"xl/workbook.xml": b"<a/>", "xl/sheet1.xml": b" " * 60 * 1024**2})
    assert len(by_ratio) < 100_000
    by_entries = bomb({f"x{n}": b"" for n in range(2_500)} | {"xl/workbook.xml": b""})
    for content in (by_ratio, by_entries):
        assert "Tệp nén bất thường" in refused(tmp_path, content)


def test_an_entry_larger_than_it_says_is_refused(tmp_path: Path) -> None:
    """A bomb may lie in its directory; the entry is unpacked no further than it declares."""
    honest = bomb({"xl/workbook.xml": b"<a/>" * 10_000})
    declared = (40_000).to_bytes(4, "little")
    assert honest.count(declared) >= 2
    assert "hỏng" in refused(tmp_path, honest.replace(declared, (40).to_bytes(4, "little")))


def test_a_sheet_with_cells_in_its_far_corners_ends_only_the_child(tmp_path: Path) -> None:
    """The reading library would ask for 500 GB and abort this process."""
    output = io.BytesIO()
    book = xlsxwriter.Workbook(output)
    sheet = book.add_worksheet()
    sheet.write("A1", "x")
    sheet.write("XFD1048576", "y")
    book.close()
    assert "quá lớn" in refused(tmp_path, output.getvalue())


def test_one_long_text_in_many_cells_is_too_large(tmp_path: Path) -> None:
    """The workbook stores it once; every cell that refers to it would be a copy."""
    output = io.BytesIO()
    book = xlsxwriter.Workbook(output)
    sheet = book.add_worksheet()
    for row in range(500):
        for column in range(60):
            sheet.write_string(row, column, "dài" * 8_000)
    book.close()
    assert "quá lớn" in refused(tmp_path, output.getvalue())


@pytest.mark.parametrize(
    ("content", "word"),
    [
        (b"", "không có nội dung"),
        (b"%PDF-1.7\n", "PDF"),
        (b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x03\0\x3e", "không phải bảng tính"),
        (b"hello world\n", "không phải bảng tính"),
        (b"PK\x03\x04" + b"\0" * 50, "hỏng"),
        (bytes.fromhex("d0cf11e0a1b11ae1") + b"\0" * 600, "hỏng"),
    ],
)
def test_other_files_are_called_what_they_are(tmp_path: Path, content: bytes, word: str) -> None:
    """What a file is, its bytes say, never its name."""
    assert word in refused(tmp_path, content)


def test_a_word_document_is_no_spreadsheet(tmp_path: Path) -> None:
    """It is a zip archive too."""
    assert "không phải bảng tính" in refused(tmp_path, bomb({"word/document.xml": b"<a/>"}))


def test_an_encrypted_ods_is_named(tmp_path: Path) -> None:
    """OpenDocument keeps the archive and encrypts its entries."""
    manifest = b"<manifest:file-entry><manifest:encryption-data/></manifest:file-entry>"
    content = bomb({"content.xml": b"xxxx", "META-INF/manifest.xml": manifest})
    assert "mật khẩu" in refused(tmp_path, content)


def test_a_truncated_workbook_is_damaged(tmp_path: Path) -> None:
    """Half a download."""
    assert "hỏng" in refused(tmp_path, SAMPLE.read_bytes()[:20_000])


def test_the_limit_in_bytes_comes_first(tmp_path: Path) -> None:
    """Larger files are not even opened."""
    assert "lớn quá 1 MB" in refused(tmp_path, b"x," * 1024**2, limit=1024**2)


def test_hidden_sheets_are_left_alone(tmp_path: Path) -> None:
    """What the clerk does not see is not imported."""
    output = io.BytesIO()
    book = xlsxwriter.Workbook(output)
    book.add_worksheet("Thấy").write("A1", "a")
    hidden = book.add_worksheet("Ẩn")
    hidden.write("A1", "b")
    hidden.hide()
    book.close()
    file = tmp_path / "two.xlsx"
    file.write_bytes(output.getvalue())
    with opened_sheets(file, limit_bytes=LIMIT) as sheets:
        assert [sheet.name for sheet in sheets] == ["Thấy"]


def test_rows_keep_the_spreadsheets_own_numbers(tmp_path: Path) -> None:
    """Empty rows and columns at the start are kept, so that row 5 is row 5."""
    rows = read(tmp_path, xlsx_bytes([[], [], [None, "x", 12.0]]))
    assert rows[2] == [None, "x", 12.0]


_ODS = """<?xml version="1.0" encoding="UTF-8"?>
<office:document-content xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0"
 xmlns:table="urn:oasis:names:tc:opendocument:xmlns:table:1.0"
 xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0" office:version="1.2">
<office:body><office:spreadsheet><table:table table:name="DS"><table:table-row>
<table:table-cell office:value-type="string"><text:p>Nguyễn Thị Ánh</text:p></table:table-cell>
<table:table-cell office:value-type="date" office:date-value="1985-03-15"><text:p>x</text:p>
</table:table-cell></table:table-row></table:table></office:spreadsheet></office:body>
</office:document-content>"""


def test_open_document_sheets_are_read_as_well(tmp_path: Path) -> None:
    """LibreOffice saves them by default."""
    content = bomb(
        {
            "mimetype": b"application/vnd.oasis.opendocument.spreadsheet",
            "content.xml": _ODS.replace("\n", "").encode(),
            "META-INF/manifest.xml": b"<manifest/>",
        }
    )
    assert read(tmp_path, content) == [["Nguyễn Thị Ánh", date(1985, 3, 15)]]
