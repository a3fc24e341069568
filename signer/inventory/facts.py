"""What a roster says of one person, and what the inventory already knows: values to compare."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, NamedTuple

from signer.inventory.kinds import IdNumberKind, PersonKind, Sex, SigningRole
from signer.inventory.names import fold
from signer.inventory.states import LEFT_STATES, PersonState


class PersonFacts(NamedTuple):
    """One person as a roster tells it; None means the roster says nothing and changes nothing.

    A plain tuple: a city's roster makes a million of them, and twice.
    """

    code: str
    full_name: str
    unit_id: int
    unit_path: str
    birth_date: date | None = None
    sex: Sex | None = None
    id_number: str | None = None
    id_number_kind: IdNumberKind | None = None
    id_issued_on: date | None = None
    id_issued_by: str | None = None
    kind: PersonKind | None = None
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
    was_counted: bool = True
    """The open period belongs to the denominator."""
    updated_at: datetime | None = None

    @property
    def has_left(self) -> bool:
        """True when the person is no longer of the city's staff."""
        return self.facts.state in LEFT_STATES


FACTS = PersonFacts._fields
_SAME = frozenset({"code", "unit_path"})
"""What finds the person, and what follows from the unit."""
COMPARED = tuple(name for name in FACTS if name not in _SAME)


def changes_between(known: PersonFacts, told: PersonFacts) -> tuple[str, ...]:
    """The names of the facts that the roster gives differently; blanks never erase."""
    pairs = zip(FACTS, known, told, strict=True)
    changed = [
        name for name, old, new in pairs if new is not None and new != old and name not in _SAME
    ]
    if "state_since" in changed and told.state is None:
        changed.remove("state_since")  # a day without a state says nothing
    return tuple(changed)


_READ: dict[str, Callable[[Any], object]] = {
    "birth_date": date.fromisoformat,
    "sex": Sex,
    "id_number_kind": IdNumberKind,
    "id_issued_on": date.fromisoformat,
    "kind": PersonKind,
    "state": PersonState,
    "state_since": date.fromisoformat,
    "signing_roles": lambda roles: tuple(map(SigningRole, roles)),
}
_READERS = tuple(_READ.get(name) for name in FACTS)


def fact_from(name: str, plain: Any) -> object:
    """The fact of that name which JSON holds so."""
    read = _READ.get(name)
    return plain if plain is None or read is None else read(plain)


def facts_to_list(facts: PersonFacts) -> list[object]:
    """All facts in their order, as JSON holds them."""
    return [value.isoformat() if isinstance(value, date) else value for value in facts]


def facts_from_list(plain: Sequence[object]) -> PersonFacts:
    """The facts that `facts_to_list` wrote."""
    return PersonFacts._make(
        value if value is None or read is None else read(value)
        for value, read in zip(plain, _READERS, strict=True)
    )


@dataclass(frozen=True, kw_only=True)
class KnownPeople:
    """The stored persons that a roster may touch or collide with."""

    by_code: dict[str, KnownPerson] = field(default_factory=dict)
    code_of_id_number: dict[str, str] = field(default_factory=dict)
    code_of_email: dict[str, str] = field(default_factory=dict)
    """Both only of people who are active."""
    codes_of_name_and_birth: dict[tuple[str, date], tuple[str, ...]] = field(default_factory=dict)

    @classmethod
    def of(
        cls, people: Iterable[KnownPerson], namesakes: Iterable[tuple[str, str, date]] = ()
    ) -> "KnownPeople":
        """The indexes over these persons.

        `namesakes` are (code, folded name, birth date) of further people, who only share those.
        """
        known = cls()
        for person in people:
            facts = person.facts
            known.by_code[facts.code] = person
            if person.merged_into is not None:
                continue
            if not person.has_left:
                if facts.id_number:
                    known.code_of_id_number[facts.id_number] = facts.code
                if facts.email:
                    known.code_of_email[facts.email] = facts.code
            if facts.birth_date:
                known._share(facts.code, fold(facts.full_name), facts.birth_date)
        for code, folded_name, birth_date in namesakes:
            known._share(code, folded_name, birth_date)
        return known

    def _share(self, code: str, folded_name: str, birth_date: date) -> None:
        codes = self.codes_of_name_and_birth.get((folded_name, birth_date), ())
        if code not in codes:
            self.codes_of_name_and_birth[folded_name, birth_date] = (*codes, code)
