"""What this service made itself: judged before it is stored, recognised by its hash afterwards."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from sqlalchemy import select

from signer.db import db, release
from signer.errors import N_, Invalid
from signer.signing.models import PdfRevision
from signer.signing.pdf import SignedPdf
from signer.signing.sandbox import shared_sandbox
from signer.signing.validation import Verdict, VerdictClass, validate


class Trust(NamedTuple):
    """What the service judges by, in DER."""

    roots: tuple[bytes, ...]
    intermediates: tuple[bytes, ...]
    crls: tuple[bytes, ...]
    stamp_roots: tuple[bytes, ...]
    """Of an outside time-stamping authority; never a signer's."""


@dataclass(frozen=True, kw_only=True)
class OwnOutput:
    """Judges what is made of some documents. Threads may share it: it asks no database."""

    trust: Trust
    history: Sequence[tuple[str, str]]
    """The (input, output) pairs of the revisions made here before."""

    def check(
        self, input_sha256: str, signed: SignedPdf, path: Path, serial_hex: str, at: datetime
    ) -> None:
        """Our own validation of what was made, before it is stored; `Invalid` when it fails."""
        verdict: Verdict = validate(
            path,
            trust_roots=self.trust.roots,
            intermediates=self.trust.intermediates,
            crls=self.trust.crls,
            stamp_roots=self.trust.stamp_roots,
            at=max(at, signed.stamped_at or at),
            known=lambda _: [*self.history, (input_sha256, signed.sha256)],
            sandbox=shared_sandbox(),
        )
        ours = [one for one in verdict.signatures if one.kind == "signature"]
        mine = bool(ours) and int(ours[-1].serial_hex, 16) == int(serial_hex, 16)
        if not mine or verdict.verdict is VerdictClass.INVALID or verdict.sha256 != signed.sha256:
            raise Invalid(
                N_("Chữ ký vừa tạo không qua được bước tự kiểm tra nên không được lưu lại.")
            )


def history_of(hashes: Iterable[str]) -> list[tuple[str, str]]:
    """The (input, output) pairs of all revisions made here on the way to these documents."""
    found: list[tuple[str, str]] = []
    newest = list(hashes)
    while newest:  # one question a signer, for all documents together
        pairs = known_revisions(newest)
        found += pairs
        newest = [before for before, _ in pairs]
    return found


def known_revisions(hashes: Sequence[str]) -> list[tuple[str, str]]:
    """Of these hashes, the (input, output) pairs that are revisions this service made."""
    rows = db.session.execute(
        select(PdfRevision.input_sha256, PdfRevision.output_sha256).where(
            PdfRevision.output_sha256.in_(hashes)
        )
    ).all()
    release()  # whoever asks has a long analysis before it
    return [(row.input_sha256, row.output_sha256) for row in rows]
