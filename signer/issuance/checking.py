"""Personal keys held against the ledger: every certificate has its key, every key still opens."""

import hashlib
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator

from sqlalchemy import func, or_, select
from sqlalchemy.orm import aliased

from signer.ca.invariants import AnyRow, Finding, Progress, Rule, pages
from signer.ca.models import Certificate, CertificateState
from signer.ca.profiles import ProfileSet
from signer.db import db
from signer.errors import N_, Invalid, SignerError
from signer.issuance.certifying import INTENT
from signer.issuance.models import SigningKey
from signer.issuance.seals import SEAL_INTENT
from signer.pkcs11.vault import Vault

_LONGEST_LINE = 100  # successors in a row; a ring of them, which is a fault, must end too
_MADE = (CertificateState.ISSUED, CertificateState.SUSPENDED, CertificateState.REVOKED)


def count_certificates_and_keys() -> int:
    """How many rows `check_holders` and `check_keys` will look at, at most."""
    return (
        db.session.scalar(
            select(
                select(func.count()).select_from(SigningKey).scalar_subquery()
                + select(func.count()).select_from(Certificate).scalar_subquery()
            )
        )
        or 0
    )


def check_keys(
    vault: Vault, sealed: Callable[[Collection[int]], set[int]], *, on_progress: Progress
) -> Iterator[Finding]:
    """Every key is where its state says: wrapped and opening, or sealed under a PIN, or gone.

    `sealed` tells which of the given keys lie in a PIN envelope; what is inside is its owner's
    affair, so only that it is there is looked at. While the HSM is away one open finding says so
    and everything else is still looked at.
    """
    away = False
    keys = select(
        SigningKey.id,
        SigningKey.state,
        SigningKey.wrapped,
        SigningKey.public_key_der,
        SigningKey.certificate_id,
        Certificate.id.label("in_ledger"),
    ).outerjoin(Certificate, Certificate.id == SigningKey.certificate_id)
    for page in pages(keys, SigningKey.id):
        in_envelope = sealed([row.id for row in page])
        for row in page:
            if row.certificate_id != row.in_ledger or (
                row.certificate_id is None and row.state in ("ready", "active", "locked")
            ):
                yield _key(row, Rule.KEY, N_("Chứng thư của khóa ký số %(id)d không có trong sổ."))
            if row.state in ("active", "locked") and row.id not in in_envelope:
                yield _key(row, Rule.SEALED, N_("Bao niêm phong của khóa ký số %(id)d đã mất."))
            if row.state not in ("new", "ready"):
                if row.wrapped is not None:
                    yield _key(
                        row,
                        Rule.SEALED,
                        N_("Khóa ký số %(id)d vẫn còn một bản ngoài bao niêm phong."),
                    )
            elif row.wrapped is None:
                yield _key(row, Rule.WRAPPED, N_("Khóa ký số %(id)d không còn bản nào."))
            elif not away:
                found = _unwraps(vault, row)
                away = found is not None and found.is_open
                yield from [found] if found else []
        on_progress(len(page))


def check_holders(profiles: ProfileSet, *, on_progress: Progress) -> Iterator[Finding]:
    """Every certificate made for a person or a body's seal has a signing key, and is of that key.

    Those of devices and roles, and seals made elsewhere, have their keys on a token or with their
    owner.
    """
    elsewhere = [p.name for p in profiles.profiles.values() if p.kind != "person"]
    made = select(
        Certificate.id,
        Certificate.serial_hex,
        Certificate.spki_sha256,
        Certificate.intent,
    ).where(
        Certificate.state.in_(_MADE),
        or_(Certificate.profile.not_in(elsewhere), Certificate.intent.startswith(SEAL_INTENT)),
    )
    for page in pages(made, Certificate.id):
        keys = _keys_of(page)
        for row in page:
            if row.spki_sha256 not in keys[row.id]:
                yield Finding(
                    rule=Rule.KEY,
                    row=f"certificate:{row.serial_hex}",
                    sentence=N_(
                        "Chứng thư %(serial)s không có khóa ký mang khóa công khai của nó."
                    ),
                    values={"serial": row.serial_hex},
                )
        on_progress(len(page))


def _keys_of(page: Collection[AnyRow]) -> dict[int, set[str]]:
    """SHA-256 of the public keys that each of these certificates may be of, by their ways here."""
    keys: dict[int, set[str]] = defaultdict(set)
    made, other = aliased(Certificate), aliased(Certificate)
    own = select(made.id, SigningKey.public_key_der).join(
        SigningKey, SigningKey.certificate_id == made.id
    )
    # A renewal or change has the key now; or it came too late and its predecessor kept the key.
    passed_on = (
        select(made.id, SigningKey.public_key_der)
        .join(other, or_(other.predecessor_id == made.id, other.id == made.predecessor_id))
        .join(SigningKey, SigningKey.certificate_id == other.id)
    )
    for statement in (own, passed_on):
        missing = [row.id for row in page if row.spki_sha256 not in keys[row.id]]
        for number, public_key_der in db.session.execute(statement.where(made.id.in_(missing))):
            keys[number].add(hashlib.sha256(public_key_der).hexdigest())
    for row in page:
        if row.spki_sha256 not in keys[row.id]:
            found = _key_it_was_made_for(row) or _key_at_the_end_of_the_line(row.id)
            keys[row.id].add(hashlib.sha256(found or b"").hexdigest())
    return keys


def _key_it_was_made_for(row: AnyRow) -> bytes | None:
    """Certified, but the machine stopped before noting that, or the person was ended meanwhile."""
    for prefix, owner in ((INTENT, SigningKey.id), (SEAL_INTENT, SigningKey.seal_id)):
        number = row.intent.removeprefix(prefix)
        if number != row.intent and number.isdigit():
            return db.session.scalar(
                select(SigningKey.public_key_der).where(
                    owner == int(number), SigningKey.certificate_id.is_(None)
                )
            )
    return None


def _key_at_the_end_of_the_line(certificate_id: int) -> bytes | None:
    """The key of the last of its successors: a key may be renewed more than once."""
    for _ in range(_LONGEST_LINE):
        row = db.session.execute(
            select(Certificate.id, SigningKey.public_key_der)
            .outerjoin(SigningKey, SigningKey.certificate_id == Certificate.id)
            .where(Certificate.predecessor_id == certificate_id)
            .order_by(Certificate.id.desc())
        ).first()
        if row is None or row.public_key_der is not None:
            return row.public_key_der if row else None
        certificate_id = row.id
    return None


def _unwraps(vault: Vault, row: AnyRow) -> Finding | None:
    """None when the HSM opened the key and it signed what its public key verifies."""
    try:
        with vault.unlocked(row.wrapped, row.public_key_der):
            return None
    except Invalid:
        return _key(row, Rule.WRAPPED, N_("Khóa ký số %(id)d không mở được trong HSM."))
    except SignerError as error:
        return Finding(
            rule=Rule.WRAPPED,
            row=f"key:{row.id}",
            sentence=N_("Chưa kiểm tra được khóa ký nào từ số %(id)d: %(cause)s"),
            values={"id": row.id, "cause": error},
            is_open=True,
        )


def _key(row: AnyRow, rule: Rule, sentence: str) -> Finding:
    return Finding(rule=rule, row=f"key:{row.id}", sentence=sentence, values={"id": row.id})
