"""Units of the city with their history, the people who work in them, and roster imports.

`person` and `org_unit` say how things stand now; `person_period` is the dated truth that
"as of a day" is asked of. Only `Inventory` writes these tables, all of them together.
"""

from datetime import date, datetime
from enum import StrEnum

from sqlalchemy import CheckConstraint, Enum, ForeignKey, Index, String, Text, false, text
from sqlalchemy.engine import Dialect
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.types import TypeDecorator, TypeEngine

from signer.db import Base, PathColumn, UTCDateTime
from signer.inventory.kinds import (
    PERSON_KIND_NAMES,
    SEX_NAMES,
    SIGNING_ROLE_NAMES,
    UNIT_KIND_NAMES,
    IdNumberKind,
    ImportState,
    PersonKind,
    Sex,
    SigningRole,
    UnitKind,
)
from signer.inventory.states import LEFT_STATES, Consequence, PersonState
from signer.inventory.structure_models import UnitChange, UnitMove

__all__ = [
    "PERSON_KIND_NAMES",
    "SEX_NAMES",
    "SIGNING_ROLE_NAMES",
    "UNIT_KIND_NAMES",
    "DuplicatePair",
    "IdNumberKind",
    "ImportState",
    "OrgUnit",
    "Person",
    "PersonKind",
    "PersonPeriod",
    "RosterImport",
    "Sex",
    "SigningRole",
    "StatePolicy",
    "UnitChange",
    "UnitDuty",
    "UnitKind",
    "UnitMove",
    "UnitSuccessor",
]


def _enum(values: type[StrEnum]) -> Enum:
    """A column that holds the lower-case values and reads them back as members."""
    return Enum(
        values,
        native_enum=False,
        length=20,
        values_callable=lambda e: [member.value for member in e],
    )


def _found_by_start(length: int) -> TypeEngine[str]:
    """Text compared byte by byte, so that what begins alike is one range of its index."""
    return String(length).with_variant(String(length, collation="C"), "postgresql")


class SigningRolesColumn(TypeDecorator[tuple[SigningRole, ...]]):
    """Signing roles as words with commas between, in the order of the enumeration."""

    impl = String(60)
    cache_ok = True

    def process_bind_param(
        self, value: tuple[SigningRole, ...] | None, dialect: Dialect
    ) -> str | None:
        return None if value is None else ",".join(role for role in SigningRole if role in value)

    def process_result_value(
        self, value: str | None, dialect: Dialect
    ) -> tuple[SigningRole, ...] | None:
        return None if value is None else tuple(map(SigningRole, filter(None, value.split(","))))


class OrgUnit(Base):
    """One unit; it is never deleted, its validity ends. `valid_to` is its last day."""

    __tablename__ = "org_unit"

    id: Mapped[int] = mapped_column(primary_key=True)
    code: Mapped[str] = mapped_column(String(35), index=True)
    """Carried on when a unit is renamed or moved, so unique only among those that are open."""
    name: Mapped[str] = mapped_column(String(200))
    kind: Mapped[UnitKind] = mapped_column(_enum(UnitKind))
    parent_id: Mapped[int | None] = mapped_column(ForeignKey("org_unit.id"), index=True)
    path: Mapped[str] = mapped_column(PathColumn, unique=True)
    """Four-digit ordinals among siblings, each followed by a dot: 0001.0042."""
    valid_from: Mapped[date | None]
    """None: since before anything this system knows."""
    valid_to: Mapped[date | None]
    search_key: Mapped[str] = mapped_column(String(200))
    has_legal_status: Mapped[bool] = mapped_column(default=False, server_default=false())
    has_seal: Mapped[bool] = mapped_column(default=False, server_default=false())
    """With legal status and a seal of its own, a body may be the requester (R22)."""
    tax_code: Mapped[str | None] = mapped_column(String(14))
    budget_code: Mapped[str | None] = mapped_column(String(7))
    electronic_code: Mapped[str | None] = mapped_column(String(35))
    opened_by_id: Mapped[int | None] = mapped_column(ForeignKey("unit_change.id"))
    closed_by_id: Mapped[int | None] = mapped_column(ForeignKey("unit_change.id"))
    """The acts that began and ended it here; None for what came from a file."""

    __table_args__ = (
        Index(
            "uq_org_unit_open_code",
            "code",
            unique=True,
            sqlite_where=text("valid_to IS NULL"),
            postgresql_where=text("valid_to IS NULL"),
        ),
    )

    def is_valid_on(self, day: date) -> bool:
        """True when the unit exists on that day."""
        return (self.valid_from is None or self.valid_from <= day) and (
            self.valid_to is None or day <= self.valid_to
        )

    @property
    def is_undone(self) -> bool:
        """True when the act that began it was undone: it was valid on no day."""
        return bool(self.valid_from and self.valid_to and self.valid_to < self.valid_from)


