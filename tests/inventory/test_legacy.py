"""Text of the fonts of before Unicode, with iconv and the published rules as second readers."""

import subprocess
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from signer.inventory.legacy import Evidence, Font, evidence, to_unicode

NAMES = (
    "Nguyễn Thị Ánh, Trần Văn Bình, Lê Hữu Đạt, Phạm Ngọc Oanh, Hoàng Quốc Trưởng, Vũ Thuỳ Dương",
    "Đặng Quỳnh Nga, Bùi Xuân Hải, Đỗ Khánh Linh, Hồ Mỹ Uyên, Ngô Tuyết Mai, Lý Gia Huy",
    "Chuyên viên, Trưởng phòng, Phó Chủ tịch, Văn thư, Kế toán trưởng, Ủy ban nhân dân xã",
)
LETTERS = (
    "aàảãáạăằẳẵắặâầẩẫấậbcdđeèẻẽéẹêềểễếệghiìỉĩíịklmnoòỏõóọôồổỗốộơờởỡớợpqrstuùủũúụưừửữứựvxyỳỷỹýỵ"
)
texts = st.text(st.sampled_from(LETTERS + " "), max_size=40)

# The tables the other way round, written from the rules of the fonts and not from our tables.
_TONES = {"\u0301": "ù", "\u0300": "ø", "\u0309": "û", "\u0303": "õ", "\u0323": "ï"}
_ROOF = {"": "â", "\u0301": "á", "\u0300": "à", "\u0309": "å", "\u0303": "ã", "\u0323": "ä"}
_BOWL = {"": "ê", "\u0301": "é", "\u0300": "è", "\u0309": "ú", "\u0303": "ü", "\u0323": "ë"}
_ALONE = dict(zip("íìỉĩịỵđ", "íìæóòîñ", strict=True))


def in_vni(text: str) -> str:
    """As somebody with a VNI font typed it."""
    typed = ""
    for letter in text:
        parts = unicodedata.normalize("NFD", letter.lower())
        base, marks = parts[0], parts[1:]
        tone = "".join(m for m in marks if m in _TONES)
        if letter.lower() in _ALONE:
            one = _ALONE[letter.lower()]
        elif "\u0302" in marks:
            one = base + _ROOF[tone]
        elif "\u0306" in marks:
            one = base + _BOWL[tone]
        else:
            horned = {"o": "ô", "u": "ö"}[base] if "\u031b" in marks else base
            one = horned + (_TONES[tone] if tone else "")
        typed += one.upper() if letter.isupper() else one
    return typed


def in_tcvn3(text: str) -> str:
    """As somebody with a .Vn font typed it; it has no capitals for letters with tones."""
    plain = "".join(c if c.isascii() or c in "ĂÂÊÔƠƯĐ" else c.lower() for c in text)
    encoded = subprocess.run(
        ["iconv", "-f", "UTF-8", "-t", "TCVN5712-1"],
        input=plain.encode(),
        capture_output=True,
        check=True,
    )
    return encoded.stdout.decode("latin-1")


@given(texts)
@settings(deadline=None, max_examples=60)
def test_tcvn3_is_what_iconv_says_it_is(text: str) -> None:
    """TCVN 5712:1993, letter by letter."""
    assert to_unicode(in_tcvn3(text), Font.TCVN3) == text


@given(texts, st.booleans())
def test_vni_is_a_vowel_and_its_mark(text: str, is_upper: bool) -> None:
    """In capitals too."""
    wanted = text.upper() if is_upper else text
    assert to_unicode(in_vni(wanted), Font.VNI) == wanted


@pytest.mark.parametrize("names", NAMES)
def test_a_column_tells_how_it_is_written(names: str) -> None:
    """By its own words: Unicode composed and decomposed, TCVN3, VNI, small letters and capitals."""
    assert evidence([names]) is None
    assert evidence([unicodedata.normalize("NFD", names)]) is None
    assert evidence([names.upper()]) is None
    for font, typed in ((Font.TCVN3, in_tcvn3), (Font.VNI, in_vni)):
        for text in (names, names.lower()):
            assert evidence([typed(text)]) == Evidence(font=font, is_mixed=False)
        assert evidence([names, typed(names)]) == Evidence(font=font, is_mixed=True)
    assert evidence([in_vni(names.upper())]) == Evidence(font=Font.VNI, is_mixed=False)


@pytest.mark.parametrize("text", ["Café déjà vu", "Lê Hà, Tô Trí", "", "Nguyen Van A", "Zürich"])
def test_what_is_no_old_font_is_left_alone(text: str) -> None:
    """Unicode with letters of Latin-1 only is no font's."""
    assert evidence([text]) is None
