"""People with the certificate that counts for them now: whom an order or a request is about."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import RowMapping, Select, and_, func, or_, select

from signer.accounts import Actor, Permission, visible
from signer.ca.models import Certificate, CertificateState
from signer.db import db
from signer.errors import N_
from signer.inventory.models import OrgUnit, Person
from signer.inventory.names import clean_text
from signer.inventory.states import LEFT_STATES, PersonState
from signer.issuance.models import SigningKey
from signer.issuance.views import Refused

COUNTING = (CertificateState.ISSUED, CertificateState.SUSPENDED)
"""The states of certificates that can still be revoked."""
_NAMES_PER_QUERY = 400


@dataclass(frozen=True, kw_only=True)
class Holding:
    """A person and, where there is one, the certificate that counts."""

    person_id: int
    code: str
    full_name: str
    email: str | None
    title: str | None
    unit_name: str
    unit_path: str
    person_state: PersonState
    key_id: int | None
    key_state: str | None
    public_key_der: bytes | None
    certificate_id: int | None
    serial_hex: str | None
    certificate_state: str | None
    spki_sha256: str | None
    profile: str | None
    not_after: datetime | None


def holdings_of(
    actor: Actor, permission: Permission, names: Sequence[str], at: datetime
) -> tuple[list[Holding], list[Refused]]:
    """The people of these codes or e-mail addresses, in their order, and the names of nobody.

    A person named twice is there once. People over whom the actor does not hold the permission
    are nobody.
    """
    wanted = list(dict.fromkeys(name.strip() for name in names if name.strip()))
    rows: list[Holding] = []
    for start in range(0, len(wanted), _NAMES_PER_QUERY):
        rows += _named(actor, permission, wanted[start : start + _NAMES_PER_QUERY], at)
    found: dict[str, Holding] = {}
    # A leaver's address may have gone to a successor: whoever is at work has it first.
    for row in sorted(rows, key=lambda row: row.person_state in LEFT_STATES):
        for name in (row.code, row.email):
            if name:
                found.setdefault(name, row)
    people: dict[int, Holding] = {}
    refused: list[Refused] = []
    for name in wanted:
        holding = found.get(_code(name)) or found.get(name.lower())
        if holding is None:
            refused.append(Refused(code=name[:100], name="", sentence=_NOBODY))
        else:
            people[holding.person_id] = holding
    return list(people.values()), refused


def counting_certificates(spki_sha256: Iterable[str], at: datetime) -> dict[str, int]:
    """How many certificates of each of these keys can still be revoked."""
    rows = db.session.execute(
        select(Certificate.spki_sha256, func.count())
        .where(
            Certificate.spki_sha256.in_(list(spki_sha256)),
            Certificate.state.in_(COUNTING),
            Certificate.not_after >= at,
        )
        .group_by(Certificate.spki_sha256)
    )
    return {row[0]: row[1] for row in rows}


def common_path(paths: Sequence[str]) -> str:
    """The path of the lowest unit above (or at) all of these; empty for the whole city."""
    first, last = min(paths), max(paths)
    common = ""
    for part, other in zip(first.split("."), last.split("."), strict=False):
        if part != other or not part:
            break
        common += part + "."
    return common


def body_over(paths: Sequence[str]) -> OrgUnit | None:
    """The lowest body above (or at) all of these units that has legal status and a seal (R22)."""
    bodies = select(OrgUnit).where(
        OrgUnit.path.in_(chain(common_path(paths))), OrgUnit.has_legal_status, OrgUnit.has_seal
    )
    return db.session.scalar(bodies.order_by(OrgUnit.path.desc()).limit(1))


def chain(path: str) -> list[str]:
    """The path with all those above it, the highest first; of the empty path none."""
    parts = path.split(".")[:-1]
    return [".".join(parts[:depth]) + "." for depth in range(1, len(parts) + 1)]


def holding_rows(at: datetime) -> Select[*tuple[Any, ...]]:
    """One row per person and key, its columns the fields of `Holding`; also people without one.

    Ordered newest key first: while a key is being replaced its person has two rows.
    """
    return (
        select(
            Person.id.label("person_id"),
            Person.code,
            Person.full_name,
            Person.email,
            Person.title,
            OrgUnit.name.label("unit_name"),
            Person.unit_path,
            Person.state.label("person_state"),
            SigningKey.id.label("key_id"),
            SigningKey.state.label("key_state"),
            SigningKey.public_key_der,
            Certificate.id.label("certificate_id"),
            Certificate.serial_hex,
            Certificate.state.label("certificate_state"),
            Certificate.spki_sha256,
            Certificate.profile,
            Certificate.not_after,
        )
        .join(OrgUnit, OrgUnit.id == Person.unit_id)
        .outerjoin(SigningKey, SigningKey.person_id == Person.id)
        .outerjoin(
            Certificate,
            and_(
                Certificate.id == SigningKey.certificate_id,
                Certificate.state.in_(COUNTING),
                Certificate.not_after >= at,
            ),
        )
        .order_by(Person.id, Certificate.id.is_(None), SigningKey.id.desc())
    )


def newest(rows: Iterable[RowMapping]) -> list[Holding]:
    """The first of each person's rows."""
    found: dict[int, Holding] = {}
    for row in rows:
        found.setdefault(row["person_id"], Holding(**row))
    return list(found.values())


def _named(
    actor: Actor, permission: Permission, names: Sequence[str], at: datetime
) -> list[Holding]:
    statement = holding_rows(at).where(
        or_(
            Person.code.in_([_code(name) for name in names]),
            Person.email.in_([name.lower() for name in names]),
        )
    )
    return newest(
        db.session.execute(visible(actor, permission, statement, Person.unit_path)).mappings()
    )


def _code(name: str) -> str:
    return clean_text(name).upper()


_NOBODY = N_("Không tìm thấy cán bộ nào có mã hoặc thư điện tử này trong các đơn vị của bạn.")
