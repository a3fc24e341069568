"""The ledger looked at as its strictest auditor would: every invariant derived anew from the bytes.

The lists and answers made from the ledger are looked at in checking_lists.py, personal keys in
issuance/checking.py; what must hold stands in invariants.py.
"""

import hashlib
import json
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.serialization import Encoding
from sqlalchemy import func, select
from sqlalchemy.orm import InstrumentedAttribute

from signer.audit import Audit
from signer.audit.models import AuditEvent
from signer.ca import der
from signer.ca.invariants import AnyRow, AnySelect, Finding, Progress, Rule, pages
from signer.ca.models import Certificate, CertificateBytes, CertificateState
from signer.db import db
from signer.errors import N_, SignerError

_SUBJECT = "certificate:"
_STATES = {  # event -> (states it may happen in, the state it leads to); None: nothing happened yet
    "certificate.issue": ((None,), "issued"),
    "certificate.abandon": ((None,), "abandoned"),
    "certificate.suspend": (("issued",), "suspended"),
    "certificate.release": (("suspended",), "issued"),
    "certificate.revoke": (("issued", "suspended"), "revoked"),
}
_STATE_NAMES: Mapping[str, str] = {
    CertificateState.RESERVED: N_("chờ ký"),
    CertificateState.ISSUED: N_("đã cấp"),
    CertificateState.SUSPENDED: N_("tạm dừng"),
    CertificateState.REVOKED: N_("đã thu hồi"),
    CertificateState.ABANDONED: N_("đã bỏ dở"),
}
_CERTIFICATES = select(
    Certificate.id,
    Certificate.serial_hex,
    Certificate.state,
    Certificate.spki_sha256,
    Certificate.shard,
    Certificate.not_before,
    Certificate.not_after,
    Certificate.reserved_at,
    Certificate.revoked_at,
    Certificate.revocation_reason,
    Certificate.invalid_since,
    CertificateBytes.tbs_der,
    CertificateBytes.certificate_der,
).outerjoin(CertificateBytes, CertificateBytes.certificate_id == Certificate.id)
_EVENTS = select(
    AuditEvent.seq, AuditEvent.at, AuditEvent.action, AuditEvent.subject, AuditEvent.details
).where(AuditEvent.action.in_(_STATES))


def count_certificates() -> int:
    """How many rows `check_certificates` will look at."""
    return db.session.scalar(select(func.count()).select_from(Certificate)) or 0


def check_audit(audit: Audit) -> Iterator[Finding]:
    """The chain of events has no gap and no altered link."""
    try:
        audit.verify()
    except SignerError as error:
        row = f"event:{error.values.get('seq', '')}"
        yield Finding(rule=Rule.AUDIT, row=row, sentence=error.sentence, values=error.values)


def check_certificates(
    authorities: Sequence[x509.Certificate],
    *,
    at: datetime,
    patience: timedelta,
    on_progress: Progress,
) -> Iterator[Finding]:
    """Every row against its bytes, the signature of one of the `authorities` and the record.

    A serial that was reserved longer than `patience` ago is a finding too.
    """
    yield from _doubles()
    for page in pages(_CERTIFICATES, Certificate.id):
        events = _events_of([row.serial_hex for row in page])
        for row in page:
            yield from _check_bytes(row, authorities)
            yield from _check_history(row, events[row.serial_hex])
            if row.state == CertificateState.RESERVED and row.reserved_at < at - patience:
                yield _broken(
                    Rule.WAITING,
                    row.serial_hex,
                    N_("Số hiệu %(serial)s chờ CA ký từ %(since)s mà chưa xong."),
                    since=row.reserved_at.isoformat(timespec="minutes"),
                )
        on_progress(len(page))


def check_recorded(
    authorities: Sequence[x509.Certificate], files: Sequence[Path]
) -> Iterator[Finding]:
    """What is known to be certified stands in the ledger: by the record, the bytes, the `files`.

    A file may hold any certificates, PEM or DER; those of other authorities are passed over.
    """
    for page in pages(_EVENTS, AuditEvent.seq):
        known = _known([row.subject.removeprefix(_SUBJECT) for row in page])
        for row in page:
            serial = row.subject.removeprefix(_SUBJECT)
            if serial not in known:
                yield _broken(
                    Rule.RECORDED,
                    serial,
                    N_("Sự kiện số %(seq)d của nhật ký nói về chứng thư %(serial)s, sổ thì không."),
                    seq=row.seq,
                )
    orphans = (
        select(CertificateBytes.certificate_id)
        .outerjoin(Certificate, Certificate.id == CertificateBytes.certificate_id)
        .where(Certificate.id.is_(None))
    )
    for number in db.session.scalars(orphans):
        yield Finding(
            rule=Rule.RECORDED,
            row=f"certificate_bytes:{number}",
            sentence=N_("Nội dung chứng thư lưu dưới mã %(id)d không thuộc dòng nào của sổ."),
            values={"id": number},
        )
    for file in files:
        for certificate in certificates_in(file):
            if is_signed_by_one_of(authorities, certificate):
                yield from check_known(certificate, f"file:{file.name}", Rule.RECORDED)


