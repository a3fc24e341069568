"""Numbers as an office writes them out: "05 (năm)", "1.205 (một nghìn hai trăm linh năm)"."""

from signer.reports.wording import number_text

_DIGITS = ("không", "một", "hai", "ba", "bốn", "năm", "sáu", "bảy", "tám", "chín")
_SCALES = ("", "nghìn", "triệu", "tỷ")


def counted(number: int) -> str:
    """The figure with its words behind it; below ten with a leading zero (domain.md 5.1)."""
    figure = f"{number:02d}" if number < 10 else number_text(number, "vi")
    return f"{figure} ({in_words(number)})"


def in_words(number: int) -> str:
    """The Vietnamese words of a whole number below a thousand billion."""
    if not 0 <= number < 1000 ** len(_SCALES):
        raise ValueError(f"no words for {number}")
    if number == 0:
        return _DIGITS[0]
    words: list[str] = []
    for power in reversed(range(len(_SCALES))):
        group = number // 1000**power % 1000
        if group:
            words += _group(group, leads=not words)
            words += filter(None, (_SCALES[power],))
    return " ".join(words)


def _group(group: int, *, leads: bool) -> list[str]:
    """Three digits; a group that does not lead says its hundreds even when there are none."""
    hundreds, tens, ones = group // 100, group // 10 % 10, group % 10
    words = [] if leads and not hundreds else [_DIGITS[hundreds], "trăm"]
    if tens > 1:
        words += [_DIGITS[tens], "mươi"]
    elif tens == 1:
        words.append("mười")
    elif words and ones:
        words.append("linh")
    if ones == 1 and tens > 1:
        words.append("mốt")
    elif ones == 5 and tens:
        words.append("lăm")
    elif ones:
        words.append(_DIGITS[ones])
    return words
