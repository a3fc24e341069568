"""Whose a certificate is: by its e-mail address for certain, else proposed to a person (R14)."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import select

from signer.db import db
from signer.errors import N_
from signer.inventory.models import OrgUnit, Person
from signer.inventory.names import fold
from signer.inventory.states import LEFT_STATES
from signer.outside.kinds import Match, Owner
from signer.outside.models import OutsideCertificate

_CHUNK = 5000
_PREFIXES = re.compile(
    r"^(uy ban nhan dan|ubnd|hoi dong nhan dan|hdnd)\s+|\b(thanh pho|tp|tinh)\s+ha noi$"
)

MATCH_REASONS = {
    "email": N_("Trùng thư điện tử công vụ"),
    "other_name": N_("Trùng thư điện tử nhưng khác họ tên"),
    "name_unit": N_("Trùng họ tên và đơn vị"),
    "ambiguous": N_("Nhiều người cùng họ tên trong đơn vị này"),
    "name_only": N_("Chỉ trùng họ tên, khác đơn vị"),
}


@dataclass(frozen=True, kw_only=True)
class Matched:
    """The outcome for one certificate; `person_id` is whose it is, or proposed to be."""

    match: Match
    person_id: int | None = None
    reason: str | None = None
    person_code: str | None = None
    person_name: str | None = None


@dataclass(frozen=True, kw_only=True)
class _Candidate:
    id: int
    code: str
    full_name: str
    name_key: str
    unit_path: str
    has_left: bool

    def as_(self, match: Match, reason: str) -> Matched:
        return Matched(
            match=match,
            reason=reason,
            person_id=self.id,
            person_code=self.code,
            person_name=self.full_name,
        )


class Matching:
    """Who could be named by these certificates, read in a few questions for all of them."""

    def __init__(self, wanted: Sequence[OutsideCertificate], scopes: Sequence[str]) -> None:
        """Only people of these subtrees are looked at: others' people are not one's to name."""
        self._scopes = scopes
        persons = [named for named in wanted if named.owner is Owner.PERSON]
        self._by_email = self._people("email", {n.email for n in persons if n.email})
        self._by_name = self._people("search_key", {n.name_key for n in persons if n.name_key})
        self._units: Mapping[str, str] = {
            path: unit_key(name)
            for path, name in db.session.execute(select(OrgUnit.path, OrgUnit.name))
        }

    def of(self, named: OutsideCertificate) -> Matched:
        """By e-mail if the name agrees; else a proposal; never by the name alone."""
        if named.owner is not Owner.PERSON:
            return Matched(match=Match.NONE)
        owners = self._by_email.get(named.email or "", [])
        at_work = [person for person in owners if not person.has_left]
        # A leaver's address may have been given to a successor: the name tells them apart.
        for person in (*at_work, *owners):
            if person.name_key == named.name_key:
                return person.as_(Match.CERTAIN, "email")
        if owners:
            return (at_work or owners)[0].as_(Match.PROPOSED, "other_name")
        same_name = self._by_name.get(named.name_key, [])
        keys = {key for unit in named.units.split("\n") if (key := unit_key(unit))}
        found = [person for person in same_name if self._belongs(person, keys)]
        if len(found) == 1:
            return found[0].as_(Match.PROPOSED, "name_unit")
        reason = "ambiguous" if found else "name_only" if same_name else None
        return Matched(match=Match.NONE, reason=reason)

    def _belongs(self, person: _Candidate, keys: set[str]) -> bool:
        """The person's unit or one above it, but for the city, is among those named."""
        parts = person.unit_path.rstrip(".").split(".")
        chain = (".".join(parts[:depth]) + "." for depth in range(2, len(parts) + 1))
        return any(self._units.get(path) in keys for path in chain)

    def _people(self, column: str, values: set[str]) -> dict[str, list[_Candidate]]:
        found: dict[str, list[_Candidate]] = {}
        by = getattr(Person, column)
        ordered = sorted(values)
        for start in range(0, len(ordered), _CHUNK):
            rows = db.session.execute(
                select(by, Person.id, Person.code, Person.full_name, Person.unit_path, Person.state)
                .where(by.in_(ordered[start : start + _CHUNK]), Person.merged_into_id.is_(None))
                .order_by(Person.id)
            )
            for value, person_id, code, full_name, path, state in rows:
                if within(path, self._scopes):
                    found.setdefault(value, []).append(
                        _Candidate(
                            id=person_id,
                            code=code,
                            full_name=full_name,
                            name_key=fold(full_name),
                            unit_path=path,
                            has_left=state in LEFT_STATES,
                        )
                    )
        return found


def within(path: str, scopes: Sequence[str]) -> bool:
    """True when the unit lies in one of these subtrees."""
    return any(path.startswith(scope) for scope in scopes)


def unit_key(name: str) -> str:
    """The unit's name for comparison: "UBND PHƯỜNG X" and "Phường X" are one; "" for the city."""
    folded, before = re.sub(r"[^\w]+", " ", fold(name)).strip(), ""
    while folded != before:
        before, folded = folded, _PREFIXES.sub("", folded).strip()
    return folded
