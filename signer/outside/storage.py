"""Writes certificates from outside, in the caller's transaction, and tells whose figures move."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select

from signer.db import changed, db
from signer.outside.anchors import Anchors
from signer.outside.entries import Entry
from signer.outside.kinds import Carrier, CertificateStatus, Match, Owner
from signer.outside.matching import Matched, Matching
from signer.outside.models import (
    OutsideCertificate,
    OutsideCertificateBytes,
    OutsideImport,
)
from signer.outside.status import RevocationList, Status

_KEYS_PER_QUERY = 5000
DECIDED = (Match.CONFIRMED, Match.REJECTED)
Key = tuple[bytes, str]


@dataclass(frozen=True, kw_only=True)
class Stored:
    """How many certificates were new, and how many known ones learned something."""

    new: int
    changed: int


def known_certificates(entries: Iterable[Entry]) -> dict[Key, OutsideCertificate]:
    """The rows that these entries are about."""
    serials = sorted({entry.serial_hex for entry in entries})
    rows = OutsideCertificate
    found: dict[Key, OutsideCertificate] = {}
    for start in range(0, len(serials), _KEYS_PER_QUERY):
        chunk = serials[start : start + _KEYS_PER_QUERY]
        for row in db.session.scalars(select(rows).where(rows.serial_hex.in_(chunk))):
            found[row.issuer_der, row.serial_hex] = row
    return found


def contradicts(entry: Entry, row: OutsideCertificate) -> bool:
    """Other bytes under the same issuer and serial number: one of the two is forged.

    A certificate whose path holds takes the place of one whose path does not, never the reverse.
    """
    if entry.sha256 is None or row.sha256 in (None, entry.sha256):
        return entry.sha256 is not None and row.anchor is not None and entry.anchor is None
    return row.anchor is not None or entry.anchor is None


def store(
    entries: Sequence[Entry],
    record: OutsideImport,
    anchors: Anchors,
    lists: Mapping[str, RevocationList],
    now: datetime,
) -> Stored:
    """New certificates are there, known ones know more, all matched and with their status."""
    known = known_certificates(entries)
    scopes = record.scopes.split("\n")
    matching = Matching(entries, scopes)
    new = learned = 0
    moved: set[int | None] = set()
    for entry in entries:
        row = known.get(entry.key)
        if row is None:
            row = OutsideCertificate(
                import_id=record.id,
                scope_path=common_path(scopes),
                imported_by=record.imported_by,
                imported_at=now,
                match=Match.NONE,
                status=CertificateStatus.UNKNOWN,
            )
            _say(row, entry)
            db.session.add(row)
            db.session.flush()
            _keep_bytes(row, entry)
            new += 1
        elif contradicts(entry, row):
            continue
        else:
            moved.add(row.person_id)
            learned += _learn(row, entry)
        if row.match not in DECIDED or row.owner is Owner.BODY:
            assign(row, matching.of(entry, entry.units))
        _status_from(row, entry, record, lists.get(row.anchor or ""), now)
        settle(row, anchors)
        moved.add(row.person_id)
    tell(moved)
    return Stored(new=new, changed=learned)


def assign(row: OutsideCertificate, matched: Matched) -> bool:
    """The row says whose it is or may be; True when that is news."""
    is_sure = matched.match in (Match.CERTAIN, Match.CONFIRMED)
    wanted = {
        "match": matched.match,
        "match_reason": matched.reason,
        "person_id": matched.person_id if is_sure else None,
        "proposed_person_id": matched.person_id if matched.match is Match.PROPOSED else None,
    }
    is_news = any(getattr(row, name) != value for name, value in wanted.items())
    for name, value in wanted.items():
        setattr(row, name, value)
    return is_news


def apply_status(row: OutsideCertificate, found: Status) -> bool:
    """The row knows this status; an older word never replaces a newer one, nor a revocation.

    True when something changed. "Unknown" leaves what is still believed (R18).
    """
    is_revoked = found.status is CertificateStatus.REVOKED
    if row.status_at is not None and found.at < row.status_at and not is_revoked:
        return False
    is_final = row.status is CertificateStatus.REVOKED
    if is_final and not is_revoked:
        return False
    if found.status is CertificateStatus.UNKNOWN and (
        row.status is CertificateStatus.HELD
        or (row.status_until is not None and row.status_until >= found.at)
    ):
        return False
    row.status, row.status_source, row.status_at = found.status, found.source, found.at
    row.status_until, row.revoked_at = found.until, found.revoked_at
    row.revocation_reason = found.reason
    return True


def settle(row: OutsideCertificate, anchors: Anchors) -> bool:
    """Until when it counts agrees with anchors.toml and its status; True when that changed."""
    until = anchors.counted_until(
        anchor=row.anchor,
        has_bytes=row.sha256 is not None,
        status=row.status,
        status_until=row.status_until,
        not_after=row.not_after,
    )
    has_changed = until != row.counted_until
    row.counted_until = until
    return has_changed


def tell(person_ids: Iterable[int | None]) -> None:
    """Whoever counts is told of these people."""
    ids = {person_id for person_id in person_ids if person_id is not None}
    if ids:
        changed("person", ids)


def common_path(scopes: Sequence[str]) -> str:
    """The unit above all of these; the empty path is the city."""
    split = [scope.rstrip(".").split(".") for scope in scopes]
    shared = []
    for parts in zip(*split, strict=False):
        if len(set(parts)) > 1 or not parts[0]:
            break
        shared.append(parts[0])
    return "".join(f"{part}." for part in shared)


_FACTS = (
    *("issuer_der", "serial_hex", "sha256", "issuer_name", "anchor", "generation", "subject_der"),
    *("subject", "common_name", "name_key", "title", "email", "owner", "not_before", "not_after"),
    *("key_usage", "algorithm", "carrier", "device_number"),
)


def _say(row: OutsideCertificate, entry: Entry) -> None:
    for name in _FACTS:
        setattr(row, name, getattr(entry, name))
    row.units = "\n".join(entry.units)[:1000]


def _learn(row: OutsideCertificate, entry: Entry) -> bool:
    """What the row did not know: the certificate itself, carrier, device, e-mail address."""
    carrier = entry.carrier if entry.carrier is not Carrier.UNKNOWN else row.carrier
    device = entry.device_number or row.device_number
    email = row.email or entry.email
    before = (row.sha256, row.carrier, row.device_number, row.email)
    if entry.sha256 is not None and row.sha256 != entry.sha256:
        _say(row, entry)
        _keep_bytes(row, entry)
        email = entry.email
    row.carrier, row.device_number, row.email = carrier, device, email
    return before != (row.sha256, carrier, device, email)


def _keep_bytes(row: OutsideCertificate, entry: Entry) -> None:
    if entry.certificate_der is not None:
        db.session.merge(
            OutsideCertificateBytes(certificate_id=row.id, certificate_der=entry.certificate_der)
        )


def _status_from(
    row: OutsideCertificate,
    entry: Entry,
    record: OutsideImport,
    newest: RevocationList | None,
    now: datetime,
) -> None:
    if entry.status is CertificateStatus.REVOKED and row.status is not CertificateStatus.REVOKED:
        said = Status(
            status=entry.status, source=record.file_name, at=now, revoked_at=now, reason=None
        )
        apply_status(row, said)
    if newest is not None and newest.anchor.subject_der == row.issuer_der:
        found = newest.says_of(int(row.serial_hex, 16), row.not_after)
        if found is not None:
            apply_status(row, found)
