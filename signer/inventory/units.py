"""Finding the unit that a roster means, however the clerk wrote its name."""

import difflib
import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from signer.inventory.kinds import UnitKind
from signer.inventory.names import clean_text, fold, spelling_key

_PUNCTUATION = re.compile(r"[\s.,;:()/&\u2010-\u2015\-\"'“”‘’]+")
_PEOPLES_COMMITTEE = "ủy ban nhân dân"
_ABBREVIATIONS = {
    "ubnd": _PEOPLES_COMMITTEE,
    "hđnd": "hội đồng nhân dân",
    "tp": "thành phố",
    "vp": "văn phòng",
    "tt": "trung tâm",
}
_LEADING_ABBREVIATIONS = {"p": "phường", "x": "xã", "q": "quận", "h": "huyện", "tx": "thị xã"}
"""Single letters that name a kind of unit only at the start or after UBND."""
_KINDS = ("phường", "xã", "quận", "huyện", "thị xã")
_CITY_ENDINGS = ("thành phố hà nội", "hà nội")
_NEAREST = 0.72  # difflib ratio below which a suggestion would only puzzle the clerk


@dataclass(frozen=True, kw_only=True, slots=True)
class KnownUnit:
    """One unit of the tree, as planning needs it; `valid_to` is its last day."""

    id: int
    code: str
    name: str
    path: str
    parent_id: int | None
    valid_from: date | None
    valid_to: date | None
    kind: UnitKind | None = None
    """None where only the name is asked for."""
    ended_by_act: bool = False
    """An act ended it and carried its people on: nobody would carry who comes to it now."""

    def is_valid_on(self, day: date) -> bool:
        """True when the unit exists on that day."""
        return (self.valid_from is None or self.valid_from <= day) and (
            self.valid_to is None or day <= self.valid_to
        )


class MatchProblem(StrEnum):
    """Why a name leads to no unit."""

    UNKNOWN = "unknown"
    NOT_VALID = "not_valid"
    AMBIGUOUS = "ambiguous"


@dataclass(frozen=True, kw_only=True)
class UnitMatch:
    """The unit, or the problem with the units that may have been meant, best first."""

    unit: KnownUnit | None = None
    problem: MatchProblem | None = None
    candidates: tuple[KnownUnit, ...] = ()
    without_marks: bool = False
    """Found only after Vietnamese marks were ignored."""


