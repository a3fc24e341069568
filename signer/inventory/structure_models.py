"""Acts upon the unit tree, planned or carried out, and whom each of them carried where."""

import json
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from signer.db import Base, PathColumn, UTCDateTime
from signer.errors import N_
from signer.inventory.structure_plan import UnitAct

if TYPE_CHECKING:
    from signer.inventory.models import OrgUnit

CHANGE_STATE_NAMES: dict[str, str] = {
    "planned": N_("Chờ đến ngày"),
    "carrying": N_("Đang chuyển người"),
    "done": N_("Đã thực hiện"),
    "refused": N_("Không thực hiện được"),
    "undoing": N_("Đang hoàn tác"),
    "undone": N_("Đã hoàn tác"),
}


class UnitChange(Base):
    """One act: units end on the day before `effective_on`, units begin on it, people go along."""

    __tablename__ = "unit_change"

    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(String(10))
    effective_on: Mapped[date]
    decision: Mapped[str] = mapped_column(String(100))
    """Number and sign of the decision it rests on."""
    ordered: Mapped[str] = mapped_column(Text)
    """The `UnitAct` as it was given (JSON); a planned one is worked out on its day."""
    heirs: Mapped[str] = mapped_column(Text, default="{}")
    """Once carried out, who took over (JSON): see `Heirs`, and the duties that went along."""
    scope_path: Mapped[str] = mapped_column(PathColumn)
    """The lowest unit above everything it touched: whoever may see that, sees the act."""
    state: Mapped[str] = mapped_column(String(10), index=True)
    people: Mapped[int] = mapped_column(default=0)
    job_id: Mapped[int | None] = mapped_column(ForeignKey("job.id"))
    ordered_by: Mapped[str] = mapped_column(String(100))
    ordered_at: Mapped[datetime] = mapped_column(UTCDateTime)
    done_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    undone_by: Mapped[str | None] = mapped_column(String(100))
    undone_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    error: Mapped[str | None] = mapped_column(Text)
    """Why a planned act could not be carried out on its day; a sentence with its values (JSON)."""
    ended: Mapped[list["OrgUnit"]] = relationship(
        primaryjoin="foreign(OrgUnit.closed_by_id) == UnitChange.id",
        order_by="OrgUnit.path",
        lazy="selectin",
        viewonly=True,
    )
    begun: Mapped[list["OrgUnit"]] = relationship(
        primaryjoin="foreign(OrgUnit.opened_by_id) == UnitChange.id",
        order_by="OrgUnit.path",
        lazy="selectin",
        viewonly=True,
    )

    @property
    def act(self) -> UnitAct:
        """What was ordered."""
        return UnitAct.from_json(self.ordered)

    @property
    def refusal(self) -> dict[str, Any] | None:
        """`sentence` and `values` of why it was refused."""
        return json.loads(self.error) if self.error else None

    @property
    def may_be_undone(self) -> bool:
        """True in the states that can be left; what hangs on it is found out on trying."""
        return self.state in ("planned", "done")

    __table_args__ = (
        CheckConstraint(
            "kind IN ('open', 'close', 'rename', 'move', 'merge', 'split')", name="kind"
        ),
        CheckConstraint(
            "state IN ('planned', 'carrying', 'done', 'refused', 'undoing', 'undone')",
            name="state",
        ),
    )


class UnitMove(Base):
    """One period of one person that an act carried from a unit to the one that took over."""

    __tablename__ = "unit_move"

    period_id: Mapped[int] = mapped_column(ForeignKey("person_period.id"), primary_key=True)
    change_id: Mapped[int] = mapped_column(ForeignKey("unit_change.id"), primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"))
    from_unit_id: Mapped[int] = mapped_column(ForeignKey("org_unit.id"))
    to_unit_id: Mapped[int] = mapped_column(ForeignKey("org_unit.id"))
    valid_to: Mapped[date | None]
    """The period's last day then: a later change of the person shows by another one."""

    __table_args__ = (Index("ix_unit_move_change_id", "change_id", "person_id"),)
