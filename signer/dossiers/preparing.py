"""Making a document ready before anybody signs it: a field for each signer, a repaired copy."""

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from sqlalchemy import func, select

from signer.accounts import Actor, Permission
from signer.audit import Audit
from signer.clock import Clock
from signer.db import LOST_RACE, db, release, transaction
from signer.dossiers.models import Document, DocumentVersion, Dossier, StepKind
from signer.dossiers.service import Dossiers
from signer.dossiers.turns import DONE
from signer.dossiers.views import DocumentView, StepView
from signer.errors import N_, Conflict
from signer.files import Files
from signer.inventory.models import Person
from signer.signing.geometry import Slot
from signer.signing.pdf import prepare_fields
from signer.signing.placement import Signatory, propose_all
from signer.signing.preflight import repair
from signer.signing.segments import fold
from signer.signing.service import Signing


class Preparing:
    """Each act makes a new version; the one before it stays as it came (R48)."""

    def __init__(
        self, clock: Clock, audit: Audit, files: Files, signing: Signing, dossiers: Dossiers
    ) -> None:
        self._clock = clock
        self._audit = audit
        self._files = files
        self._signing = signing
        self._dossiers = dossiers

    def proposed(self, actor: Actor, document_id: int) -> tuple[Slot, ...]:
        """A field for every signer, in their order, each where name or title asks for it.

        Who has an empty field of the document already needs none.
        """
        document = self._unsigned(actor, document_id)
        steps = [step for step in document.steps if step.kind is StepKind.SIGN]
        people = db.session.scalars(
            select(Person).where(Person.id.in_([step.person_id for step in steps]))
        ).all()
        title_of = {person.id: person.title or "" for person in people}
        signatories = [
            Signatory(name=step.person_name, title=title_of[step.person_id]) for step in steps
        ]
        release()
        with self._files.path(document.sha256) as path:
            report = self._signing.preflight(path)
            words = {
                number: self._signing.pages.text(path, number)
                for number in range(1, len(report.pages) + 1)
            }
        places = propose_all(words, report.pages, signatories, report.fields)
        return tuple(
            Slot(name=_name(step), page=place.page, box=place.box, tooltip=step.person_name)
            for step, place in zip(steps, places, strict=True)
            if place.field_name is None
        )

    def place(
        self, actor: Actor, document_id: int, shown_sha256: str, slots: Sequence[Slot]
    ) -> None:
        """The newest version has these empty fields, all made in one revision."""

        def make(source: Path, output: Path) -> None:
            prepare_fields(source, output, slots)

        self._next_version(actor, document_id, shown_sha256, "ban_co_o_ky", make)

    def place_all(self, actor: Actor, dossier_id: int) -> None:
        """Every signer of every document has a field where it is proposed, before anybody signs."""
        for document in self._dossiers.dossier_of(actor, dossier_id).documents:
            slots = self.proposed(actor, document.id)
            if slots:
                self.place(actor, document.id, document.sha256, slots)

    def repair(self, actor: Actor, document_id: int, shown_sha256: str) -> None:
        """The newest version shows the same pages without damage and without what was unused."""
        self._next_version(actor, document_id, shown_sha256, "ban_da_sua", repair)

    def repaired(self, sha256: str) -> str:
        """The hash of a readable copy of a damaged file that no dossier has yet; `Invalid` if none.

        The damaged file stays in the store.
        """
        release()
        with tempfile.TemporaryDirectory(prefix="signer-") as folder:
            output = Path(folder) / "repaired.pdf"
            with self._files.path(sha256) as source:
                repair(source, output)
            return self._files.put(output)

    def _next_version(
        self,
        actor: Actor,
        document_id: int,
        shown_sha256: str,
        kind: str,
        make: Callable[[Path, Path], None],
    ) -> None:
        before = self._unsigned(actor, document_id, shown_sha256)
        release()
        with tempfile.TemporaryDirectory(prefix="signer-") as folder:
            output = Path(folder) / "prepared.pdf"
            with self._files.path(before.sha256) as source:
                make(source, output)
            report = self._signing.preflight(output)
            report.require_signable()
            size_bytes, sha256 = output.stat().st_size, self._files.put(output)
        now, newest = self._clock.now(), before.versions[-1]
        with transaction():
            # The record first, as in signing: its lock lets one of the two through at a time.
            self._audit.record(
                actor.name,
                "document.prepared",
                f"document:{document_id}",
                kind=kind,
                input=before.sha256,
                output=sha256,
            )
            number = select(func.max(DocumentVersion.number)).where(
                DocumentVersion.document_id == document_id
            )
            if db.session.scalar(number) != newest.number:
                raise Conflict(LOST_RACE)
            db.session.add(
                DocumentVersion(
                    document_id=document_id,
                    number=newest.number + 1,
                    sha256=sha256,
                    size_bytes=size_bytes,
                    file_name=f"{before.file_name.removesuffix('.pdf')}_{kind}.pdf",
                    created_by=actor.display_name,
                    created_at=now,
                )
            )
            document = db.session.get_one(Document, document_id)
            document.pages = len(report.pages)

    def _unsigned(
        self, actor: Actor, document_id: int, shown_sha256: str | None = None
    ) -> DocumentView:
        document = self._dossiers.document_of(actor, document_id)
        path = db.session.scalar(select(Dossier.unit_path).where(Dossier.id == document.dossier_id))
        actor.require(Permission.DOSSIER_CREATE, path)
        if any(step.state in (*DONE, "returned") for step in document.steps):
            raise Conflict(N_("Tài liệu đã có người ký hoặc đã bị trả lại nên không sửa được nữa."))
        if shown_sha256 not in (None, document.sha256):
            raise Conflict(N_("Tài liệu đã thay đổi so với lúc bạn xem; hãy mở lại tài liệu."))
        return document


def _name(step: StepView) -> str:
    """Of the field; whoever opens the document next finds the signer's name in it."""
    return f"KySo{step.position}_{fold(step.person_name).replace('.', '')}"