class UnitSuccessor(Base):
    """The unit that took over people and work of a closed one; a split has several."""

    __tablename__ = "unit_successor"

    unit_id: Mapped[int] = mapped_column(ForeignKey("org_unit.id"), primary_key=True)
    successor_id: Mapped[int] = mapped_column(ForeignKey("org_unit.id"), primary_key=True)
    change_id: Mapped[int] = mapped_column(ForeignKey("unit_change.id"), primary_key=True)
    """By which act; it says nothing any more when that act was undone."""


class UnitDuty(Base):
    """Who is a body's focal officer, or deputy in absence, on which decision, from when to when."""

    __tablename__ = "unit_duty"

    id: Mapped[int] = mapped_column(primary_key=True)
    unit_id: Mapped[int] = mapped_column(ForeignKey("org_unit.id"))
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"), index=True)
    duty: Mapped[str] = mapped_column(String(10))
    decision: Mapped[str] = mapped_column(String(100))
    """Number and sign of the decision that names the person."""
    valid_from: Mapped[date]
    valid_to: Mapped[date | None]

    __table_args__ = (
        CheckConstraint("duty IN ('focal', 'deputy')", name="duty"),
        CheckConstraint("valid_to IS NULL OR valid_to >= valid_from", name="order"),
        # Exactly one focal officer for each body, and one deputy (R22).
        Index(
            "uq_unit_duty_active",
            "unit_id",
            "duty",
            unique=True,
            sqlite_where=text("valid_to IS NULL"),
            postgresql_where=text("valid_to IS NULL"),
        ),
    )


_LEFT = ", ".join(f"'{state}'" for state in LEFT_STATES)
_FILTERED = ("kind", "state", "signing_roles")
_UNUSUAL = f"state != '{PersonState.WORKING}'"
ACTIVE = f"state NOT IN ({_LEFT}) AND merged_into_id IS NULL"
"""SQL, word for word the same wherever an index over active persons is to be used."""


