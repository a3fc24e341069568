"""Vietnamese names: one stored form, search without marks, the order of lists."""

import itertools
import random
import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signer.inventory.names import (
    clean_text,
    fold,
    legacy_font_of,
    proper_case,
    sort_key,
    spelling_key,
)

LETTERS = (
    "aàảãáạăằẳẵắặâầẩẫấậbcdđeèẻẽéẹêềểễếệghiìỉĩíịklmnoòỏõóọôồổỗốộơờởỡớợpqrstuùủũúụưừửữứựvxyỳỷỹýỵ"
)
words = st.text(LETTERS, min_size=1, max_size=7)
names = st.lists(words, min_size=2, max_size=5).map(lambda parts: " ".join(parts).title())

ONSETS = ("", *re.split(" ", "b c ch d đ g gh gi h k kh l m n ng ngh nh ph qu r s t th tr v x"))
RIMES = re.split(
    " ",
    "a ac ach ai am an ang anh ao ap at au ay ăc ăm ăn ăng ăp ăt âc âm ân âng âp ât âu ây e ec em "
    "en eng eo ep et ê êch êm ên ênh êp êt êu i ia ich iêc iêm iên iêng iêp iêt iêu im in inh ip "
    "it iu o oa oac oach oai oam oan oang oanh oap oat oay oăc oăm oăn oăng oăt oc oe oen oeo oet "
    "oi om on ong op ot ô ôc ôi ôm ôn ông ôp ôt ơ ơi ơm ơn ơp ơt u ua uân uâng uât uây uc uê uêch "
    "uênh ui um un ung uơ up ut uy uya uych uyên uyêt uynh uyu uôc uôi uôm uôn uông uôt ư ưa ưc ưi "
    "ưng ưt ươc ươi ươm ươn ương ươp ươt ưu y yêm yên yêng yêt yêu",
)


@pytest.mark.parametrize("wanted", [["An", "Ánh", "Ăn", "Ân", "Dũng", "Đạt", "Hà", "Hả", "Hạ"]])
def test_given_names_stand_in_the_vietnamese_order(wanted: list[str]) -> None:
    """R9's test set, from any shuffling of it."""
    for seed in range(50):
        mixed = random.Random(seed).sample(wanted, len(wanted))
        assert sorted(mixed, key=sort_key) == wanted


def test_lists_go_by_given_then_family_then_middle_name() -> None:
    """R9: the last word decides, then the first, then what is between."""
    wanted = [
        "Vũ Thị An",
        "Đỗ Văn Hà",
        "Nguyễn Bá Hà",
        "Nguyễn Thị Hà",
        "Nguyễn Thị Bích Hà",
        "Nguyễn Văn Hà",
        "Phạm An Hạ",
        "Lê Y Hai",
    ]
    for seed in range(20):
        mixed = random.Random(seed).sample(wanted, len(wanted))
        assert sorted(mixed, key=sort_key) == wanted


@given(names)
def test_the_sort_key_is_ascii_and_blind_to_form(name: str) -> None:
    """Bytes compare alike in SQLite and PostgreSQL; NFD, case and spaces change nothing."""
    key = sort_key(name)
    assert key.isascii()
    assert key == sort_key(unicodedata.normalize("NFD", f"  {name.upper()}\u200b "))


@given(st.lists(names, max_size=6))
def test_sorting_orders_given_names_by_letters_first(people: list[str]) -> None:
    """In a sorted list the letters of the given names, without tones, never go down."""
    order = "aăâbcdđeêghiklmnoôơpqrstuưvxy"

    def letters(name: str) -> list[int]:
        marks = "\u0300\u0309\u0303\u0301\u0323"
        given_name = unicodedata.normalize("NFD", name.split()[-1].lower())
        plain = unicodedata.normalize("NFC", "".join(c for c in given_name if c not in marks))
        return [order.index(c) for c in plain]

    ranked = [letters(name) for name in sorted(people, key=sort_key)]
    assert ranked == sorted(ranked)


@pytest.mark.parametrize("typed", ["nguyen thi anh", "Nguyễn Thị Ánh", "NGUYỄN  THỊ ÁNH\u200b"])
def test_the_search_form_is_the_same_for_every_way_to_type(typed: str) -> None:
    """R8, composed or decomposed."""
    assert fold(typed) == "nguyen thi anh"
    assert fold(unicodedata.normalize("NFD", typed)) == "nguyen thi anh"


