"""What the CA tells the world of its ledger, held against the ledger: CRLs and OCSP answers."""

import hashlib
import json
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp
from cryptography.x509.oid import ExtendedKeyUsageOID
from sqlalchemy import func, select

from signer.audit.models import AuditEvent
from signer.ca import der
from signer.ca.checking import check_known, is_signed_by_one_of
from signer.ca.crl_ledger import LISTED
from signer.ca.invariants import AnyRow, AnySelect, Finding, Progress, Rule, pages
from signer.ca.models import Certificate, Crl, OcspAnswer
from signer.ca.schemes import scheme_of_algorithm
from signer.db import db
from signer.errors import N_

_REASONS = {  # the ledger's words for RFC 5280 section 5.3.1
    x509.ReasonFlags.key_compromise: "key_compromise",
    x509.ReasonFlags.ca_compromise: "ca_compromise",
    x509.ReasonFlags.affiliation_changed: "affiliation_changed",
    x509.ReasonFlags.superseded: "superseded",
    x509.ReasonFlags.cessation_of_operation: "cessation_of_operation",
    x509.ReasonFlags.certificate_hold: "certificate_hold",
    x509.ReasonFlags.privilege_withdrawn: "privilege_withdrawn",
    x509.ReasonFlags.aa_compromise: "aa_compromise",
    None: "unspecified",
}


@dataclass(frozen=True)
class _Line:
    """One certificate as a list has it, in the ledger's words."""

    at: datetime
    reason: str
    invalid_since: datetime | None


def check_lists(authorities: Sequence[x509.Certificate], published: Path) -> Iterator[Finding]:
    """Every list stands as the record says; the newest of each kind say what the ledger says.

    One list at a time is in memory. `published` is the folder of static files; it may be absent.
    """
    yield from _check_published()
    newest = select(func.max(Crl.number)).where(Crl.sha256.is_not(None)).group_by(Crl.shard)
    for number in db.session.scalars(newest).all():
        row = db.session.execute(_LISTS.where(Crl.number == number)).one()
        yield from _check_list(row, authorities)
        yield from _check_file(row, published)


def check_answers(
    authorities: Sequence[x509.Certificate], *, on_progress: Progress
) -> Iterator[Finding]:
    """Every stored OCSP answer is signed for us and says of its serial what the ledger says."""
    responders: dict[bytes, list[Finding]] = {}
    answered = select(OcspAnswer.certificate_id).distinct()
    for page in pages(answered, OcspAnswer.certificate_id):
        of_these = OcspAnswer.certificate_id.in_([row.certificate_id for row in page])
        rows = db.session.execute(_ANSWERS.where(of_these)).all()
        for row in rows:
            yield from _check_answer(row, authorities, responders)
        on_progress(len(rows))


def count_answers() -> int:
    """How many rows `check_answers` will look at."""
    return db.session.scalar(select(func.count()).select_from(OcspAnswer)) or 0


# Lists -----------------------------------------------------------------------------------------

_LISTS = select(
    Crl.number,
    Crl.shard,
    Crl.this_update,
    Crl.next_update,
    Crl.entries,
    Crl.audit_seq,
    Crl.sha256,
    Crl.der,
)


def _check_published() -> Iterator[Finding]:
    """Every list that was signed was recorded, and every one recorded is here."""
    events = select(AuditEvent.seq, AuditEvent.subject, AuditEvent.details).where(
        AuditEvent.action == "crl.publish"
    )
    unrecorded = N_("CRL số %(number)d không phải bản mà nhật ký đã ghi khi công bố.")
    for page in pages(events, AuditEvent.seq):
        recorded = {int(e.subject.removeprefix("crl:")): json.loads(e.details) for e in page}
        rows = select(Crl.number, Crl.sha256).where(Crl.number.in_(recorded))
        held = {row.number: row.sha256 for row in db.session.execute(rows)}
        for number, details in recorded.items():
            if held.get(number) != details["sha256"]:
                yield _crl(number, unrecorded)
    signed = select(Crl.number).where(Crl.sha256.is_not(None))
    for page in pages(signed, Crl.number):
        subjects = {f"crl:{row.number}": row.number for row in page}
        told = set(
            db.session.scalars(
                select(AuditEvent.subject).where(
                    AuditEvent.action == "crl.publish", AuditEvent.subject.in_(subjects)
                )
            )
        )
        for subject in subjects.keys() - told:
            yield _crl(subjects[subject], unrecorded)


