"""The words of a page as lines, for people who listen to a page instead of looking at it."""

from collections.abc import Iterable, Iterator
from typing import Protocol


class PlacedWord(Protocol):
    """A word with its place in displayed points, y upwards, as the page renderer reports it."""

    @property
    def text(self) -> str: ...
    @property
    def y0(self) -> float: ...
    @property
    def y1(self) -> float: ...


def lines_of(words: Iterable[PlacedWord]) -> Iterator[str]:
    """The words joined into lines, in the order the document gives them.

    A new line starts where the middle of a word leaves the height of the line so far; columns
    and tables keep the order in which their author wrote them, which is the order read aloud.
    """
    line: list[str] = []
    low = high = 0.0
    for word in words:
        middle = (word.y0 + word.y1) / 2
        if line and not low <= middle <= high:
            yield " ".join(line)
            line = []
        if not line:
            low, high = word.y0, word.y1
        line.append(word.text)
    if line:
        yield " ".join(line)
