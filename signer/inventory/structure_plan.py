"""What an act upon the unit tree comes to: which units end, which begin, who takes over. Pure."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date, timedelta
from enum import StrEnum
from typing import Any

from signer.errors import N_, Conflict, Invalid, NotFound
from signer.inventory.kinds import UnitKind
from signer.inventory.names import clean_text, spelling_key
from signer.inventory.units import KnownUnit


class ActKind(StrEnum):
    """The acts there are; all but the first end units."""

    OPEN = "open"
    CLOSE = "close"
    RENAME = "rename"
    MOVE = "move"
    MERGE = "merge"
    SPLIT = "split"


ACT_NAMES: dict[ActKind, str] = {
    ActKind.OPEN: N_("Lập đơn vị mới"),
    ActKind.CLOSE: N_("Kết thúc đơn vị"),
    ActKind.RENAME: N_("Đổi tên đơn vị"),
    ActKind.MOVE: N_("Chuyển sang cấp trên khác"),
    ActKind.MERGE: N_("Sáp nhập, hợp nhất"),
    ActKind.SPLIT: N_("Chia tách"),
}
_NUMBERS: dict[ActKind, tuple[range, range]] = {
    ActKind.OPEN: (range(1), range(1, 2)),
    ActKind.CLOSE: (range(1, 2), range(2)),
    ActKind.RENAME: (range(1, 2), range(1, 2)),
    ActKind.MOVE: (range(1, 2), range(1, 2)),
    ActKind.MERGE: (range(1, 101), range(1, 2)),
    ActKind.SPLIT: (range(1, 2), range(2, 101)),
}
"""How many units each act ends, and to how many it leads."""


@dataclass(frozen=True, kw_only=True)
class Heir:
    """A unit that begins, or an existing one (by its code alone) that takes over."""

    code: str
    name: str = ""
    kind: UnitKind | None = None
    """None: that of the unit that ends."""
    takes: tuple[str, ...] = ()
    """Of a split: codes of people, codes of sub-units, names of divisions. The rest goes to the
    first heir."""


@dataclass(frozen=True, kw_only=True)
class UnitAct:
    """An act as somebody orders it."""

    kind: ActKind
    on: date
    """The first day on which the tree is another one."""
    decision: str
    codes: tuple[str, ...] = ()
    """The units that end."""
    heirs: tuple[Heir, ...] = ()
    parent_code: str | None = None
    """Above what begins; None: whatever was above the unit that ends."""

    def to_json(self) -> str:
        """One text, from which `from_json` makes the same act."""
        return json.dumps(asdict(self), ensure_ascii=False, default=date.isoformat)

    @classmethod
    def from_json(cls, text: str) -> "UnitAct":
        """The act of that text."""
        told = json.loads(text)
        return cls.of(told | {"on": date.fromisoformat(told["on"])})

    @classmethod
    def of(cls, told: Mapping[str, Any]) -> "UnitAct":
        """The act of these values, its kinds and heirs still as JSON has them."""
        heirs = [
            Heir(
                **one
                | {"takes": tuple(one["takes"]), "kind": one["kind"] and UnitKind(one["kind"])}
            )
            for one in told["heirs"]
        ]
        plain = {"kind": ActKind(told["kind"]), "codes": tuple(told["codes"])}
        return cls(**{**told, **plain, "heirs": tuple(heirs)})


@dataclass(frozen=True, kw_only=True)
class Opening:
    """A unit to be made; below an id that is negative stands another opening."""

    id: int
    """-1, -2, … in the order in which they are made."""
    code: str
    name: str
    kind: UnitKind
    parent_id: int | None
    like_id: int | None
    """The ended unit whose seal and codes it carries on."""


@dataclass(kw_only=True)
class UnitPlan:
    """What is done on that day; ids below zero are those of openings."""

    closes: list[KnownUnit] = field(default_factory=list)
    openings: list[Opening] = field(default_factory=list)
    heir_of: dict[int, int] = field(default_factory=dict)
    """By the id of each unit whose people go: where they go, if nothing else is said."""
    heirs_of: dict[int, set[int]] = field(default_factory=dict)
    """Successors; a split unit has several."""
    takes: dict[str, tuple[str, int]] = field(default_factory=dict)
    """Of a split, by `word_key`: a person, sub-unit or division as written, and its heir."""
    taken: set[str] = field(default_factory=set)
    """Those of the keys that name a sub-unit."""
    touched: set[str] = field(default_factory=set)
    """Paths over which the actor must be allowed to do this."""


def plan_of(units: Iterable[KnownUnit], act: UnitAct) -> UnitPlan:
    """The plan of the act upon these units; raises what a clerk can mend, by field."""
    return _Planner(units, act).plan()


class _Planner:
    def __init__(self, units: Iterable[KnownUnit], act: UnitAct) -> None:
        self._act = act
        self._eve = act.on - timedelta(days=1)
        ever = [unit for unit in units if not _was_undone(unit)]
        self._units = sorted(ever, key=lambda unit: unit.path)
        self._open = {unit.code.casefold(): unit for unit in self._units if unit.valid_to is None}
        self._by_id = {unit.id: unit for unit in self._units}
        self._plan = UnitPlan()

    def plan(self) -> UnitPlan:
        act, plan = self._act, self._plan
        ends, leads = _NUMBERS[act.kind]
        if not clean_text(act.decision) or len(act.decision) > 100:
            raise Invalid(
                N_("Hãy ghi số, ký hiệu quyết định, không quá 100 ký tự."), field="decision"
            )
        if len(set(act.codes)) not in ends or len(act.codes) != len(set(act.codes)):
            raise Invalid(N_("Hãy chọn đúng những đơn vị kết thúc của việc này."), field="codes")
        if len(act.heirs) not in leads:
            raise Invalid(N_("Hãy ghi đủ những đơn vị tiếp nhận của việc này."), field="heirs")
        sources = [self._source(code) for code in act.codes]
        for unit in sources:
            self._end(unit, {one.path for one in sources})
        heirs = [self._heir(heir, sources) for heir in act.heirs]
        parents = [self._by_id.get(opening.parent_id or 0) for opening in plan.openings]
        staying = [self._by_id[heir] for heir in heirs if heir > 0]
        plan.touched = {unit.path for unit in (*sources, *staying)}
        plan.touched |= {parent.path if parent else "" for parent in parents}
        for unit in sources:
            self._pass_on(unit, heirs)
        return plan

    def _source(self, code: str) -> KnownUnit:
        """The open unit of that code, or one that ended on the eve: people may be left in it."""
        ended = (u for u in self._units if u.code == code and u.valid_to == self._eve)
        unit = self._open.get(code.casefold()) or next(ended, None)
        if unit is None:
            raise _not_open(code)
        return unit

    def _end(self, top: KnownUnit, others: set[str]) -> None:
        """The unit and all below it end on the eve."""
        if any(top.path != path and top.path.startswith(path) for path in others):
            raise Invalid(
                N_("%(unit)s đã nằm trong một đơn vị kết thúc khác."), field="codes", unit=top.name
            )
        for unit in self._below(top):
            if unit.valid_to is None:
                if unit.valid_from is not None and unit.valid_from >= self._act.on:
                    raise _too_new(unit)
                self._plan.closes.append(unit)
            elif unit.valid_to > self._eve:
                raise Conflict(
                    N_("%(unit)s đã kết thúc ngày %(day)s; hãy chọn ngày sau ngày đó."),
                    unit=unit.name,
                    day=f"{unit.valid_to:%d/%m/%Y}",
                )

    def _below(self, top: KnownUnit) -> list[KnownUnit]:
        """The unit and those under it that had not ended before the eve, highest first."""
        return [
            unit
            for unit in self._units
            if unit.path.startswith(top.path)
            and (unit.valid_to is None or unit.valid_to >= self._eve)
        ]

    def _heir(self, heir: Heir, sources: Sequence[KnownUnit]) -> int:
        """The id of the unit that takes over, made if it does not stay."""
        act, code, name = self._act, clean_text(heir.code), clean_text(heir.name)
        existing = self._open.get(code.casefold())
        if existing is not None and existing not in self._plan.closes:
            is_another = name and spelling_key(name) != spelling_key(existing.name)
            if is_another or act.kind not in (ActKind.CLOSE, ActKind.MERGE, ActKind.SPLIT):
                raise _taken(code, existing)
            if not existing.is_valid_on(act.on):
                raise _too_new(existing)
            return existing.id
        if act.kind is ActKind.CLOSE:
            raise _not_open(code)
        like = next((u for u in sources if u.code.casefold() == code.casefold()), None)
        if act.kind in (ActKind.RENAME, ActKind.MOVE):
            like = sources[0]
        if not name and like is not None:
            name = like.name
        # A code stands in addresses and between spaces.
        if not re.fullmatch(r"[^\s/]{1,35}", code) or not 0 < len(name) <= 200:
            raise Invalid(
                N_(
                    "Hãy ghi mã (không quá 35 ký tự, không có dấu cách và dấu /) "
                    "và tên (không quá 200 ký tự) của đơn vị mới."
                ),
                field="heirs",
            )
        kind = heir.kind or (sources[0].kind if sources else None)
        if kind is None:
            raise Invalid(N_("Hãy chọn loại đơn vị."), field="heirs")
        return self._make(code, name, kind, self._parent(sources), like)

    def _parent(self, sources: Sequence[KnownUnit]) -> int | None:
        """What is named, else what is above the first unit that ends; it must be there that day."""
        code = self._act.parent_code
        if code is None and not sources:
            raise Invalid(N_("Hãy chọn đơn vị cấp trên."), field="parent")
        if code is not None:
            parent = self._open.get(code.casefold())
        elif sources[0].parent_id is None:
            return None
        else:
            parent = self._by_id[sources[0].parent_id]
        if parent is None or parent.valid_to is not None or not parent.is_valid_on(self._act.on):
            raise _not_open(code or (parent.code if parent else ""))
        if any(parent.path.startswith(unit.path) for unit in sources):
            raise Invalid(
                N_("Một đơn vị không thể thuộc chính nó hoặc đơn vị dưới nó."), field="parent"
            )
        return parent.id

    def _make(
        self, code: str, name: str, kind: UnitKind, parent_id: int | None, like: KnownUnit | None
    ) -> int:
        if any(opening.code.casefold() == code.casefold() for opening in self._plan.openings):
            raise Invalid(N_("Mã %(code)s được ghi hai lần."), field="heirs", code=code)
        for other in self._units:
            is_there_later = other.valid_to is not None and other.valid_to >= self._act.on
            if is_there_later and other.code.casefold() == code.casefold():
                raise _taken(code, other)
        opening = Opening(
            id=-len(self._plan.openings) - 1,
            code=code,
            name=name,
            kind=kind,
            parent_id=parent_id,
            like_id=like.id if like else None,
        )
        self._plan.openings.append(opening)
        return opening.id

    def _pass_on(self, top: KnownUnit, heirs: Sequence[int]) -> None:
        """People and sub-units have somebody to go to; sub-units follow, and namesakes join."""
        below = [unit for unit in self._below(top) if unit.id != top.id]
        if not heirs:
            if below:
                raise Conflict(
                    N_("%(unit)s còn đơn vị trực thuộc; hãy chọn đơn vị tiếp nhận."), unit=top.name
                )
            return
        plan = self._plan
        plan.heir_of[top.id], plan.heirs_of[top.id] = heirs[0], set(heirs)
        for heir, told in zip(heirs, self._act.heirs, strict=True):
            for word in told.takes:
                if plan.takes.setdefault(word_key(word), (word, heir))[1] != heir:
                    raise Invalid(
                        N_("“%(word)s” được giao cho hai đơn vị."), field="heirs", word=word
                    )
        for unit in below:
            above = plan.heir_of.get(unit.parent_id or 0, heirs[0])
            for key in (word_key(unit.code), word_key(unit.name)):
                if unit.parent_id == top.id and key in plan.takes:
                    above = plan.takes[key][1]
                    plan.taken.add(key)
            joined = self._namesake(unit, above)
            if joined is None:
                kind = unit.kind or UnitKind.DIVISION
                joined = self._make(unit.code, unit.name, kind, above, unit)
            plan.heir_of[unit.id], plan.heirs_of[unit.id] = joined, {joined}

    def _namesake(self, unit: KnownUnit, above: int) -> int | None:
        """Two offices of one name under one roof become one."""
        others: list[KnownUnit | Opening] = [
            one
            for one in self._open.values()
            if one not in self._plan.closes and one.is_valid_on(self._act.on)
        ]
        for other in (*others, *self._plan.openings):
            if other.parent_id == above and spelling_key(other.name) == spelling_key(unit.name):
                return other.id
        return None


def word_key(word: str) -> str:
    """What two ways to write a code or the name of a division have in common."""
    return spelling_key(clean_text(word).casefold())


def _not_open(code: str) -> NotFound:
    return NotFound(N_("Không có đơn vị đang hoạt động nào mang mã %(code)s."), code=code)


def _taken(code: str, unit: KnownUnit) -> Conflict:
    return Conflict(N_("Mã %(code)s đang là của %(unit)s."), code=code, unit=unit.name)


def _too_new(unit: KnownUnit) -> Conflict:
    return Conflict(
        N_("%(unit)s chỉ mới lập ngày %(day)s; hãy chọn ngày sau ngày đó."),
        unit=unit.name,
        day=f"{unit.valid_from:%d/%m/%Y}",
    )


def _was_undone(unit: KnownUnit) -> bool:
    return bool(unit.valid_from and unit.valid_to and unit.valid_to < unit.valid_from)