def _check_list(row: AnyRow, authorities: Sequence[x509.Certificate]) -> Iterator[Finding]:
    if row.der is None or hashlib.sha256(row.der).hexdigest() != row.sha256:
        yield _crl(row.number, N_("Nội dung của CRL số %(number)d đã bị sửa hoặc không còn."))
        return
    try:
        crl = x509.load_der_x509_crl(row.der)
        _, algorithm, signature = (element for _, element in der.children(row.der))
        if not _verifies(
            authorities, algorithm, der.content(signature)[1:], crl.tbs_certlist_bytes
        ):
            yield _crl(row.number, N_("Chữ ký của CA trên CRL số %(number)d sai."))
        if not _names_itself(crl, row):
            yield _crl(row.number, N_("CRL số %(number)d ghi số, phần hoặc thời gian khác với sổ."))
        lines = {entry.serial_number: _line_of(entry) for entry in crl}
    except ValueError:
        yield _crl(row.number, N_("Nội dung của CRL số %(number)d không đọc được."))
        return
    if not len(lines) == len(crl) == row.entries:
        yield _crl(row.number, N_("CRL số %(number)d có số dòng khác với sổ hoặc có dòng lặp lại."))
    yield from _check_lines(row, lines)


def _check_lines(row: AnyRow, lines: dict[int, _Line]) -> Iterator[Finding]:
    """The list holds what was revoked, suspended or abandoned when it was made, and no more."""
    since = _first_unknown_event(row)
    listed = (
        select(
            Certificate.serial_hex,
            func.coalesce(Certificate.revoked_at, Certificate.reserved_at).label("at"),
            func.coalesce(Certificate.revocation_reason, "unspecified").label("reason"),
            Certificate.invalid_since,
        )
        .where(Certificate.state.in_(LISTED))
        .execution_options(yield_per=1000)
    )
    if row.shard is not None:
        listed = listed.where(Certificate.shard == row.shard)
    with closing(db.session.execute(listed)) as rows:
        for held in rows:
            line = lines.pop(int(held.serial_hex, 16), None)
            if line != _Line(held.at, held.reason, held.invalid_since) and not _changed(
                held.serial_hex, since
            ):
                sentence = (
                    N_("CRL số %(number)d thiếu chứng thư %(serial)s đã bị thu hồi.")
                    if line is None
                    else N_(
                        "CRL số %(number)d ghi ngày hay lý do khác với sổ cho chứng thư %(serial)s."
                    )
                )
                yield _crl(row.number, sentence, serial=held.serial_hex)
    for serial in lines:
        if not _changed(f"{serial:x}", since):  # it was released since
            yield _crl(
                row.number,
                N_("CRL số %(number)d có chứng thư %(serial)s mà sổ không ghi là bị thu hồi."),
                serial=f"{serial:x}",
            )


def _first_unknown_event(row: AnyRow) -> int:
    """The first event that the list does not know; a list of release 0001 did not note it."""
    known = row.audit_seq
    if known is None:
        known = db.session.scalar(
            select(func.max(AuditEvent.seq)).where(AuditEvent.at < row.this_update)
        )
    return (known or 0) + 1


def _changed(serial: str, since: int) -> bool:
    """The certificate's state moved in that event or later."""
    event = select(AuditEvent.seq).where(
        AuditEvent.subject == f"certificate:{serial}", AuditEvent.seq >= since
    )
    return db.session.scalar(event.limit(1)) is not None


def _names_itself(crl: x509.CertificateRevocationList, row: AnyRow) -> bool:
    """Number, times and scope inside are the row's."""
    extensions = crl.extensions
    scope: int | None = None
    for extension in extensions:
        if isinstance(extension.value, x509.IssuingDistributionPoint):
            (name,) = extension.value.full_name or (None,)
            scope = int(Path(urlsplit(str(name.value)).path).stem) if name is not None else -1
    number = extensions.get_extension_for_class(x509.CRLNumber).value.crl_number
    return (number, scope, crl.last_update_utc, crl.next_update_utc) == (
        row.number,
        row.shard,
        row.this_update,
        row.next_update,
    )


def _line_of(entry: x509.RevokedCertificate) -> _Line:
    reason, invalid_since = "unspecified", None
    for extension in entry.extensions:
        if isinstance(extension.value, x509.CRLReason):
            reason = _REASONS[extension.value.reason]
        if isinstance(extension.value, x509.InvalidityDate):
            invalid_since = extension.value.invalidity_date_utc
    return _Line(entry.revocation_date_utc, reason, invalid_since)