def test_d_with_stroke_and_its_lookalikes_fold_to_d() -> None:
    """R8: "do" finds "Đỗ", also when Đ was typed as eth."""
    assert fold("Đỗ") == fold("Ðỗ") == fold("đỗ") == "do"
    assert clean_text("Ðỗ") == "Đỗ"


@pytest.mark.parametrize(("old", "new"), [("hoà", "hòa"), ("thuỷ", "thủy"), ("khoẻ", "khỏe")])
def test_where_the_tone_is_written_does_not_matter(old: str, new: str) -> None:
    """R8 and domain.md 5.2: they differ after NFC, yet name the same thing."""
    assert old != new
    assert fold(old) == fold(new)
    assert spelling_key(old) == spelling_key(new)
    assert spelling_key("hoa") != spelling_key(old)


@given(st.text(max_size=40))
def test_folding_and_cleaning_are_stable(text: str) -> None:
    """What is clean stays clean, whatever came in; what is folded holds no marks (R7)."""
    clean = clean_text(text)
    assert clean_text(clean) == clean
    assert unicodedata.is_normalized("NFC", clean)
    assert "  " not in clean
    assert clean == clean.strip()
    assert not any(unicodedata.combining(c) for c in fold(text))


@given(names)
def test_decomposed_and_littered_names_are_stored_alike(name: str) -> None:
    """R7: an NFD name with double spaces and zero-width characters gives the identical text."""
    decomposed = unicodedata.normalize("NFD", name).replace(" ", " \u200b\u00a0 ")
    littered = f"\ufeff {decomposed}\u00ad"
    assert clean_text(littered) == unicodedata.normalize("NFC", name)


def test_marks_typed_in_the_wrong_order_are_put_right() -> None:
    """Old keyboards put the tone before the circumflex."""
    assert clean_text("Nguye\u0303\u0302n") == "Nguyễn"


def test_half_a_character_is_not_kept() -> None:
    """JSON can hold a lone surrogate; no database can."""
    assert clean_text("Lê\ud800 Hà") == "Lê Hà"


@pytest.mark.parametrize(
    ("typed", "stored"),
    [
        ("NGUYỄN THỊ ÁNH", "Nguyễn Thị Ánh"),
        ("đỗ văn đạt", "Đỗ Văn Đạt"),
        ("Lê McDonald Hà", "Lê McDonald Hà"),
        ("H'WƠN ÊBAN", "H'Wơn Êban"),
    ],
)
def test_names_in_capitals_get_their_proper_case(typed: str, stored: str) -> None:
    """Only names wholly in one case are touched."""
    assert proper_case(typed) == stored


@pytest.mark.parametrize(
    ("text", "font"),
    [
        ("Hä vµ tªn", "TCVN3"),
        ("NguyÔn V¨n An", "TCVN3"),
        ("TrÇn ThÞ B×nh", "TCVN3"),
        ("§ç V¨n H­¬ng", "TCVN3"),
        ("Hoï vaø teân", "VNI"),
        ("Nguyeãn Vaên An", "VNI"),
        ("TRAÀN THÒ BÌNH", "VNI"),
        ("Leâ Vaên Höông", "VNI"),
    ],
)
def test_text_of_the_old_fonts_is_recognised(text: str, font: str) -> None:
    """Such text would be stored as garbage, so it is called by its name."""
    assert legacy_font_of(text) == font


def test_no_vietnamese_syllable_is_taken_for_an_old_font() -> None:
    """Every onset, rime and tone, wherever the tone is written, in either case."""
    tones = ["", "\u0300", "\u0309", "\u0303", "\u0301", "\u0323"]
    wrong = []
    for onset, rime, tone in itertools.product(ONSETS, RIMES, tones):
        if onset == "qu" and rime[0] in "ou":
            continue  # qu holds that vowel itself
        for place in tone_places(rime):
            syllable = unicodedata.normalize(
                "NFC", onset + rime[: place + 1] + tone + rime[place + 1 :]
            )
            wrong += [
                written
                for written in (syllable, syllable.upper(), syllable.capitalize())
                if legacy_font_of(written) is not None
            ]
    assert not wrong


def tone_places(rime: str) -> list[int]:
    """Where the old and the new way of writing put the tone."""
    if marked := [i for i, letter in enumerate(rime) if letter in "ăâêôơư"]:
        return marked[-1:]
    if rime.startswith(("oa", "oe", "uy")):
        return [0, 1] if len(rime) == 2 else [1]
    return [0]