class Person(Base):
    """One official as things stand now; all text is NFC (R7)."""

    __tablename__ = "person"

    id: Mapped[int] = mapped_column(primary_key=True)
    code: Mapped[str] = mapped_column(_found_by_start(20), unique=True)
    full_name: Mapped[str] = mapped_column(String(100))
    search_key: Mapped[str] = mapped_column(String(100))
    sort_key: Mapped[str] = mapped_column(PathColumn)
    birth_date: Mapped[date | None]
    sex: Mapped[Sex | None] = mapped_column(_enum(Sex))
    id_number: Mapped[str | None] = mapped_column(String(12), index=True)
    id_number_kind: Mapped[IdNumberKind | None] = mapped_column(_enum(IdNumberKind))
    id_issued_on: Mapped[date | None]
    id_issued_by: Mapped[str | None] = mapped_column(String(200))
    kind: Mapped[PersonKind | None] = mapped_column(_enum(PersonKind))
    unit_id: Mapped[int] = mapped_column(ForeignKey("org_unit.id"), index=True)
    unit_path: Mapped[str] = mapped_column(PathColumn)
    """The unit's path, copied so that a subtree is one range of one index."""
    division: Mapped[str | None] = mapped_column(String(200))
    title: Mapped[str | None] = mapped_column(String(200))
    email: Mapped[str | None] = mapped_column(_found_by_start(254), index=True)
    mobile: Mapped[str | None] = mapped_column(String(15))
    state: Mapped[PersonState] = mapped_column(_enum(PersonState), default=PersonState.WORKING)
    state_since: Mapped[date]
    state_decision: Mapped[str | None] = mapped_column(String(100))
    rank_code: Mapped[str | None] = mapped_column(String(20))
    signing_roles: Mapped[tuple[SigningRole, ...] | None] = mapped_column(SigningRolesColumn)
    wants_sim_pki: Mapped[bool | None]
    mobile_network: Mapped[str | None] = mapped_column(String(30))
    account_id: Mapped[int | None] = mapped_column(ForeignKey("account.id"), unique=True)
    merged_into_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    """The person who turned out to be the same one, and who counts for both."""
    created_at: Mapped[datetime] = mapped_column(UTCDateTime)
    updated_at: Mapped[datetime] = mapped_column(UTCDateTime)

    __table_args__ = (
        # With all that a list is filtered by, so that whom it leaves out costs no look at the row.
        Index("ix_person_list", "sort_key", "id", "unit_path", *_FILTERED),
        Index("ix_person_subtree", "unit_path", "sort_key", "id", *_FILTERED),
        Index("ix_person_name_birth", "search_key", "birth_date"),
        # The few who are not simply at work, in list order.
        Index(
            "ix_person_unusual",
            *("state", "sort_key", "id"),
            sqlite_where=text(_UNUSUAL),
            postgresql_where=text(_UNUSUAL),
        ),
        # Unique while active (domain.md 4.1): a leaver's address may be given to a successor, and
        # who left one body may be entered by the next before anybody sees that it is one person.
        *(
            Index(
                f"uq_person_active_{column}",
                column,
                unique=True,
                sqlite_where=text(ACTIVE),
                postgresql_where=text(ACTIVE),
            )
            for column in ("email", "id_number")
        ),
        Index(
            "ix_person_merged",
            "merged_into_id",
            sqlite_where=text("merged_into_id IS NOT NULL"),
            postgresql_where=text("merged_into_id IS NOT NULL"),
        ),
        CheckConstraint("length(id_number) IN (9, 12)", name="id_number"),
        CheckConstraint("merged_into_id <> id", name="merged_into"),
    )