def _check_file(row: AnyRow, published: Path) -> Iterator[Finding]:
    """The static file of this list, if there is one, is the newest list itself."""
    name = "issuing.crl" if row.shard is None else f"crl/{row.shard}.crl"
    file = published / "pki" / name
    if file.exists() and hashlib.sha256(file.read_bytes()).hexdigest() != row.sha256:
        yield _crl(
            row.number, N_("Tệp %(file)s đang công bố không phải CRL số %(number)d."), file=name
        )


def _crl(number: int, sentence: str, **values: object) -> Finding:
    return Finding(
        rule=Rule.CRL,
        row=f"crl:{number}",
        sentence=sentence,
        values={"number": number} | values,
    )


# Answers ---------------------------------------------------------------------------------------

_ANSWERS: AnySelect = select(
    OcspAnswer.cert_id,
    OcspAnswer.der,
    OcspAnswer.this_update,
    OcspAnswer.next_update,
    Certificate.serial_hex,
    Certificate.state,
    Certificate.revoked_at,
    Certificate.reserved_at,
    Certificate.revocation_reason,
).join(Certificate, Certificate.id == OcspAnswer.certificate_id)


def _check_answer(
    row: AnyRow, authorities: Sequence[x509.Certificate], responders: dict[bytes, list[Finding]]
) -> Iterator[Finding]:
    broken = partial(_ocsp, row.serial_hex)
    try:
        answer = ocsp.load_der_ocsp_response(row.der)
        signers = answer.certificates or list(authorities)
        for signer in signers if answer.certificates else []:
            encoded = signer.public_bytes(Encoding.DER)
            if encoded not in responders:
                responders[encoded] = list(_check_responder(signer, authorities, row.serial_hex))
                yield from responders[encoded]
        _, algorithm, signature = _signed_parts(row.der)
        if not _verifies(signers, algorithm, signature, answer.tbs_response_bytes):
            yield broken(N_("Chữ ký trên câu trả lời OCSP về chứng thư %(serial)s sai."))
        if row.cert_id not in answer.tbs_response_bytes:
            yield broken(N_("Câu trả lời OCSP về chứng thư %(serial)s không nhắc lại câu hỏi."))
        says = (
            f"{answer.serial_number:x}",
            answer.this_update_utc,
            answer.next_update_utc,
            answer.certificate_status,
            answer.revocation_time_utc,
            _REASONS[answer.revocation_reason],
        )
    except (ValueError, IndexError):
        yield broken(N_("Câu trả lời OCSP đã lưu về chứng thư %(serial)s không đọc được."))
        return
    revoked_at = None
    if row.state in LISTED:
        revoked_at = row.revoked_at or row.reserved_at
    status = ocsp.OCSPCertStatus.GOOD if revoked_at is None else ocsp.OCSPCertStatus.REVOKED
    reason = row.revocation_reason if revoked_at is not None else None
    held = (row.serial_hex, row.this_update, row.next_update)
    if says != (*held, status, revoked_at, reason or "unspecified"):
        yield broken(N_("Câu trả lời OCSP về chứng thư %(serial)s khác với sổ."))


def _check_responder(
    signer: x509.Certificate, authorities: Sequence[x509.Certificate], serial: str
) -> Iterator[Finding]:
    """Whoever signs the answers is certified by us for that, and stands in the ledger."""
    purposes = signer.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    if not (
        ExtendedKeyUsageOID.OCSP_SIGNING in purposes and is_signed_by_one_of(authorities, signer)
    ):  # RFC 6960 section 4.2.2.2
        yield _ocsp(serial, N_("Câu trả lời OCSP về chứng thư %(serial)s do người lạ ký."))
    else:
        yield from check_known(signer, f"ocsp:{serial}", Rule.OCSP)


def _signed_parts(answer_der: bytes) -> tuple[bytes, bytes, bytes]:
    """(ResponseData, AlgorithmIdentifier, signature) of a successful answer, RFC 6960 4.2.1."""
    outer = der.children(answer_der)[1][1]  # after the status: [0] ResponseBytes
    octets = der.children(der.children(outer)[0][1])[1][1]
    data, algorithm, signature = (part for _, part in der.children(der.content(octets))[:3])
    return data, algorithm, der.content(signature)[1:]


def _verifies(
    signers: Sequence[x509.Certificate], algorithm: bytes, signature: bytes, data: bytes
) -> bool:
    """One of the signers made this signature, in the way that is named."""
    scheme = scheme_of_algorithm(algorithm)
    for signer in signers:
        try:
            scheme.verify(signer.public_key(), signature, data)
        except InvalidSignature:
            continue
        return True
    return False


def _ocsp(serial: str, sentence: str) -> Finding:
    return Finding(
        rule=Rule.OCSP, row=f"ocsp:{serial}", sentence=sentence, values={"serial": serial}
    )
