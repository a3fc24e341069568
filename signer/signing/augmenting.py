"""A document that is signed already gets what makes its signatures last: again, if need be."""

import tempfile
from collections.abc import Callable
from pathlib import Path

from sqlalchemy import insert, select, update

from signer.audit import Audit
from signer.ca.authority import Authority
from signer.clock import Clock
from signer.db import Base, db, release, transaction
from signer.errors import N_, Invalid, NotFound
from signer.files import Files
from signer.signing.levels import Level, Material
from signer.signing.models import PdfRevision, Signature
from signer.signing.pdf import SignedPdf, augment_pdf
from signer.signing.stamping import Stamping
from signer.signing.validation import Verdict, VerdictClass

_REVISIONS = Base.metadata.tables[PdfRevision.__tablename__]
_SIGNATURES = Base.metadata.tables[Signature.__tablename__]


class Augmenting:
    """Adds time stamps and validation material; needs no person's key."""

    def __init__(
        self,
        clock: Clock,
        audit: Audit,
        files: Files,
        authority: Authority,
        stamping: Stamping,
        judge: Callable[[Path], Verdict],
    ) -> None:
        """`judge` gives the verdict on a file, outside any transaction."""
        self._clock = clock
        self._audit = audit
        self._files = files
        self._authority = authority
        self._stamping = stamping
        self._judge = judge

    def wanted_level(self, sha256: str) -> Level:
        """What the signature that made this file was to reach; the setting where none is kept."""
        wanted = db.session.scalar(
            select(Signature.wanted_level).where(Signature.output_sha256 == sha256)
        )
        return Level(wanted) if wanted else self._stamping.level

    def find_complete(self, sha256: str) -> str | None:
        """The signed file once it has all that its signature was to reach; None before that."""
        stamped = db.session.scalar(
            select(PdfRevision.output_sha256).where(
                PdfRevision.input_sha256 == sha256, PdfRevision.kind == "stamp"
            )
        )
        if stamped is not None:
            return stamped
        lacking = db.session.scalar(
            select(Signature.id).where(
                Signature.output_sha256 == sha256, Signature.level != Signature.wanted_level
            )
        )
        return sha256 if lacking is None else None

    def augment(
        self,
        sha256: str,
        *,
        level: Level,
        subject: str,
        action: str,
        store: Callable[[SignedPdf], None],
    ) -> SignedPdf:
        """The stored file has a next version of that level; `store` runs in the outcome's commit.

        Judged before and after: nothing broken is stamped, and nothing that our stamp broke is
        kept. `Unavailable` when there is no stamp to be had, `Invalid` for a broken document.
        Killed at any step, a file without a name is all that is left, and it is done again.
        """
        release()
        with (
            tempfile.TemporaryDirectory(prefix="signer-stamp-") as folder,
            self._files.path(sha256) as source,
        ):
            output = Path(folder) / "stamped.pdf"
            before = self._sound(source)
            signed = augment_pdf(
                source,
                output,
                level=level,
                stamper=self._stamping.stamper(),
                material=self._material(before) if level.has_material else None,
                at=self._clock.now(),
            )
            if len(self._sound(output).signatures) < len(before.signatures):
                raise Invalid(_BROKEN)
            self._files.put(output)
        now = self._clock.now()
        with transaction():
            self._audit.record(
                "system", action, subject, input=sha256, output=signed.sha256, level=level.value
            )
            db.session.execute(
                insert(_REVISIONS).values(
                    output_sha256=signed.sha256, input_sha256=sha256, kind="stamp", made_at=now
                )
            )
            db.session.execute(
                update(_SIGNATURES)
                .where(_SIGNATURES.c.output_sha256 == sha256, _SIGNATURES.c.level != level.value)
                .values(level=level.value)
            )
            store(signed)
        return signed

    def _sound(self, path: Path) -> Verdict:
        verdict = self._judge(path)
        if verdict.verdict is VerdictClass.INVALID or not verdict.signatures:
            raise Invalid(_BROKEN)
        return verdict

    def _material(self, verdict: Verdict) -> Material:
        """For the newest signature or stamp: what is older was provided for when it was newest."""
        for one in reversed(verdict.signatures):
            try:
                issued = self._authority.certificate_of(int(one.serial_hex, 16))
            except NotFound:  # another authority's
                continue
            release()
            return self._stamping.material_of(issued.der)
        return self._stamping.material_of(self._authority.issuing_der())


_BROKEN = N_("Chữ ký trong tài liệu không còn hợp lệ nên không đóng thêm dấu thời gian.")
