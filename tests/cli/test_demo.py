"""The invented people and papers, apart from the services that store them."""

import subprocess
import unicodedata
from datetime import date
from pathlib import Path

import pytest
from fontTools.ttLib import TTFont

from signer.cli.demo.papers import CASES, Case, Office, pdf_of
from signer.cli.demo.people import Invented, invented_people
from signer.reports.typesetting import FONT_FILES, FONTS

PEOPLE = invented_people()


def vietnamese_letters() -> set[str]:
    """All 134 letters beyond ASCII, composed, in both cases."""
    tones = ("", "\u0300", "\u0301", "\u0303", "\u0309", "\u0323")
    small = {unicodedata.normalize("NFC", base + tone) for base in "aăâeêioôơuưy" for tone in tones}
    small = {letter for letter in small if not letter.isascii()} | {"đ"}
    return small | {letter.upper() for letter in small}


def office(code: str) -> Office:
    members = [person for person in PEOPLE if person.unit_code == code]
    return Office(unit_code=code, unit_name="Sở Nội vụ", head=members[0], office_head=members[4])


def test_the_same_people_every_time() -> None:
    """A demo can be talked about: it has the same people on every machine."""
    assert invented_people() == PEOPLE


def test_about_1500_people_over_40_units() -> None:
    """As many as the demo promises; codes, numbers and addresses are each one person's own."""
    assert 1400 < len(PEOPLE) < 1600
    assert len({person.unit_code for person in PEOPLE}) == 40
    addresses = [person.email for person in PEOPLE if person.email]
    for values in ([p.code for p in PEOPLE], [p.id_number for p in PEOPLE], addresses):
        assert len(set(values)) == len(values)


@pytest.mark.parametrize("sex", ["Nam", "Nữ"])
def test_identity_numbers_agree_with_their_owners(sex: str) -> None:
    """Twelve digits that say sex, century and year, of a province that does not exist."""

    def agrees(person: Invented) -> bool:
        century = person.birth_date.year // 100 - 19
        wanted = f"099{2 * century + (sex == 'Nữ')}{person.birth_date.year % 100:02d}"
        return person.id_number.startswith(wanted) and len(person.id_number) == 12

    assert [p for p in PEOPLE if p.sex == sex and not agrees(p)] == []


def test_the_font_has_every_vietnamese_letter() -> None:
    """Each of the 134 letters is drawn, not replaced by a box."""
    letters = vietnamese_letters()
    assert len(letters) == 134
    for name in FONT_FILES.values():
        known = TTFont(FONTS / name).getBestCmap()
        assert [letter for letter in sorted(letters) if ord(letter) not in known] == []


@pytest.mark.parametrize("code", ["SNV", "00004"])
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.title)
def test_papers_are_readable(case: Case, code: str, tmp_path: Path) -> None:
    """A second reader finds the motto, the subject, the signers and the mark of a sample."""
    file = tmp_path / "paper.pdf"
    where = office(code)
    file.write_bytes(pdf_of(case, where, date(2026, 2, 5)))
    read = subprocess.run(["pdftotext", file, "-"], capture_output=True, text=True, check=True)
    words = " ".join(unicodedata.normalize("NFC", read.stdout).split())
    wanted = ["Độc lập - Tự do - Hạnh phúc", case.subject, "ngày 05 tháng 02 năm 2026"]
    wanted += [where.head.full_name, "Dữ liệu mẫu"]
    wanted += [where.office_head.full_name] if case.both else []
    assert [text for text in wanted if text not in words] == []