def check_known(certificate: x509.Certificate, row: str, rule: Rule) -> Iterator[Finding]:
    """This certificate, found at `row`, is byte for byte the one of the ledger."""
    serial = f"{certificate.serial_number:x}"
    stored = db.session.scalars(
        select(CertificateBytes.certificate_der)
        .join(Certificate, Certificate.id == CertificateBytes.certificate_id)
        .where(Certificate.serial_hex == serial)
    ).all()
    if certificate.public_bytes(Encoding.DER) not in stored:
        yield Finding(
            rule=rule,
            row=row,
            sentence=N_("Chứng thư %(serial)s mang chữ ký của CA nhưng không có trong sổ."),
            values={"serial": serial},
        )


def certificates_in(file: Path) -> list[x509.Certificate]:
    """The certificates of a PEM or DER file; none when it holds something else."""
    content = file.read_bytes()
    try:
        if b"-----BEGIN CERTIFICATE-----" in content:
            return x509.load_pem_x509_certificates(content)
        return [x509.load_der_x509_certificate(content)]
    except ValueError:
        return []


def is_signed_by_one_of(
    authorities: Sequence[x509.Certificate], certificate: x509.Certificate
) -> bool:
    """One of their keys signed it; the authorities' own certificates are their issuers' affair."""
    return certificate not in authorities and any(
        _is_signed_by(authority, certificate) for authority in authorities
    )


