"""Writes certificates from outside, in the caller's transaction, and tells whose figures move."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from sqlalchemy import select

from signer.db import changed, db
from signer.inventory.models import Person
from signer.outside.anchors import Anchors
from signer.outside.entries import Key, Read
from signer.outside.kinds import Carrier, CertificateStatus, Match, Owner
from signer.outside.matching import Matched, Matching, within
from signer.outside.models import OutsideCertificate, OutsideCertificateBytes, OutsideImport
from signer.outside.status import RevocationList, Status

_KEYS_PER_QUERY = 5000
UNDECIDED = (Match.NONE, Match.PROPOSED)
Counted = tuple[int | None, object, object, object, object]


def known_certificates(
    reads: Iterable[Read], *, lock: bool = False
) -> dict[Key, OutsideCertificate]:
    """The rows that are about these certificates."""
    serials = sorted({read.said.serial_hex for read in reads})
    row = OutsideCertificate
    found: dict[Key, OutsideCertificate] = {}
    for start in range(0, len(serials), _KEYS_PER_QUERY):
        chunk = row.serial_hex.in_(serials[start : start + _KEYS_PER_QUERY])
        statement = select(row).where(chunk).order_by(row.id)
        for known in db.session.scalars(statement.with_for_update() if lock else statement):
            found[known.issuer_der, known.serial_hex] = known
    return found


def contradicts(said: OutsideCertificate, row: OutsideCertificate) -> bool:
    """Another certificate under the same issuer and serial number: one of the two is forged.

    A certificate whose path holds takes the place of one whose path does not, never the reverse;
    a list proves nothing against either.
    """
    if said.sha256 == row.sha256:
        return False
    if said.sha256 is None or row.anchor is None:
        return row.anchor is None and (said.sha256 is None or said.anchor is None)
    return said.anchor is None or row.sha256 is not None


def store(
    reads: Sequence[Read],
    record: OutsideImport,
    anchors: Anchors,
    lists: Mapping[str, RevocationList],
    now: datetime,
) -> int:
    """How many were new; known ones know more, all are matched and have their status.

    What a file proves, it says of everybody. What it merely claims (a carrier, a revocation, an
    owner), it says of nobody's certificates, and of those of the importer's own people.
    """
    scopes = record.scopes.split("\n")
    # One import after the other: two that bring the same certificate wait for each other.
    first = select(OutsideImport.id).order_by(OutsideImport.id).limit(1)
    db.session.execute(first.with_for_update())
    known = known_certificates(reads, lock=True)
    before = counted(known.values())
    own = _own(known.values(), scopes)
    rows, mine = [], []
    for read in reads:
        row = known.get(read.key)
        is_own = row is None or row.id in own
        if row is None:
            row = OutsideCertificate(
                import_id=record.id,
                scope_path=common_path(scopes),
                imported_by=record.imported_by,
                imported_at=now,
                match=Match.NONE,
                status=CertificateStatus.UNKNOWN,
            )
            _say(row, read.said)
            db.session.add(row)
            db.session.flush()
        elif contradicts(read.said, row):
            continue
        else:
            _learn(row, read.said, is_own=is_own)
        if read.certificate_der is not None:
            db.session.merge(
                OutsideCertificateBytes(certificate_id=row.id, certificate_der=read.certificate_der)
            )
        if read.is_revoked and is_own and row.status is not CertificateStatus.REVOKED:
            claim = CertificateStatus.REVOKED
            apply_status(row, Status(status=claim, source=record.file_name, at=now, revoked_at=now))
        if (newest := lists.get(row.anchor or "")) is not None:
            hold_against(newest, row)
        rows.append(row)
        if is_own and row.match in UNDECIDED:
            mine.append(row)
    matching = Matching(mine, scopes)
    for row in mine:
        assign(row, matching.of(row))
        if row.match is not Match.NONE:
            row.import_id = record.id  # the sweep looks where this one was allowed to
    settle(rows, before, anchors)
    return len(rows) - len(before.keys() & {row.id for row in rows})


def assign(row: OutsideCertificate, matched: Matched) -> None:
    """The row says whose it is or may be."""
    is_sure = matched.match in (Match.CERTAIN, Match.CONFIRMED)
    row.match, row.match_reason = matched.match, matched.reason
    row.person_id = matched.person_id if is_sure else None
    row.proposed_person_id = matched.person_id if matched.match is Match.PROPOSED else None


def hold_against(found: RevocationList, row: OutsideCertificate) -> None:
    """The row stands as the list says, if the list speaks of it."""
    if row.issuer_der == found.anchor.subject_der:
        status = found.says_of(int(row.serial_hex, 16), row.not_after)
        if status is not None:
            apply_status(row, status)


def apply_status(row: OutsideCertificate, found: Status) -> None:
    """The row knows this status; an older word never replaces a newer one, nor a revocation.

    "Unknown" leaves what is still believed (R18). A spreadsheet's "revoked", which names no end,
    holds until the issuer's next word.
    """
    status = CertificateStatus
    if found.status is status.UNKNOWN:
        is_believed = row.status_until is not None and row.status_until >= found.at
        if is_believed or row.status in (status.REVOKED, status.HELD):
            return
    elif found.status is not status.REVOKED and row.status is not status.UNKNOWN:
        is_final = row.status is status.REVOKED and row.status_until is not None
        if is_final or (row.status_at is not None and found.at < row.status_at):
            return
    row.status, row.status_source, row.status_at = found.status, found.source, found.at
    row.status_until, row.revoked_at = found.until, found.revoked_at
    row.revocation_reason = found.reason


def counted(rows: Iterable[OutsideCertificate]) -> dict[int, Counted]:
    """What of these rows figures hang on."""
    return {
        row.id: (row.person_id, row.not_before, row.counted_until, row.revoked_at, row.carrier)
        for row in rows
    }


def settle(
    rows: Sequence[OutsideCertificate], before: Mapping[int, Counted], anchors: Anchors
) -> None:
    """The rows count as anchors.toml and their status say, and whoever counts people is told of
    those whose figures may move. `before` is what `counted` said before anything changed."""
    for row in rows:
        row.counted_until = anchors.counted_until(
            anchor=row.anchor,
            has_bytes=row.sha256 is not None,
            status=row.status,
            status_until=row.status_until,
            not_after=row.not_after,
        )
    moved: set[int | None] = set()
    for row_id, facts in counted(rows).items():
        if facts != (then := before.get(row_id)):
            moved |= {facts[0], then[0] if then else None}
    if ids := {person_id for person_id in moved if person_id is not None}:
        changed("person", ids)


def common_path(scopes: Sequence[str]) -> str:
    """The unit above all of these; the empty path is the city."""
    shared = []
    for parts in zip(*(scope.rstrip(".").split(".") for scope in scopes), strict=False):
        if len(set(parts)) > 1 or not parts[0]:
            break
        shared.append(parts[0])
    return "".join(f"{part}." for part in shared)


_FACTS = (
    *("issuer_der", "serial_hex", "sha256", "issuer_name", "anchor", "generation", "subject_der"),
    *("subject", "common_name", "name_key", "units", "title", "email", "owner", "not_before"),
    *("not_after", "key_usage", "algorithm", "carrier", "device_number"),
)


def _say(row: OutsideCertificate, said: OutsideCertificate) -> None:
    for name in _FACTS:
        setattr(row, name, getattr(said, name))


def _learn(row: OutsideCertificate, said: OutsideCertificate, *, is_own: bool) -> None:
    """What the row did not know: the certificate itself, carrier, device, e-mail address."""
    carrier, device, email = row.carrier, row.device_number, row.email
    if is_own:
        carrier = said.carrier if said.carrier is not Carrier.UNKNOWN else carrier
        device, email = said.device_number or device, email or said.email
    is_proof = said.sha256 is not None and (row.sha256, row.anchor) != (said.sha256, said.anchor)
    if is_proof and (said.anchor is not None or row.anchor is None):
        named, was_forged = row.name_key, row.sha256 not in (None, said.sha256)
        _say(row, said)
        if was_forged:
            carrier, device, email = said.carrier, None, None
        email = said.email or email
        # Whatever was said of its owner was said of somebody else's name.
        if was_forged or row.name_key != named or row.owner is Owner.BODY:
            assign(row, Matched(match=Match.NONE))
    row.carrier, row.device_number, row.email = carrier, device, email


def _own(rows: Iterable[OutsideCertificate], scopes: Sequence[str]) -> set[int]:
    """The ids of those that are nobody's, or of people in these subtrees."""
    whose = {row.id: row.person_id or row.proposed_person_id for row in rows}
    wanted = {person_id for person_id in whose.values() if person_id is not None}
    paths = dict(
        db.session.execute(select(Person.id, Person.unit_path).where(Person.id.in_(wanted))).all()
    )
    return {
        row_id
        for row_id, person_id in whose.items()
        if person_id is None or within(paths[person_id], scopes)
    }
