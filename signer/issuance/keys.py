"""The life of a signing key, for the room above: ready, then active, then perhaps locked."""

from dataclasses import dataclass
from datetime import datetime
from typing import cast

from sqlalchemy import ColumnElement, CursorResult, or_, select, update

from signer.ca.models import Certificate, CertificateState
from signer.db import db, move_state, set_rows
from signer.errors import N_, NotFound
from signer.issuance.models import Seal, SigningKey


@dataclass(frozen=True, kw_only=True)
class CurrentKey:
    """A person's present key with its certificate, or that of a body's seal.

    `person_id` is who acts with it: the owner, or whoever keeps the seal of `unit_id`.
    `state` is ready, active or locked; retired when the certificate was revoked with the key.
    """

    id: int
    person_id: int
    state: str
    public_key_der: bytes
    serial_hex: str
    not_before: datetime
    not_after: datetime
    certificate_state: str
    seal_id: int | None = None
    unit_id: int | None = None


def find_current_key(person_id: int) -> CurrentKey | None:
    """The person's newest key that is certified and not being replaced, or None."""
    row = (
        db.session.execute(
            select(
                SigningKey.id,
                SigningKey.person_id,
                SigningKey.state,
                SigningKey.public_key_der,
                Certificate.serial_hex,
                Certificate.not_before,
                Certificate.not_after,
                Certificate.state.label("certificate_state"),
            )
            .join(Certificate, Certificate.id == SigningKey.certificate_id)
            .where(
                SigningKey.person_id == person_id,
                or_(
                    SigningKey.state != "retired",
                    # Revoked for good; whoever asks is told that, and not that there is no key.
                    Certificate.state == CertificateState.REVOKED,
                ),
            )
            .order_by(SigningKey.id.desc())
            .limit(1)
        )
        .mappings()
        .first()
    )
    return CurrentKey(**row) if row else None


def find_seal_key(unit_id: int) -> CurrentKey | None:
    """The key of the body's seal that is in force, or None."""
    row = (
        db.session.execute(
            select(
                SigningKey.id,
                Seal.keeper_id.label("person_id"),
                SigningKey.state,
                SigningKey.public_key_der,
                Certificate.serial_hex,
                Certificate.not_before,
                Certificate.not_after,
                Certificate.state.label("certificate_state"),
                SigningKey.seal_id,
                Seal.unit_id,
            )
            .join(Seal, Seal.id == SigningKey.seal_id)
            .join(Certificate, Certificate.id == SigningKey.certificate_id)
            .where(Seal.unit_id == unit_id, Seal.state == "ready")
        )
        .mappings()
        .first()
    )
    return CurrentKey(**row) if row else None


def unit_of_key(key_id: int) -> int | None:
    """The body whose seal the key is of; None for a person's own."""
    return db.session.scalar(
        select(Seal.unit_id)
        .join(SigningKey, SigningKey.seal_id == Seal.id)
        .where(SigningKey.id == key_id)
    )


def units_kept_by(person_id: int) -> list[int]:
    """The bodies whose seal in force this person keeps."""
    return list(
        db.session.scalars(
            select(Seal.unit_id)
            .where(Seal.keeper_id == person_id, Seal.state == "ready")
            .order_by(Seal.unit_path)
        )
    )


def wrapped_of(key_id: int) -> bytes:
    """The wrapped key that waits for its activation; `NotFound` when it is sealed already."""
    wrapped = db.session.scalar(
        select(SigningKey.wrapped).where(SigningKey.id == key_id, SigningKey.state == "ready")
    )
    if wrapped is None:
        raise NotFound(N_("Không có khóa ký nào đang chờ kích hoạt."))
    return wrapped


def mark_active(key_id: int) -> None:
    """The key is sealed, kept here no longer; in the caller's transaction, `Conflict` if lost."""
    move_state(SigningKey, key_id, "ready", "active", wrapped=None)


def retire_keys(which: ColumnElement[bool]) -> None:
    """None of these keys signs again, and nothing is left of it here; in the open transaction."""
    set_rows(SigningKey, which, SigningKey.state != "retired", state="retired", wrapped=None)


def mark_locked(key_id: int) -> bool:
    """True when this call locked the key; in the caller's transaction."""
    result = db.session.execute(
        update(SigningKey)
        .where(SigningKey.id == key_id, SigningKey.state == "active")
        .values(state="locked")
        .execution_options(synchronize_session="fetch")
    )
    return bool(cast(CursorResult[object], result).rowcount)
