"""Lines of a page as a reader sees them, and who is named alone on one.

A name inside a sentence or in the row of a table is somebody being mentioned, not the place to
sign.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from signer.signing.geometry import Box
from signer.signing.pages import Word

_TOUCHING = 2.0
"""Boxes of lines may overlap by so many points and still stand above each other."""

SEARCH_ABOVE = 200.0
"""The title stands at most so many points above the name."""


@dataclass(frozen=True, kw_only=True)
class Segment:
    """Words that belong together on one line."""

    words: tuple[Word, ...]

    @property
    def box(self) -> Box:
        return Box(
            x0=min(word.x0 for word in self.words),
            y0=min(word.y0 for word in self.words),
            x1=max(word.x1 for word in self.words),
            y1=max(word.y1 for word in self.words),
        )

    @property
    def folded(self) -> str:
        return fold("".join(word.text for word in self.words))


_TABLE_NEIGHBOURS = 2
"""Two signature blocks may share a line; three things on a line are a row of a table."""

HONOURS = r"(?:(?:pgs|gs|ts|ths|bs|ks|cn|ong|ba|dongchi)[.:]*)*"
"""What may stand before a name in the signature block, folded."""

AUTHORITY = r"(?:(?:tm|kt|tl|tuq|q)\.?)?"
"""The prefixes of Decree 30/2020, article 13, folded."""


def fold(text: str) -> str:
    """Only letters, digits and dots: no case, no tone, no blank, the same for NFC and NFD."""
    flat = unicodedata.normalize("NFD", text.casefold().replace("đ", "d"))
    return "".join(letter for letter in flat if letter.isalnum() or letter == ".")


def exact(text: str) -> str:
    """As `fold` but with the tones: Hà is not Hạ."""
    flat = unicodedata.normalize("NFC", text).casefold()
    return "".join(letter for letter in flat if not letter.isspace())


def segments_of(words: Sequence[Word]) -> list[Segment]:
    """Runs of words on one line without a wide gap, from the top of the page down."""
    lines: list[list[Word]] = []
    for word in sorted(words, key=lambda w: (-(w.y0 + w.y1), w.x0)):
        middle = (word.y0 + word.y1) / 2
        for line in lines[-4:]:
            if line[0].y0 < middle < line[0].y1 or word.y0 < _middle(line[0]) < word.y1:
                line.append(word)
                break
        else:
            lines.append([word])
    return [segment for line in lines for segment in _parted(line)]


def _middle(word: Word) -> float:
    return (word.y0 + word.y1) / 2


def _parted(line: list[Word]) -> Iterator[Segment]:
    line.sort(key=lambda word: word.x0)
    run = [line[0]]
    for before, word in pairwise(line):
        if word.x0 - before.x1 > 1.2 * (word.y1 - word.y0):
            yield Segment(words=tuple(run))
            run = []
        run.append(word)
    yield Segment(words=tuple(run))


def standing_alone(segments: Iterable[Segment], wanted: str, prefix: str) -> list[Segment]:
    """The segments that say this and nothing else, exact tones before folded ones.

    A name inside a sentence or in the row of a table is somebody being mentioned, not the place
    to sign.
    """
    pattern = re.compile(prefix + re.escape(fold(wanted)) + r"\.?")
    if not fold(wanted):
        return []
    segments = list(segments)
    found = [
        segment
        for segment in segments
        if pattern.fullmatch(segment.folded)
        and len(beside_on_line(segments, segment)) < _TABLE_NEIGHBOURS
    ]
    same = [s for s in found if exact("".join(w.text for w in s.words)).endswith(exact(wanted))]
    return same or found


def beside_on_line(segments: Sequence[Segment], one: Segment) -> list[Segment]:
    """What else stands on the line of this segment."""
    middle = (one.box.y0 + one.box.y1) / 2
    return [s for s in segments if s is not one and s.box.y0 < middle < s.box.y1]


def title_above(segments: Sequence[Segment], name: Segment) -> Segment | None:
    """The nearest text above the name that shares its column."""
    box = name.box
    middle = (box.x0 + box.x1) / 2
    above = [
        segment
        for segment in segments
        if segment.box.y0 >= box.y1 - _TOUCHING
        and segment.box.y0 - box.y1 <= SEARCH_ABOVE
        and segment.box.x0 - 10 <= middle <= segment.box.x1 + 10
    ]
    return min(above, key=lambda segment: segment.box.y0, default=None)
