"""The receipt of a finished document: who signed what and when, time-stamped by this system.

Kept nowhere: it is made from the rows and the stored file whenever somebody asks, and carries its
own proof. `openssl ts -verify` checks it with the root certificate alone.
"""

import hashlib
import io
import zipfile
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select

from signer.accounts import Actor
from signer.ca.timestamp import TimestampAuthority
from signer.clock import HANOI
from signer.config import Settings
from signer.db import canonical_json, db, release
from signer.dossiers.models import DocumentVersion
from signer.dossiers.service import Dossiers
from signer.dossiers.views import DocumentView
from signer.errors import N_, Conflict
from signer.files import Files
from signer.signing.models import PdfRevision
from signer.signing.service import Signing
from signer.signing.validation import SignatureVerdict, Verdict

MEDIA_TYPE = "application/vnd.etsi.asic-s+zip"
_INSIDE = "receipt.json"


@dataclass(frozen=True, kw_only=True)
class Receipt:
    """One file to hand out."""

    file_name: str
    content: bytes


class Receipts:
    """Says of documents that were signed here how they stand, and gives receipts for them."""

    def __init__(
        self,
        settings: Settings,
        files: Files,
        signing: Signing,
        dossiers: Dossiers,
        timestamps: TimestampAuthority,
    ) -> None:
        self._settings = settings
        self._files = files
        self._signing = signing
        self._dossiers = dossiers
        self._timestamps = timestamps

    def verdict_of(self, sha256: str) -> Verdict | None:
        """The present verdict on a document that was signed here; None when none has that hash.

        Open to everybody: who has the hash has the document, or a paper that quotes it.
        """
        of_dossier = select(DocumentVersion.id).where(
            DocumentVersion.sha256 == sha256, DocumentVersion.number > 0
        )
        made = select(PdfRevision.kind).where(
            PdfRevision.output_sha256 == sha256, PdfRevision.kind.in_(("sign", "stamp"))
        )
        if db.session.scalar(of_dossier.limit(1)) is None and db.session.scalar(made) is None:
            return None
        release()
        with self._files.path(sha256) as path:
            verdict = self._signing.verify(path)
        return verdict if verdict.signatures else None  # a repaired copy waits for its first

    def receipt_of(self, actor: Actor, document_id: int) -> Receipt:
        """An ASiC-S container (EN 319 162-1, 4.3): the receipt as canonical JSON, and a time-stamp
        token over exactly those octets.

        `NotFound` for a document the actor may not see, `Conflict` until all have signed.
        """
        document = self._dossiers.document_of(actor, document_id)
        if document.state != "signed":
            raise Conflict(N_("Tài liệu chưa được ký xong nên chưa có giấy xác nhận hoàn thành."))
        verdict = self._signing.verify_stored(document.sha256)
        told = canonical_json(
            _told(document, verdict, self._settings.organisation, self._settings.base_url)
        ).encode()
        token = self._timestamps.token(hashlib.sha256(told).digest(), "sha256")
        stem = document.file_name.removesuffix(".pdf")
        return Receipt(file_name=f"{stem}_xac-nhan.asics", content=_container(told, token))


def _told(
    document: DocumentView, verdict: Verdict, organisation: str, base_url: str
) -> dict[str, object]:
    """What the receipt says; the document itself is named by its hashes only."""
    completed = max((step.signed_at for step in document.steps if step.signed_at), default=None)
    return {
        "kind": "signer.receipt/1",
        "organisation": organisation,
        "dossier": document.dossier_code,
        "file_name": document.file_name,
        "original_sha256": document.versions[0].sha256,
        "sha256": document.sha256,
        "size_bytes": document.size_bytes,
        "completed_at": _iso(completed),
        "verify_at": f"{base_url.rstrip('/')}/verify?sha256={document.sha256}",
        "steps": [
            {
                "position": step.position,
                "person_code": step.person_code,
                "person_name": step.person_name,
                "signed_at": _iso(step.signed_at),
            }
            for step in document.steps
        ],
        "verdict": verdict.verdict.value,
        "checked_at": _iso(verdict.checked_at),
        "signatures": [_signature(found) for found in verdict.signatures],
    }


def _signature(found: SignatureVerdict) -> dict[str, object]:
    return {
        "kind": found.kind,
        "verdict": found.verdict.value,
        "field": found.field_name,
        "signer": found.signer,
        "unit": found.unit,
        "serial": found.serial_hex,
        "certificate_sha256": found.certificate_sha256,
        "signed_at": _iso(found.signed_at),
        "stamped_at": _iso(found.stamped_at),
        "level": found.level,
    }


def _container(told: bytes, token: bytes) -> bytes:
    """EN 319 162-1, 4.3.3: mimetype first and stored, one file, its token in META-INF."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in (
            ("mimetype", MEDIA_TYPE.encode("ascii")),
            (_INSIDE, told),
            ("META-INF/timestamp.tst", token),  # 4.3.3.2, item 4 a
        ):
            archive.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), content)
    return buffer.getvalue()


def _iso(moment: datetime | None) -> str | None:
    return None if moment is None else moment.astimezone(HANOI).isoformat(timespec="seconds")