class UnitIndex:
    """All units under every usual way to write them, as of one day."""

    def __init__(self, units: Iterable[KnownUnit], day: date) -> None:
        self._day = day
        self._units = tuple(units)
        self.by_id = {unit.id: unit for unit in self._units}
        self._by_code: dict[str, list[KnownUnit]] = defaultdict(list)
        self._exact: dict[str, list[KnownUnit]] = defaultdict(list)
        self._bare: dict[str, list[KnownUnit]] = defaultdict(list)
        self._folded: dict[str, list[KnownUnit]] = defaultdict(list)
        self._children: dict[tuple[int | None, str], KnownUnit] = {}
        for unit in self._units:
            self._by_code[unit.code.casefold()].append(unit)
            full, *shorter = _spellings(unit.name)
            self._exact[spelling_key(full)].append(unit)
            for words in shorter:
                self._bare[spelling_key(words)].append(unit)
            for words in (full, *shorter):
                self._folded[fold(words)].append(unit)
            if unit.is_valid_on(day):
                self._children[unit.parent_id, spelling_key(full)] = unit
        self._matches: dict[str, UnitMatch] = {}  # a roster names the same units many times
        self._divisions: dict[str, str] = {}

    def match(self, text: str) -> UnitMatch:
        """The unit meant by a code or a name that is valid on the day of this index.

        The full name decides first; a short one ("Phường Láng", "Ba Đình") after it, where a
        closed district and today's ward may share it: the one that exists that day is meant.
        """
        found = self._matches.get(text)
        if found is None:
            found = self._matches[text] = self._find(clean_text(text))
        return found

    def child(self, parent: KnownUnit, division: str) -> KnownUnit | None:
        """The valid unit of that name directly below the parent."""
        if (key := self._divisions.get(division)) is None:
            key = self._divisions[division] = spelling_key(plain_words(division))
        return self._children.get((parent.id, key))

    def _find(self, text: str) -> UnitMatch:
        code = text.casefold()
        # A code of the statistics office has five digits, of which Excel drops leading zeros.
        for written in (code, code.zfill(5) if code.isdecimal() else code):
            if by_code := self._by_code.get(written):
                return self._decide(by_code)
        words = plain_words(text)
        tries = [words, *_without_city(words)]
        for table in (self._exact, self._bare):
            for attempt in tries:
                if found := table.get(spelling_key(attempt)):
                    return self._decide(found)
        for attempt in tries:
            if found := self._folded.get(fold(attempt)):
                return self._decide(found, without_marks=True)
        return UnitMatch(problem=MatchProblem.UNKNOWN, candidates=self._nearest(words))

    def _decide(self, found: Sequence[KnownUnit], *, without_marks: bool = False) -> UnitMatch:
        distinct = {unit.id: unit for unit in found}.values()
        valid = [unit for unit in distinct if unit.is_valid_on(self._day)]
        if len(valid) == 1:
            return UnitMatch(unit=valid[0], without_marks=without_marks)
        if valid:
            return UnitMatch(problem=MatchProblem.AMBIGUOUS, candidates=tuple(valid))
        namesakes = [
            unit
            for closed in distinct
            for spelling in _spellings(closed.name)[-1:]
            for unit in self._bare.get(spelling_key(spelling), [])
            if unit.is_valid_on(self._day)
        ]
        return UnitMatch(problem=MatchProblem.NOT_VALID, candidates=(*distinct, *namesakes))

    def _nearest(self, words: str) -> tuple[KnownUnit, ...]:
        *_, wanted = map(fold, _spellings(words))
        scored = []
        for unit in self._units:
            if not unit.is_valid_on(self._day):
                continue
            full, *_, bare = map(fold, [*_spellings(unit.name)[:1], *_spellings(unit.name)])
            ratio = difflib.SequenceMatcher(None, wanted, bare).ratio()
            if ratio >= _NEAREST:
                same_start = difflib.SequenceMatcher(None, fold(words), full).ratio()
                scored.append((ratio, same_start, unit))
        scored.sort(key=lambda one: one[:2], reverse=True)
        return tuple(unit for _, _, unit in scored[:3])


def plain_words(text: str) -> str:
    """Lower-case words of a unit's name, abbreviations written out, punctuation gone."""
    words: list[str] = []
    tokens = [t for t in _PUNCTUATION.split(clean_text(text).casefold()) if t]
    for place, token in enumerate(tokens):
        if place == 0 or tokens[place - 1] in ("ubnd", "dân"):
            token = _LEADING_ABBREVIATIONS.get(token, token)
        words.append(_ABBREVIATIONS.get(token, token))
    return " ".join(words)


def _spellings(name: str) -> list[str]:
    """The full name and then every shorter way to write it, the barest last."""
    full = plain_words(name)
    spellings = [full]
    rest = full.removeprefix(_PEOPLES_COMMITTEE).strip()
    if rest != full:
        spellings.append(rest)
        for kind in _KINDS:
            if rest.startswith(kind + " "):
                spellings.append(rest.removeprefix(kind).strip())
    head, _, tail = full.partition(" ")
    if head == "sở" and " " in tail:  # Sở KH&CN, Sở GDĐT
        initials = [word[0] for word in tail.split() if word != "và"]
        spellings.append(f"sở {''.join(initials)}")
    return spellings


def _without_city(words: str) -> list[str]:
    """The name again without "thành phố Hà Nội" behind it; initials joined ("sở kh cn")."""
    shorter = [words.removesuffix(ending).strip() for ending in _CITY_ENDINGS]
    for attempt in (words, *tuple(shorter)):
        head, *tail = attempt.split() or [""]
        if head == "sở" and len(tail) > 1:
            shorter.append(f"sở {''.join(tail)}")
    return [s for s in dict.fromkeys(shorter) if s and s != words]
