"""What makes a unit a body: legal status, seal, codes, and who is its focal officer and deputy."""

import re
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from enum import StrEnum

from sqlalchemy import select, update

from signer.accounts import Actor, Permission
from signer.audit import Audit
from signer.clock import Clock
from signer.db import advisory_lock, db, transaction
from signer.errors import N_, Conflict, Invalid, NotFound
from signer.inventory.models import OrgUnit, Person, UnitDuty
from signer.inventory.names import clean_text
from signer.inventory.states import LEFT_STATES
from signer.inventory.tree import TREE_LOCK, unit_on


class Duty(StrEnum):
    """Who speaks for a body about certificates (D68; document 4414/UBND-ĐMPT of 2025)."""

    FOCAL = "focal"
    DEPUTY = "deputy"


DUTY_NAMES: dict[Duty, str] = {
    Duty.FOCAL: N_("Cán bộ đầu mối"),
    Duty.DEPUTY: N_("Người thay cán bộ đầu mối"),
}
_CODES: dict[str, tuple[str, str]] = {
    "tax_code": (
        r"\d{10}(-\d{3})?",
        N_("Mã số thuế có 10 chữ số, có thể thêm gạch nối và 3 chữ số."),
    ),
    "budget_code": (r"\d{7}", N_("Mã quan hệ ngân sách có 7 chữ số.")),
    "electronic_code": (
        r"(?=.{1,35}$)[0-9A-Z]+(\.[0-9A-Z]+)*",
        N_("Mã định danh điện tử có không quá 35 ký tự: chữ số, chữ hoa không dấu và dấu chấm."),
    ),
}


@dataclass(frozen=True, kw_only=True)
class BodyFacts:
    """What a body is in law, and under which codes others know it (domain.md 4.1)."""

    has_legal_status: bool
    has_seal: bool
    tax_code: str | None = None
    budget_code: str | None = None
    electronic_code: str | None = None


@dataclass(frozen=True, kw_only=True)
class DutyView:
    """Somebody's duty in a body, from a day to a day; `valid_to` None: until somebody else has."""

    duty: Duty
    code: str
    full_name: str
    decision: str
    valid_from: date
    valid_to: date | None