class PersonPeriod(Base):
    """Where a person belonged, as what and in which state, from one day to another, both included.

    The periods of one person do not overlap; the open one (`valid_to` None) agrees with the
    `person` row. Whoever counts a day D asks for `valid_from <= D` and `valid_to` None or `>= D`.
    """

    __tablename__ = "person_period"

    id: Mapped[int] = mapped_column(primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"))
    unit_id: Mapped[int] = mapped_column(ForeignKey("org_unit.id"), index=True)
    unit_path: Mapped[str] = mapped_column(PathColumn)
    """Paths of units never change, so the copy stays true."""
    state: Mapped[PersonState] = mapped_column(_enum(PersonState))
    counted: Mapped[bool]
    """Belonged to the denominator, by the rule of that state when the period was written."""
    kind: Mapped[PersonKind | None] = mapped_column(_enum(PersonKind))
    is_leader: Mapped[bool] = mapped_column(default=False, server_default=false())
    is_one_stop: Mapped[bool] = mapped_column(default=False, server_default=false())
    valid_from: Mapped[date]
    valid_to: Mapped[date | None]

    __table_args__ = (
        Index("ix_person_period_subtree", "unit_path", "valid_from", "valid_to"),
        Index("uq_person_period_start", "person_id", "valid_from", unique=True),
        CheckConstraint("valid_to IS NULL OR valid_to >= valid_from", name="order"),
    )


class DuplicatePair(Base):
    """Two persons who may be one, why it looks so, and what somebody decided about it (R10)."""

    __tablename__ = "duplicate_pair"

    id: Mapped[int] = mapped_column(primary_key=True)
    first_id: Mapped[int] = mapped_column(ForeignKey("person.id"))
    second_id: Mapped[int] = mapped_column(ForeignKey("person.id"), index=True)
    rank: Mapped[int]
    """How sure it looks: 1 the same identity number, 4 name and birth but other numbers."""
    reasons: Mapped[str] = mapped_column(String(60))
    """`id_number`, `email`, `name_birth`, commas between; empty when only a person said so."""
    state: Mapped[str] = mapped_column(String(10))
    decided_by: Mapped[str | None] = mapped_column(String(100))
    decided_at: Mapped[datetime | None] = mapped_column(UTCDateTime)

    __table_args__ = (
        Index("uq_duplicate_pair", "first_id", "second_id", unique=True),
        Index("ix_duplicate_pair_list", "state", "rank", "id"),
        CheckConstraint("first_id < second_id", name="order"),
        # lapsed: proposed once, and what made them look alike was corrected since.
        CheckConstraint("state IN ('proposed', 'merged', 'kept_apart', 'lapsed')", name="state"),
    )


class StatePolicy(Base):
    """What the city decided about a state of service; without a row `STATE_RULES` holds (R11)."""

    __tablename__ = "state_policy"

    state: Mapped[PersonState] = mapped_column(_enum(PersonState), primary_key=True)
    counted: Mapped[bool]
    may_sign: Mapped[bool]
    consequence: Mapped[Consequence] = mapped_column(_enum(Consequence))
    decided_by: Mapped[str] = mapped_column(String(100))
    decided_at: Mapped[datetime] = mapped_column(UTCDateTime)


class RosterImport(Base):
    """One uploaded roster: what the check found, and how far its valid rows are stored."""

    __tablename__ = "roster_import"

    id: Mapped[int] = mapped_column(primary_key=True)
    sha256: Mapped[str] = mapped_column(String(64), index=True)
    """The uploaded file in the document store."""
    report_sha256: Mapped[str] = mapped_column(String(64))
    """The findings of the check (JSON) in the document store."""
    file_name: Mapped[str] = mapped_column(String(200))
    actor: Mapped[str] = mapped_column(String(100), index=True)
    at: Mapped[datetime] = mapped_column(UTCDateTime)
    effective_on: Mapped[date]
    """The day from which changed units and states hold."""
    state: Mapped[ImportState] = mapped_column(_enum(ImportState))
    rows: Mapped[int]
    new: Mapped[int]
    changed: Mapped[int]
    same: Mapped[int]
    error_rows: Mapped[int]
    warnings: Mapped[int]
    applied_new: Mapped[int] = mapped_column(default=0)
    applied_changed: Mapped[int] = mapped_column(default=0)
    applied_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    rows_sha256: Mapped[str | None] = mapped_column(String(64))
    """The new and changed rows as the check read them, in chunks, in the document store."""
    refused_sha256: Mapped[str | None] = mapped_column(String(64))
    """The rows with errors, as they came; None when there is none."""
    full_unit_path: Mapped[str | None] = mapped_column(PathColumn)
    """The file is said to name everybody of this unit."""
    absent: Mapped[int | None]
    """How many people of that unit it does not name; nothing is done about them."""
    job_id: Mapped[int | None] = mapped_column(ForeignKey("job.id"))
    """The job that stores the rows, or takes them back."""
    applied_by: Mapped[str | None] = mapped_column(String(100))
    scopes: Mapped[str | None] = mapped_column(Text)
    """The unit paths (JSON) within which whoever began it may change people."""
    marks: Mapped[str | None] = mapped_column(Text)
    """The highest id (JSON) of every table that tells of persons, when storing began."""
    overtaken: Mapped[int] = mapped_column(default=0, server_default="0")
    """Rows that others' changes since the check kept out."""

    __table_args__ = (
        CheckConstraint(
            "state IN ('checked', 'applying', 'applied', 'undoing', 'undone')", name="state"
        ),
    )
