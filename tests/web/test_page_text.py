"""The text layer: words become lines, in the order of the document."""

from dataclasses import dataclass

from signer.web.page_text import lines_of


@dataclass(frozen=True)
class Word:
    text: str
    y0: float
    y1: float


def test_words_at_one_height_are_one_line() -> None:
    words = [Word("CỘNG", 800, 812), Word("HÒA", 801, 812), Word("Độc", 780, 792)]
    assert list(lines_of(words)) == ["CỘNG HÒA", "Độc"]


def test_two_columns_keep_the_order_of_their_author() -> None:
    words = [Word("Nơi", 200, 212), Word("nhận:", 200, 212), Word("KT.", 240, 252)]
    assert list(lines_of(words)) == ["Nơi nhận:", "KT."]


def test_a_scanned_page_has_no_lines() -> None:
    assert list(lines_of([])) == []