class Bodies:
    """Keeps what is said of bodies; the tree they stand in is `Structure`'s."""

    def __init__(self, clock: Clock, audit: Audit) -> None:
        self._clock = clock
        self._audit = audit

    def set_facts(self, actor: Actor, unit_code: str, facts: BodyFacts) -> None:
        """The open unit of that code has these facts; `Invalid` names the code that is none."""
        told = asdict(facts) | {name: _checked(name, getattr(facts, name)) for name in _CODES}
        with transaction():
            unit = self._managed(actor, unit_code)
            moved = {
                name: [getattr(unit, name), value]
                for name, value in told.items()
                if getattr(unit, name) != value
            }
            if moved:
                db.session.execute(update(OrgUnit).where(OrgUnit.id == unit.id).values(**told))
                self._audit.record(
                    actor.name, "unit.facts_changed", f"unit:{unit.code}", changes=moved
                )

    def name_officer(
        self,
        actor: Actor,
        unit_code: str,
        duty: Duty,
        *,
        person_code: str,
        decision: str,
        on: date | None = None,
    ) -> None:
        """The person has the duty from that day; whoever had it, had it until the day before.

        Raises `Conflict` for a division and for whoever has the other duty of this body: a deputy
        is there when the officer is not. `Invalid` for a leaver, for somebody of another body, and
        for a day that is to come or before the last one who had the duty began.
        """
        today = self._clock.today()
        day, decision = on or today, clean_text(decision)
        if not decision or len(decision) > 100:
            raise Invalid(
                N_("Hãy ghi số, ký hiệu quyết định, không quá 100 ký tự."), field="decision"
            )
        with transaction():
            unit = self._managed(actor, unit_code)
            if not (unit.has_legal_status and unit.has_seal):
                raise Conflict(
                    N_("%(unit)s không có tư cách pháp nhân và con dấu riêng."), unit=unit.name
                )
            person = self._official_of(unit, person_code)
            last = self._last(unit, duty)
            if not (last.valid_from if last else date.min) <= day <= today:
                raise Invalid(
                    N_("Ngày phân công không được sau hôm nay, cũng không trước lần phân công cũ."),
                    field="on",
                )
            if last is not None and (last.valid_to is None or last.valid_to >= day):
                last.valid_to = max(day - timedelta(days=1), last.valid_from)
                db.session.flush()
            facts = {"unit_id": unit.id, "person_id": person.id, "decision": decision}
            db.session.add(UnitDuty(**facts, duty=duty.value, valid_from=day))
            self._record(actor, unit, duty, day, person=person.code, decision=decision)

    def end_officer(self, actor: Actor, unit_code: str, duty: Duty) -> None:
        """Nobody has the duty after today; `NotFound` when nobody had."""
        with transaction():
            unit, today = self._managed(actor, unit_code), self._clock.today()
            last = self._last(unit, duty)
            if last is None or last.valid_to is not None:
                raise NotFound(N_("Chưa có ai được phân công nhiệm vụ này."))
            last.valid_to = today
            self._record(actor, unit, duty, today, person=None)

    def duties_of(self, unit_id: int) -> list[DutyView]:
        """Everybody who ever had a duty of the unit, the latest first."""
        statement = (
            select(
                UnitDuty.duty,
                Person.code,
                Person.full_name,
                UnitDuty.decision,
                UnitDuty.valid_from,
                UnitDuty.valid_to,
            )
            .join(Person, Person.id == UnitDuty.person_id)
            .where(UnitDuty.unit_id == unit_id)
            .order_by(UnitDuty.valid_from.desc(), UnitDuty.id.desc())
        )
        rows = db.session.execute(statement).mappings()
        return [DutyView(**{**row, "duty": Duty(row["duty"])}) for row in rows]

    def _managed(self, actor: Actor, unit_code: str) -> OrgUnit:
        advisory_lock(TREE_LOCK)
        unit = unit_on(unit_code, self._clock.today())
        actor.require(Permission.UNIT_MANAGE, unit.path)
        if unit.valid_to is not None:
            raise Conflict(N_("%(unit)s đã kết thúc hoạt động."), unit=unit.name)
        return unit

    def _official_of(self, unit: OrgUnit, code: str) -> Person:
        """Who works in the unit under that code and has no duty of it yet."""
        person = db.session.scalar(select(Person).where(Person.code == clean_text(code).upper()))
        if person is None or not person.unit_path.startswith(unit.path):
            raise Invalid(
                N_("Không có ai mang mã %(code)s làm việc ở %(unit)s."),
                field="person",
                code=code,
                unit=unit.name,
            )
        if person.state in LEFT_STATES:
            raise Invalid(N_("%(name)s không còn công tác."), field="person", name=person.full_name)
        has_one = select(UnitDuty.id).where(
            UnitDuty.unit_id == unit.id,
            UnitDuty.person_id == person.id,
            UnitDuty.valid_to.is_(None),
        )
        if db.session.scalar(has_one) is not None:
            raise Conflict(
                N_("%(name)s đã có nhiệm vụ này hoặc nhiệm vụ kia ở đơn vị này."),
                name=person.full_name,
            )
        return person

    def _last(self, unit: OrgUnit, duty: Duty) -> UnitDuty | None:
        statement = select(UnitDuty).where(UnitDuty.unit_id == unit.id, UnitDuty.duty == duty)
        latest = statement.order_by(UnitDuty.valid_from.desc(), UnitDuty.id.desc())
        return db.session.scalar(latest.limit(1))

    def _record(
        self, actor: Actor, unit: OrgUnit, duty: Duty, day: date, **details: object
    ) -> None:
        self._audit.record(
            actor.name,
            f"unit.{duty}_named",
            f"unit:{unit.code}",
            **details,
            **{"from": day.isoformat()},
        )


def _checked(name: str, value: str | None) -> str | None:
    """The code without spaces; None when it was left empty."""
    text = clean_text(value or "").replace(" ", "").upper()
    pattern, sentence = _CODES[name]
    if text and not re.fullmatch(pattern, text):
        raise Invalid(sentence, field=name)
    return text or None
