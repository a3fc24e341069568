"""The printed verdict: what it says, what its code says, and that it prints anywhere."""

import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
import zxingcpp
from PIL import Image

from signer.config import Settings
from signer.reports.verdict_paper import verdict_paper
from signer.signing.validation import SENTENCES, Verdict, VerdictClass
from tests.signing.test_verdict_report import ARCHIVE, BROKEN, CLAIMED, GOOD, HOSTILE, verdict

LONG = replace(HOSTILE, signer="Nguyễn Thị " * 200, serial_hex="F" * 400, sentences=("x" * 500,))
EVERYTHING = verdict(GOOD, CLAIMED, BROKEN, ARCHIVE, HOSTILE, LONG)


def drawn(folder: Path, told: Verdict, **changes: object) -> Path:
    """The paper in a file."""
    settings = Settings(home=folder, base_url="https://ky.hanoi.gov.vn/", **changes)  # type: ignore[arg-type]
    file = folder / "paper.pdf"
    file.write_bytes(
        verdict_paper(
            told, say=str, language="vi", file_name="quyết định số 5.pdf", settings=settings
        )
    )
    return file


def asked(*command: str | Path) -> str:
    """What another program says about it."""
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def test_it_says_who_when_and_what_was_found(tmp_path: Path) -> None:
    """As text that can be searched, with the red line on every page."""
    file = drawn(tmp_path, EVERYTHING, demo=True)
    text = asked("pdftotext", "-layout", file, "-")
    for said in (
        "KẾT QUẢ KIỂM TRA CHỮ KÝ SỐ",
        "1. Trần Thị Bình",
        "23/11/2026 14:08:09 (+07:00)",
        "quyết định số 5.pdf",
        "B-LTA",
        "TOTAL-PASSED",
        "TOTAL-FAILED / SIG_CRYPTO_FAILURE",
        "Dấu thời gian của tài liệu: TSA",
    ):
        assert said in text, said
    pages = text.rstrip("\f").split("\f")
    assert len(pages) > 1
    assert all("không phải chứng thư chữ ký số chuyên dùng công vụ" in page for page in pages)
    assert all("Dữ liệu minh họa" in page for page in pages)


@pytest.mark.parametrize("outcome", VerdictClass)
def test_each_class_is_said_in_words_too(tmp_path: Path, outcome: VerdictClass) -> None:
    """A black copy of the paper must not lose it."""
    told = replace(verdict(), verdict=outcome, sentence=SENTENCES[outcome])
    assert SENTENCES[outcome] in asked("pdftotext", "-layout", drawn(tmp_path, told), "-")


def test_its_code_leads_back_to_this_very_file(tmp_path: Path) -> None:
    """Read by another's decoder from the picture, at the resolution of an old printer."""
    file = drawn(tmp_path, EVERYTHING)
    asked(
        "pdftoppm", "-r", "100", "-png", "-f", "1", "-l", "1", "-singlefile", file, tmp_path / "p"
    )
    with Image.open(tmp_path / "p.png") as picture:
        found = [code.text for code in zxingcpp.read_barcodes(picture)]
    assert found == [f"https://ky.hanoi.gov.vn/verify?sha256={'ef' * 32}"]


def test_it_prints_anywhere(tmp_path: Path) -> None:
    """Every font is embedded, qpdf finds no fault, and the same verdict makes the same bytes."""
    file = drawn(tmp_path, EVERYTHING)
    fonts = asked("pdffonts", file).splitlines()[2:]
    assert fonts
    assert all(line.split()[-5] == "yes" for line in fonts)
    assert "No syntax or stream encoding errors" in asked("qpdf", "--check", file)
    first = file.read_bytes()
    assert drawn(tmp_path, EVERYTHING).read_bytes() == first
