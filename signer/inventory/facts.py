"""What a roster says of one person, and what the inventory already knows: values to compare."""

from collections.abc import Iterable
from dataclasses import dataclass, field, fields
from datetime import date

from signer.inventory.kinds import IdNumberKind, PersonKind, Sex, SigningRole
from signer.inventory.names import fold
from signer.inventory.states import STATE_RULES, PersonState


@dataclass(frozen=True, kw_only=True, slots=True)
class PersonFacts:
    """One person as a roster tells it; None means the roster says nothing and changes nothing."""

    code: str
    full_name: str
    birth_date: date | None = None
    sex: Sex | None = None
    id_number: str | None = None
    id_number_kind: IdNumberKind | None = None
    id_issued_on: date | None = None
    id_issued_by: str | None = None
    kind: PersonKind | None = None
    unit_id: int
    unit_path: str
    division: str | None = None
    title: str | None = None
    email: str | None = None
    mobile: str | None = None
    state: PersonState | None = None
    state_since: date | None = None
    state_decision: str | None = None
    """Number and sign of the decision that put the person into this state."""
    rank_code: str | None = None
    """Mã ngạch, such as 01.003 or V.07.03.29."""
    signing_roles: tuple[SigningRole, ...] | None = None
    """In the order of the enumeration; () says: signs nothing."""
    wants_sim_pki: bool | None = None
    mobile_network: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class KnownPerson:
    """One stored person: the same facts, and since when the open period runs."""

    id: int
    facts: PersonFacts
    period_id: int
    period_from: date
    merged_into: str | None = None
    """The code of the person whom this one turned out to be."""

    @property
    def has_left(self) -> bool:
        """True when the person is no longer of the city's staff."""
        return self.facts.state is not None and STATE_RULES[self.facts.state].has_left

    @property
    def is_active(self) -> bool:
        """True while nobody else may have the same address or identity number."""
        return self.merged_into is None and not self.has_left


COMPARED = tuple(f.name for f in fields(PersonFacts) if f.name not in ("code", "unit_path"))


def changes_between(known: PersonFacts, told: PersonFacts) -> tuple[str, ...]:
    """The names of the facts that the roster gives differently; blanks never erase."""
    changed = [
        name
        for name in COMPARED
        if (new := getattr(told, name)) is not None and new != getattr(known, name)
    ]
    if "state_since" in changed and told.state is None:
        changed.remove("state_since")  # a day without a state says nothing
    return tuple(changed)


@dataclass(frozen=True, kw_only=True)
class KnownPeople:
    """The stored persons that a roster may touch or collide with."""

    by_code: dict[str, KnownPerson] = field(default_factory=dict)
    code_of_id_number: dict[str, str] = field(default_factory=dict)
    code_of_email: dict[str, str] = field(default_factory=dict)
    """Both only of people who are active."""
    codes_of_name_and_birth: dict[tuple[str, date], tuple[str, ...]] = field(default_factory=dict)

    @classmethod
    def of(cls, people: Iterable[KnownPerson]) -> "KnownPeople":
        """The indexes over these persons."""
        known = cls()
        for person in people:
            facts = person.facts
            known.by_code[facts.code] = person
            if facts.id_number and person.is_active:
                known.code_of_id_number[facts.id_number] = facts.code
            if facts.email and person.is_active:
                known.code_of_email[facts.email] = facts.code
            if facts.birth_date and person.merged_into is None:
                key = (fold(facts.full_name), facts.birth_date)
                known.codes_of_name_and_birth[key] = (
                    *known.codes_of_name_and_birth.get(key, ()),
                    facts.code,
                )
        return known