def _is_signed_by(authority: x509.Certificate, certificate: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(authority)
    except (InvalidSignature, ValueError, TypeError):
        return False
    return True


def _doubles() -> Iterator[Finding]:
    """Serials and bytes that stand twice, which only a table without its constraints can hold."""
    for rule, column, sentence in (
        (Rule.SERIAL, Certificate.serial_hex, N_("Số hiệu %(key)s đứng %(times)d lần trong sổ.")),
        (
            Rule.ONE_TBS,
            CertificateBytes.certificate_id,
            N_("Chứng thư có mã %(key)s có %(times)d nội dung."),
        ),
    ):
        for key, times in db.session.execute(_repeated(column)):
            kind = "certificate" if rule is Rule.SERIAL else "certificate_bytes"
            values = {"key": str(key), "times": times}
            yield Finding(rule=rule, row=f"{kind}:{key}", sentence=sentence, values=values)


def _repeated(column: InstrumentedAttribute[Any]) -> AnySelect:
    times = func.count()
    return select(column, times).group_by(column).having(times > 1).order_by(column)


def _check_bytes(row: AnyRow, authorities: Sequence[x509.Certificate]) -> Iterator[Finding]:
    """The stored TBS, the certificate around it, the signature, and what the row says of them."""
    if row.tbs_der is None:
        yield _broken(
            Rule.ONE_TBS,
            row.serial_hex,
            N_("Nội dung của chứng thư %(serial)s không còn trong sổ."),
        )
        return
    is_signed = row.state not in (CertificateState.RESERVED, CertificateState.ABANDONED)
    if is_signed != (row.certificate_der is not None):
        yield _broken(
            Rule.ONE_TBS,
            row.serial_hex,
            N_("Chứng thư %(serial)s có trạng thái “%(state)s” không hợp với nội dung đã lưu."),
            state=_state(row.state),
        )
        return
    try:
        certificate = x509.load_der_x509_certificate(row.certificate_der or _unsigned(row.tbs_der))
        if certificate.tbs_certificate_bytes != row.tbs_der:
            yield _broken(
                Rule.ONE_TBS,
                row.serial_hex,
                N_("Chứng thư %(serial)s không chứa đúng nội dung đã lưu trước khi ký."),
            )
        if is_signed and not is_signed_by_one_of(authorities, certificate):
            yield _broken(
                Rule.SIGNATURE, row.serial_hex, N_("Chữ ký của CA trên chứng thư %(serial)s sai.")
            )
        yield from _check_facts(row, certificate)
    except ValueError:
        yield _broken(
            Rule.ONE_TBS, row.serial_hex, N_("Nội dung của chứng thư %(serial)s không đọc được.")
        )


def _check_facts(row: AnyRow, certificate: x509.Certificate) -> Iterator[Finding]:
    """The row's columns say what the certificate says."""
    if f"{certificate.serial_number:x}" != row.serial_hex:
        yield _broken(
            Rule.SERIAL,
            row.serial_hex,
            N_("Dòng %(serial)s của sổ giữ chứng thư mang số hiệu khác: %(other)s."),
            other=f"{certificate.serial_number:x}",
        )
    names = {
        N_("khóa công khai"): (_spki_sha256(certificate), row.spki_sha256),
        N_("ngày bắt đầu"): (certificate.not_valid_before_utc, row.not_before),
        N_("ngày hết hạn"): (certificate.not_valid_after_utc, row.not_after),
        N_("phần CRL"): (_shard(certificate), row.shard),
    }
    for name, (inside, noted) in names.items():
        if inside != noted:
            yield _broken(
                Rule.FACTS,
                row.serial_hex,
                N_("Sổ ghi sai %(fact)s của chứng thư %(serial)s: %(noted)s thay vì %(inside)s."),
                fact=_in_the_readers_language(name),
                noted=str(noted),
                inside=str(inside),
            )


def _check_history(row: AnyRow, events: Sequence[AnyRow]) -> Iterator[Finding]:
    """The record, told from its first event on, ends in the row's state."""
    told: str | None = None
    for event in events:
        before, after = _STATES[event.action]
        if told in ("revoked", "abandoned") or told not in before:
            yield _broken(
                Rule.FINAL if told == "revoked" else Rule.HISTORY,
                row.serial_hex,
                N_("Sự kiện số %(seq)d (%(action)s) không thể xảy ra với chứng thư %(serial)s."),
                seq=event.seq,
                action=event.action,
            )
            return
        told = after
        if event.action == "certificate.issue" and not _is_issued_as(event, row):
            yield _broken(
                Rule.HISTORY,
                row.serial_hex,
                N_("Chứng thư %(serial)s trong sổ không phải bản mà nhật ký đã ghi khi cấp."),
            )
    if (told or CertificateState.RESERVED) != row.state:
        is_final = told in ("revoked", "abandoned")
        yield _broken(
            Rule.FINAL if is_final else Rule.HISTORY,
            row.serial_hex,
            N_("Theo nhật ký, chứng thư %(serial)s ở trạng thái “%(told)s”; sổ ghi “%(state)s”."),
            told=_state(told or CertificateState.RESERVED),
            state=_state(row.state),
        )
    elif told in ("revoked", "suspended") and not _is_revoked_as(events[-1], row):
        yield _broken(
            Rule.HISTORY,
            row.serial_hex,
            N_("Ngày hay lý do thu hồi chứng thư %(serial)s trong sổ khác với nhật ký."),
        )


def _is_issued_as(event: AnyRow, row: AnyRow) -> bool:
    noted = json.loads(event.details).get("sha256")
    return bool(noted == hashlib.sha256(row.certificate_der or b"").hexdigest())


def _is_revoked_as(event: AnyRow, row: AnyRow) -> bool:
    """Reason and dates are those of the act; release 0001 recorded the reason alone."""
    noted = json.loads(event.details)
    if "revoked_at" not in noted:
        return bool(noted.get("reason") == row.revocation_reason)
    held = {
        "reason": row.revocation_reason,
        "revoked_at": row.revoked_at.isoformat(),
        "invalid_since": row.invalid_since and row.invalid_since.isoformat(),
    }
    return all(noted.get(name) == value for name, value in held.items())


def _events_of(serials: Collection[str]) -> dict[str, list[AnyRow]]:
    subjects = [f"{_SUBJECT}{serial}" for serial in serials]
    found: dict[str, list[AnyRow]] = defaultdict(list)
    rows = _EVENTS.where(AuditEvent.subject.in_(subjects)).order_by(AuditEvent.seq)
    for event in db.session.execute(rows):
        found[event.subject.removeprefix(_SUBJECT)].append(event)
    return found


def _known(serials: Collection[str]) -> set[str]:
    rows = select(Certificate.serial_hex).where(Certificate.serial_hex.in_(serials))
    return set(db.session.scalars(rows))


def _unsigned(tbs_der: bytes) -> bytes:
    """A TBS as a certificate without signature, for a reader of whole ones."""
    algorithm = der.children(tbs_der)[2][1]
    return der.tlv(der.SEQUENCE, tbs_der, algorithm, der.tlv(der.BIT_STRING, b"\x00"))


def _spki_sha256(certificate: x509.Certificate) -> str:
    # RFC 5280 section 4.1: version, serial, algorithm, issuer, validity, subject, then the key.
    return hashlib.sha256(der.children(certificate.tbs_certificate_bytes)[6][1]).hexdigest()


def _shard(certificate: x509.Certificate) -> int | None:
    """The number of the list that its distribution point names; None for the complete one."""
    try:
        points = certificate.extensions.get_extension_for_class(x509.CRLDistributionPoints).value
    except x509.ExtensionNotFound:
        return None
    names = points[0].full_name or ()
    stem = Path(urlsplit(str(names[0].value)).path).stem if names else ""
    return int(stem) if stem.isdigit() else None


def _state(state: str) -> SignerError:
    return _in_the_readers_language(_STATE_NAMES[state])


def _in_the_readers_language(words: str) -> SignerError:
    """The words as a value of a sentence: `worded` translates a value that is an error."""
    return SignerError(words)


def _broken(rule: Rule, serial: str, sentence: str, **values: object) -> Finding:
    return Finding(
        rule=rule,
        row=f"{_SUBJECT}{serial}",
        sentence=sentence,
        values={"serial": serial} | values,
    )
