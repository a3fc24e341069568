"""Holds what a roster tells of a person against what is stored: what it does, why it may not."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from signer.errors import N_
from signer.inventory.facts import KnownPeople, KnownPerson, PersonFacts, changes_between
from signer.inventory.fields import Field
from signer.inventory.findings import Remark, error, warning
from signer.inventory.names import fold
from signer.inventory.states import STATE_RULES
from signer.inventory.units import KnownUnit


class Verdict(StrEnum):
    """What a valid row does to the inventory."""

    NEW = "new"
    CHANGED = "changed"
    SAME = "same"


@dataclass(frozen=True, kw_only=True, slots=True)
class PlannedRow:
    """One valid row: the facts it brings, and which of them are new to the inventory."""

    row: int
    facts: PersonFacts
    verdict: Verdict
    changes: tuple[str, ...] = ()


def planned(row: int, facts: PersonFacts, known: KnownPeople) -> PlannedRow:
    """What the row does, if nothing speaks against it."""
    before = known.by_code.get(facts.code)
    if before is None:
        return PlannedRow(row=row, facts=facts, verdict=Verdict.NEW)
    changes = changes_between(before.facts, facts)
    verdict = Verdict.CHANGED if changes else Verdict.SAME
    return PlannedRow(row=row, facts=facts, verdict=verdict, changes=changes)


def held(facts: PersonFacts, known: KnownPeople, name: str) -> str | None:
    """The address or number this person has once the row is stored; leavers hold none."""
    before = known.by_code.get(facts.code)
    state = facts.state or (before.facts.state if before else None)
    if state is not None and STATE_RULES[state].has_left:
        return None
    told: str | None = getattr(facts, name) or (getattr(before.facts, name) if before else None)
    return told


def remarks_on(
    row: PlannedRow,
    known: KnownPeople,
    units: Mapping[int, KnownUnit],
    *,
    effective_on: date,
    scopes: tuple[str, ...],
) -> Iterator[Remark]:
    """What stored persons and units say against the row, and what a clerk should look at."""
    facts = row.facts
    yield from _of_its_unit(row, units[facts.unit_id], effective_on, scopes)
    if id_number := held(facts, known, "id_number"):
        owner = known.code_of_id_number.get(id_number)
        if owner not in (None, facts.code):
            yield error(
                Field.ID_NUMBER,
                N_("Số định danh này đã thuộc về người có mã %(code)s."),
                code=owner,
            )
    if address := held(facts, known, "email"):
        owner = known.code_of_email.get(address)
        if owner not in (None, facts.code):
            yield error(
                Field.EMAIL, N_("Thư điện tử này đã thuộc về người có mã %(code)s."), code=owner
            )
    if (before := known.by_code.get(facts.code)) is not None:
        yield from _of_the_same_person(row, before, effective_on, scopes)


def _of_its_unit(
    row: PlannedRow, unit: KnownUnit, effective_on: date, scopes: tuple[str, ...]
) -> Iterator[Remark]:
    comes = row.verdict is Verdict.NEW or "unit_id" in row.changes
    if not unit.path.startswith(scopes):
        sentence = N_("“%(unit)s” ngoài phạm vi đơn vị mà bạn được giao.")
        yield error(Field.UNIT, sentence, unit=unit.name)
    elif comes and (unit.ended_by_act or not unit.is_valid_on(effective_on)):
        yield error(
            Field.UNIT,
            N_("“%(unit)s” đã kết thúc hoạt động nên không nhận thêm người."),
            N_("Ghi đơn vị tiếp nhận; danh sách phải tính đến ngày đơn vị đó đã hoạt động."),
            unit=unit.name,
        )


def _of_the_same_person(
    row: PlannedRow, before: KnownPerson, effective_on: date, scopes: tuple[str, ...]
) -> Iterator[Remark]:
    facts, stored = row.facts, before.facts
    if before.merged_into is not None:
        yield error(
            Field.CODE,
            N_("Người có mã này đã được gộp vào người có mã %(code)s."),
            N_("Ghi mã %(code)s, hoặc tách hai người ra lại nếu gộp nhầm."),
            code=before.merged_into,
        )
        return
    if not stored.unit_path.startswith(scopes):
        yield error(Field.CODE, N_("Người có mã này thuộc đơn vị ngoài phạm vi mà bạn được giao."))
        return
    other_number = facts.id_number and stored.id_number and facts.id_number != stored.id_number
    other_birth = facts.birth_date and stored.birth_date and facts.birth_date != stored.birth_date
    if (other_number or other_birth) and fold(facts.full_name) != fold(stored.full_name):
        yield error(
            Field.CODE,
            N_("Mã cán bộ này đang thuộc về người khác (%(name)s)."),
            N_("Kiểm tra lại mã; mỗi người giữ một mã suốt thời gian công tác."),
            name=stored.full_name,
        )
        return
    if {"unit_id", "state"} & set(row.changes) and before.period_from > effective_on:
        yield error(
            Field.UNIT if "unit_id" in row.changes else Field.STATE,
            N_("Người này đã có biến động từ ngày %(day)s, sau ngày của danh sách."),
            day=before.period_from.strftime("%d/%m/%Y"),
        )
    if before.has_left and facts.state is None:
        yield warning(
            Field.CODE, N_("Người này đã thôi công tác; danh sách không đổi trạng thái đó.")
        )


def changed_since(before: KnownPerson, checked_at: datetime) -> Iterator[Remark]:
    """Refuses a row that would overwrite what its clerk has not seen."""
    if before.updated_at is not None and before.updated_at > checked_at:
        yield error(
            Field.CODE,
            N_("Thông tin của người này đã được sửa sau khi danh sách được kiểm tra."),
            N_("Tải tệp lên lại để xem danh sách còn thay đổi gì so với thông tin mới."),
        )
